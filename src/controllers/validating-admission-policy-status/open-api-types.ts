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
} from '../../machinery/cel/cel-type.ts';
import { escapeField } from '../../machinery/cel/field-names.ts';

/** A schema of an OpenAPI 3.0 document. */
export interface OpenApiSchema {
  readonly $ref?: string | undefined;
  readonly allOf?: readonly OpenApiSchema[] | undefined;
  readonly type?: string | undefined;
  readonly format?: string | undefined;
  readonly properties?: Readonly<Record<string, OpenApiSchema>> | undefined;
  readonly additionalProperties?: OpenApiSchema | boolean | undefined;
  readonly items?: OpenApiSchema | undefined;
  readonly 'x-kubernetes-int-or-string'?: boolean | undefined;
  readonly 'x-kubernetes-embedded-resource'?: boolean | undefined;
  readonly 'x-kubernetes-group-version-kind'?:
    | readonly { readonly group: string; readonly version: string; readonly kind: string }[]
    | undefined;
}

export type Structs = Map<string, ReadonlyMap<string, CelType>>;

const PREFIX = '#/components/schemas/';
const text: OpenApiSchema = { type: 'string' };

/**
 * The type that expressions see for a schema of an OpenAPI document, its structs named by where they stand.
 * Source: apiserver `pkg/cel/openapi/resolver/refs.go`, `pkg/cel/common/schemas.go` (SchemaDeclType).
 */
export class OpenApiTypes {
  readonly #schemas: Readonly<Record<string, OpenApiSchema>>;
  readonly #structs: Structs;

  constructor(schemas: Readonly<Record<string, OpenApiSchema>>, structs: Structs) {
    this.#schemas = schemas;
    this.#structs = structs;
  }

  /** Undefined where the document does not know the kind, or expressions cannot see it. */
  ofKind(wanted: { readonly group: string; readonly version: string; readonly kind: string }): CelType | undefined {
    const found = Object.entries(this.#schemas).find(([, schema]) =>
      schema['x-kubernetes-group-version-kind']?.some(
        ({ group, version, kind }) => group === wanted.group && version === wanted.version && kind === wanted.kind,
      ),
    );
    if (found === undefined) return undefined;
    const [name, schema] = found;
    return this.#convert(schema, { isRoot: true, name: wanted.kind, within: new Set([PREFIX + name]) });
  }

  #convert(given: OpenApiSchema, place: Place): CelType | undefined {
    const ref = refOf(given);
    // A type inside of itself is an object of which nothing is known.
    if (ref !== undefined && place.within.has(ref)) return this.#object({ type: 'object' }, place);
    const schema = ref === undefined ? given : this.#schemas[ref.slice(PREFIX.length)];
    if (schema === undefined) return undefined;
    const within = ref === undefined ? place.within : new Set([...place.within, ref]);
    if (schema.format === 'int-or-string' || schema['x-kubernetes-int-or-string'] === true) return DYN;
    const inner = { ...place, within };
    switch (schema.type) {
      case 'array': {
        const item = schema.items && this.#convert(schema.items, below(inner, '@idx', schema.items));
        return item && listOf(item);
      }
      case 'object':
        return this.#object(place.isRoot ? withTypeAndName(schema) : schema, inner);
      case 'string':
        return ofFormat(schema.format);
      case 'boolean':
        return BOOL;
      case 'number':
        return DOUBLE;
      case 'integer':
        return INT;
      default:
        return undefined;
    }
  }

  #object({ additionalProperties, properties = {} }: OpenApiSchema, place: Place): CelType | undefined {
    if (typeof additionalProperties === 'object') {
      const value = this.#convert(additionalProperties, below(place, '@elem', additionalProperties));
      return value && mapOf(STRING, value);
    }
    const fields = new Map<string, CelType>();
    for (const [name, property] of Object.entries(properties)) {
      const type = this.#convert(property, below(place, name, property));
      const escaped = escapeField(name);
      if (type !== undefined && escaped !== undefined) fields.set(escaped, type);
    }
    this.#structs.set(place.name, fields);
    return struct(place.name);
  }
}

interface Place {
  readonly isRoot: boolean;
  readonly name: string;
  /** References that lead here. */
  readonly within: ReadonlySet<string>;
}

function below({ name, within }: Place, part: string, schema: OpenApiSchema): Place {
  return { isRoot: schema['x-kubernetes-embedded-resource'] === true, name: `${name}.${part}`, within };
}

/** References stand alone or, beside a description, as the only part of an `allOf`. */
function refOf({ $ref, allOf = [] }: OpenApiSchema): string | undefined {
  return $ref ?? allOf.map(refOf).find((ref) => ref !== undefined);
}

/** Kind, version and name are always there. */
function withTypeAndName(schema: OpenApiSchema): OpenApiSchema {
  const { kind, apiVersion, metadata } = schema.properties ?? {};
  if (kind?.type === 'string' && apiVersion?.type === 'string' && metadata !== undefined) return schema;
  const known = { type: 'object', properties: { name: text, generateName: text } };
  return { ...schema, properties: { ...schema.properties, kind: text, apiVersion: text, metadata: known } };
}

function ofFormat(format: string | undefined): CelType {
  if (format === 'byte') return BYTES;
  if (format === 'duration') return DURATION;
  return format === 'date' || format === 'date-time' ? TIMESTAMP : STRING;
}
