import {
  INLINE,
  isAtomicType,
  isKind,
  MAP,
  REPEATED,
  REQUIRED,
  type Row,
  rowsOf,
} from '../../machinery/schema/schema-table.ts';
import { schemaNameOf } from './schema-names.ts';

/** A JSON schema in the dialect of OpenAPI 3.0. */
export type Schema = Readonly<Record<string, unknown>>;

/** Schemas by name; a document holds those that its paths lead to. */
export type Schemas = Map<string, Schema>;

/** Required fields that stand in an embedded struct, of which the recorded document has no definition. */
const requiredInline: Readonly<Record<string, readonly string[]>> = { 'core/v1.EphemeralContainer': ['name'] };

const UTIL = 'io.k8s.apimachinery.pkg';
const EXTENSIONS = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';

const scalars: Readonly<Record<string, Schema>> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  uint32: { type: 'integer', format: 'int64' },
  int64: { type: 'integer', format: 'int64' },
  uint64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
  StringList: { type: 'array', items: { type: 'string' } },
};

/** Types with a JSON form of their own: the name and the schema behind it. */
const leaves: Readonly<Record<string, readonly [string, Schema]>> = {
  Quantity: [`${UTIL}.api.resource.Quantity`, { oneOf: [{ type: 'string' }, { type: 'number' }] }],
  IntOrString: [
    `${UTIL}.util.intstr.IntOrString`,
    { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  ],
  Time: [`${UTIL}.apis.meta.v1.Time`, { type: 'string', format: 'date-time' }],
  MicroTime: [`${UTIL}.apis.meta.v1.MicroTime`, { type: 'string', format: 'date-time' }],
  Duration: [`${UTIL}.apis.meta.v1.Duration`, { type: 'string' }],
  FieldsV1: [`${UTIL}.apis.meta.v1.FieldsV1`, { type: 'object' }],
  RawExtension: [`${UTIL}.runtime.RawExtension`, { type: 'object' }],
  Json: [`${EXTENSIONS}.JSON`, {}],
  SchemaOrArray: [`${EXTENSIONS}.JSONSchemaPropsOrArray`, {}],
  SchemaOrBool: [`${EXTENSIONS}.JSONSchemaPropsOrBool`, {}],
  SchemaOrStringArray: [`${EXTENSIONS}.JSONSchemaPropsOrStringArray`, {}],
};

export interface GroupVersionKindEntry {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/**
 * Adds the schema of a built-in type, and of all that it is made of, unless they are there already.
 * @returns a reference to it.
 */
export function addBuiltin(schemas: Schemas, typeName: string): Schema {
  const name = schemaNameOf(typeName);
  if (!schemas.has(name)) {
    // Named before it is made: some types contain themselves.
    schemas.set(name, {});
    schemas.set(name, toObject(schemas, typeName));
  }
  return refTo(name);
}

/** Says of which kinds a schema is. */
export function markKinds(schemas: Schemas, typeName: string, kinds: readonly GroupVersionKindEntry[]): void {
  const name = schemaNameOf(typeName);
  schemas.set(name, { ...schemas.get(name), 'x-kubernetes-group-version-kind': kinds });
}

export function refTo(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

function toObject(schemas: Schemas, typeName: string): Schema {
  const properties: Record<string, Schema> = {};
  if (isKind(typeName)) {
    properties['apiVersion'] = { type: 'string' };
    properties['kind'] = { type: 'string' };
  }
  const required: string[] = [...(requiredInline[typeName] ?? [])];
  collect(schemas, typeName, properties, required);
  return {
    type: 'object',
    ...(required.length === 0 ? {} : { required }),
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
    ...(isAtomicType(typeName) ? { 'x-kubernetes-map-type': 'atomic' } : {}),
  };
}

function collect(schemas: Schemas, typeName: string, properties: Record<string, Schema>, required: string[]): void {
  for (const row of rowsOf(typeName)) {
    const [, name, type, flags] = row;
    if (flags & INLINE) {
      collect(schemas, type, properties, required);
      continue;
    }
    properties[name] = toProperty(schemas, row);
    if (flags & REQUIRED) required.push(name);
  }
}

function toProperty(schemas: Schemas, [, , type, flags, extra]: Row): Schema {
  const value = toValue(schemas, type);
  const hints: Record<string, unknown> = {};
  if (extra?.keys !== undefined) hints['x-kubernetes-list-map-keys'] = extra.keys;
  if (extra?.list !== undefined) hints['x-kubernetes-list-type'] = extra.list;
  if (extra?.atomic) hints['x-kubernetes-map-type'] = 'atomic';
  if (extra?.mergeKey !== undefined) hints['x-kubernetes-patch-merge-key'] = extra.mergeKey;
  if (extra?.patch !== undefined) hints['x-kubernetes-patch-strategy'] = extra.patch;
  if (extra?.default !== undefined) hints['default'] = extra.default;
  if (flags & MAP) return { type: 'object', additionalProperties: value, ...hints };
  if (flags & REPEATED) return { type: 'array', items: value, ...hints };
  if (Object.keys(hints).length === 0 || value['$ref'] === undefined) return { ...value, ...hints };
  // What stands beside a reference does not count in this dialect.
  return { allOf: [value], ...hints };
}

function toValue(schemas: Schemas, type: string): Schema {
  const scalar = scalars[type];
  if (scalar !== undefined) return scalar;
  if (type === 'QuantityMap') return { type: 'object', additionalProperties: toValue(schemas, 'Quantity') };
  const leaf = leaves[type];
  if (leaf === undefined) return addBuiltin(schemas, type);
  schemas.set(leaf[0], leaf[1]);
  return refTo(leaf[0]);
}
