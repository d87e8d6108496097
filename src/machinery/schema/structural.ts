import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { builtinShape } from './builtin.ts';
import { fillDefaults, pruneNulls } from './custom-values.ts';
import { readSchema, schemaOf } from './read-schema.ts';
import type { FieldSchema, ObjectShape, TypeSchema } from './type-schema.ts';

/** A definition's schema, ready for decoding, defaulting and the patches. */
export interface StructuralSchema {
  readonly shape: ObjectShape;
  readonly schema: JSONSchemaProps;
  /** Drops nulls that may not be, and fills defaults, in place. */
  applyDefaults(object: Record<string, unknown>): void;
}

/** What an object keeps that has no schema at all. */
const anything: TypeSchema = { shape: 'opaque', embeddedObject: false, granular: true };

/** Reads the schema of one version of a definition; undefined stands for one that keeps everything. */
export function compileStructural(schema: JSONSchemaProps | undefined): StructuralSchema {
  const root: JSONSchemaProps =
    schema !== undefined ? readSchema(schema) : { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const fields = new Map<string, FieldSchema>();
  for (const name of ['apiVersion', 'kind'] as const) fields.set(name, toField(name, { type: 'string' }));
  fields.set('metadata', { ...toField('metadata', {}), type: builtinShape('meta/v1.ObjectMeta') });
  for (const [name, property] of Object.entries(root.properties ?? {})) {
    if (!fields.has(name)) fields.set(name, toField(name, property));
  }
  const shape: ObjectShape = {
    shape: 'object',
    fields,
    atomic: false,
    preservesUnknown: root['x-kubernetes-preserve-unknown-fields'] === true,
  };
  return {
    shape,
    schema: root,
    applyDefaults(object) {
      pruneNulls(object, root);
      fillDefaults(object, root);
    },
  };
}

function toField(name: string, schema: JSONSchemaProps): FieldSchema {
  return {
    name,
    type: toType(schema),
    nullable: schema.nullable === true,
    required: false,
    alwaysWritten: false,
    // A custom object keeps what it is given, empty or not.
    pointer: true,
    ...(schema.default === undefined ? {} : { default: schema.default }),
    patchStrategy: [],
  };
}

function toType(schema: JSONSchemaProps): TypeSchema {
  const atomic = schema['x-kubernetes-map-type'] === 'atomic';
  if (schema['x-kubernetes-int-or-string']) return { shape: 'scalar', type: 'int-or-string' };
  switch (schema.type) {
    case 'object':
      return toObject(schema, atomic);
    case 'array':
      return {
        shape: 'list',
        items: toType(schemaOf(schema.items) ?? {}),
        listType: (schema['x-kubernetes-list-type'] as 'atomic' | 'set' | 'map' | undefined) ?? 'atomic',
        mapKeys: schema['x-kubernetes-list-map-keys'] ?? [],
      };
    case 'string':
      return { shape: 'scalar', type: 'string' };
    case 'integer':
      return { shape: 'scalar', type: 'int64' };
    case 'number':
      return { shape: 'scalar', type: 'double' };
    case 'boolean':
      return { shape: 'scalar', type: 'boolean' };
    default:
      return anything;
  }
}

function toObject(schema: JSONSchemaProps, atomic: boolean): TypeSchema {
  const { additionalProperties } = schema;
  if (typeof additionalProperties === 'object') return { shape: 'map', values: toType(additionalProperties), atomic };
  if (additionalProperties === true) return { shape: 'map', values: anything, atomic };
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  const fields = new Map(
    Object.entries(schema.properties ?? {}).map(([name, property]) => [name, toField(name, property)]),
  );
  if (embedded) {
    for (const name of ['apiVersion', 'kind']) fields.set(name, toField(name, { type: 'string' }));
    fields.set('metadata', { ...toField('metadata', {}), type: builtinShape('meta/v1.ObjectMeta') });
  }
  return { shape: 'object', fields, atomic, preservesUnknown: schema['x-kubernetes-preserve-unknown-fields'] === true };
}
