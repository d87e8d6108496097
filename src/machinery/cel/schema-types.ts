import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { schemaOf } from '../schema/read-schema.ts';
import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  STRING,
  struct,
  TIMESTAMP,
} from './cel-type.ts';
import { escapeField, unescapeField } from './field-names.ts';

/** The type that expressions see for a schema, with what the schema says of sizes. Source: apiserver `pkg/cel/types.go` (DeclType). */
export interface DeclType {
  readonly kind: 'object' | 'map' | 'list' | 'scalar';
  readonly scalar: CelType;
  /** By escaped name. */
  readonly fields: ReadonlyMap<string, DeclType>;
  /** Of a map's values or a list's items. */
  readonly element: DeclType | undefined;
  /** Upper bound of what `size()` yields. */
  readonly maxElements: number;
  /** Bytes of the shortest JSON that the schema allows. */
  readonly minSize: number;
}

export const MAX_REQUEST_BYTES = 3 * 1024 * 1024;

const none: ReadonlyMap<string, DeclType> = new Map();

function scalar(type: CelType, minSize: number, maxElements = 0): DeclType {
  return { kind: 'scalar', scalar: type, fields: none, element: undefined, maxElements, minSize };
}

const KEY = scalar(STRING, 2);

/**
 * The type of a structural schema; undefined for schemas that expressions cannot see.
 *
 * Source: apiserver `pkg/cel/common/schemas.go` (SchemaDeclType).
 *
 * @param isRoot - Whether the schema is that of a whole object, whose kind and name are always visible.
 */
export function declTypeOf(schema: JSONSchemaProps, isRoot: boolean): DeclType | undefined {
  if (schema['x-kubernetes-int-or-string']) {
    const { maxLength } = schema;
    return scalar(DYN, 1, maxLength === undefined ? MAX_REQUEST_BYTES - 2 : Math.max(0, maxLength) * 4);
  }
  const own = isRoot ? withTypeAndName(schema) : schema;
  switch (own.type) {
    case 'array':
      return listType(own);
    case 'object':
      return objectType(own);
    case 'string':
      return stringType(own);
    case 'boolean':
      return scalar(BOOL, 4);
    case 'number':
      return scalar(DOUBLE, 1);
    case 'integer':
      return scalar(INT, 1);
    default:
      return undefined;
  }
}

function isEmbedded(schema: JSONSchemaProps): boolean {
  return schema['x-kubernetes-embedded-resource'] === true;
}

const text: JSONSchemaProps = { type: 'string' };

/** A schema whose objects show their kind, version and name; one that says so itself stays as it is. */
export function withTypeAndName(schema: JSONSchemaProps): JSONSchemaProps {
  const { kind, apiVersion, metadata: own } = schema.properties ?? {};
  const { name, generateName } = own?.properties ?? {};
  const isTyped =
    own?.type === 'object' && [kind, apiVersion, name, generateName].every((each) => each?.type === 'string');
  if (isTyped) return schema;
  const metadata = { type: 'object', properties: { name: text, generateName: text } };
  return { ...schema, properties: { ...schema.properties, kind: text, apiVersion: text, metadata } };
}

function listType(schema: JSONSchemaProps): DeclType | undefined {
  const items = schemaOf(schema.items);
  const element = items === undefined ? undefined : declTypeOf(items, isEmbedded(items));
  if (element === undefined) return undefined;
  const { maxItems } = schema;
  const fits = Math.floor((MAX_REQUEST_BYTES - 2) / (element.minSize + 1));
  const maxElements = maxItems === undefined ? fits : Math.max(0, maxItems);
  return { kind: 'list', scalar: DYN, fields: none, element, maxElements, minSize: 2 };
}

function objectType(schema: JSONSchemaProps): DeclType | undefined {
  const values = schemaOf(schema.additionalProperties);
  if (values !== undefined) {
    const element = declTypeOf(values, isEmbedded(values));
    if (element === undefined) return undefined;
    const { maxProperties } = schema;
    const fits = Math.floor((MAX_REQUEST_BYTES - 2) / (element.minSize + 6));
    const maxElements = maxProperties === undefined ? fits : Math.max(0, maxProperties);
    return { kind: 'map', scalar: DYN, fields: none, element, maxElements, minSize: 2 };
  }
  const fields = new Map<string, DeclType>();
  const required = new Set(schema.required ?? []);
  let minSize = 2;
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const type = declTypeOf(property, isEmbedded(property));
    if (type === undefined) continue;
    const escaped = escapeField(name);
    if (escaped !== undefined) fields.set(escaped, type);
    if (required.has(name) && property.default === undefined) minSize += Buffer.byteLength(name) + type.minSize + 4;
  }
  return { kind: 'object', scalar: DYN, fields, element: undefined, maxElements: 0, minSize };
}

function stringType(schema: JSONSchemaProps): DeclType {
  const { maxLength, format } = schema;
  const longest = MAX_REQUEST_BYTES - 2;
  switch (format) {
    case 'byte':
      return scalar(BYTES, 2, maxLength === undefined ? longest : Math.max(0, maxLength));
    case 'duration':
      return scalar(DURATION, 3, 32);
    case 'date':
      return scalar(TIMESTAMP, 12, 12);
    case 'date-time':
      return scalar(TIMESTAMP, 21, 32);
    default:
      break;
  }
  if (maxLength !== undefined) return scalar(STRING, 2, Math.max(0, maxLength) * 4);
  const choices = (schema.enum ?? []) as readonly unknown[];
  if (choices.length === 0) return scalar(STRING, 2, longest);
  return scalar(
    STRING,
    2,
    Math.max(0, ...choices.map((each) => (typeof each === 'string' ? Buffer.byteLength(each) : 0))),
  );
}

/** The CEL type of a declaration, and the struct types that it is made of, named by where they stand. */
export function toCelType(type: DeclType, name: string, structs: Map<string, ReadonlyMap<string, CelType>>): CelType {
  switch (type.kind) {
    case 'object': {
      const fields = new Map<string, CelType>();
      structs.set(name, fields);
      for (const [field, inner] of type.fields) {
        const fieldType = toCelType(inner, `${name}.${field}`, structs);
        fields.set(field, fieldType);
        // Words that are reserved, but no tokens of their own, may be written as they are.
        const word = unescapeField(field);
        if (word !== undefined && field === `__${word}__`) fields.set(word, fieldType);
      }
      return struct(name);
    }
    case 'list':
      return listOf(toCelType(type.element as DeclType, `${name}.@idx`, structs));
    case 'map':
      return mapOf(STRING, toCelType(type.element as DeclType, `${name}.@elem`, structs));
    case 'scalar':
      return type.scalar;
    default:
      return type.kind satisfies never;
  }
}

/** The declaration at a path below a variable; undefined where there is none. */
export function declAt(root: DeclType, path: readonly string[]): DeclType | undefined {
  let current: DeclType | undefined = root;
  for (const name of path) {
    if (current === undefined) return undefined;
    if (name === '@items' || name === '@values') current = current.element;
    else if (name === '@keys') current = current.kind === 'map' ? KEY : undefined;
    else current = current.fields.get(name);
  }
  return current;
}
