import { parseApiVersion } from '../../machinery/object/object.ts';
import {
  ALWAYS,
  allKinds,
  INLINE,
  isAtomicType,
  isKind,
  MAP,
  POINTER,
  REPEATED,
  REQUIRED,
  type Row,
  rowsOf,
  unionsOf,
} from '../../machinery/schema/schema-table.ts';
import type { Descriptions } from './descriptions.ts';
import { enumerationKey } from './enumerations.ts';
import { schemaNameOf } from './schema-names.ts';

/** A JSON schema in the dialect of OpenAPI 3.0. */
export type Schema = Readonly<Record<string, unknown>>;

/** Schemas by name; a document holds those that its paths lead to. */
export interface Schemas {
  readonly byName: Map<string, Schema>;
  /** Those that come from definitions. */
  readonly customNames: Set<string>;
  readonly descriptions: Descriptions;
  /** Values of fields that take some only. */
  readonly enumerations: ReadonlyMap<string, readonly string[]>;
}

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
  Quantity: [
    `${UTIL}.api.resource.Quantity`,
    {
      description: 'An amount as a decimal number with a unit behind it, such as 500m, 2, 1.5Gi or 1e3.',
      oneOf: [{ type: 'string' }, { type: 'number' }],
    },
  ],
  IntOrString: [
    `${UTIL}.util.intstr.IntOrString`,
    { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  ],
  Time: [
    `${UTIL}.apis.meta.v1.Time`,
    { description: 'A moment in whole seconds, as RFC 3339 writes it.', type: 'string', format: 'date-time' },
  ],
  MicroTime: [`${UTIL}.apis.meta.v1.MicroTime`, { type: 'string', format: 'date-time' }],
  Duration: [
    `${UTIL}.apis.meta.v1.Duration`,
    { description: 'A length of time with its units, such as 1h30m or 500ms.', type: 'string' },
  ],
  FieldsV1: [
    `${UTIL}.apis.meta.v1.FieldsV1`,
    {
      description:
        'A set of fields as a tree: f: stands before the name of a field, k: before the keys of a list item, v: before a ' +
        'value in a set, i: before an index, and a dot for the item itself.',
      type: 'object',
    },
  ],
  RawExtension: [
    `${UTIL}.runtime.RawExtension`,
    { description: 'Any object, with a kind and a version of its own.', type: 'object' },
  ],
  Json: [`${EXTENSIONS}.JSON`, {}],
  SchemaOrArray: [`${EXTENSIONS}.JSONSchemaPropsOrArray`, {}],
  SchemaOrBool: [`${EXTENSIONS}.JSONSchemaPropsOrBool`, {}],
  SchemaOrStringArray: [`${EXTENSIONS}.JSONSchemaPropsOrStringArray`, {}],
};

/** What Go has where nothing was set; told for fields that are always written. */
const zeros: Readonly<Record<string, unknown>> = {
  string: '',
  bool: false,
  int32: 0,
  int64: 0,
  uint32: 0,
  uint64: 0,
  double: 0,
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
  if (!schemas.byName.has(name)) {
    // Named before it is made: some types contain themselves.
    schemas.byName.set(name, {});
    schemas.byName.set(name, toObject(schemas, typeName));
  }
  return refTo(name);
}

/** The schema of a plain type; undefined for structs and what has a JSON form of its own. */
export function scalarSchema(type: string): Schema | undefined {
  return scalars[type];
}

export function refTo(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

/** Of which kinds a type is. Options are of a kind in every group. */
function kindsOf(typeName: string): readonly GroupVersionKindEntry[] {
  const own = allKinds().filter((each) => each.typeName === typeName);
  if (typeName !== 'meta/v1.DeleteOptions' && typeName !== 'meta/v1.WatchEvent')
    return own.map(({ apiVersion, kind }) => ({ ...parseApiVersion(apiVersion), kind }));
  const versions = [...new Set(allKinds().map(({ apiVersion }) => apiVersion))].sort();
  return versions.flatMap((apiVersion) => own.map(({ kind }) => ({ ...parseApiVersion(apiVersion), kind })));
}

function toObject(schemas: Schemas, typeName: string): Schema {
  const properties: Record<string, Schema> = {};
  const kinds = isKind(typeName) ? kindsOf(typeName) : [];
  // Events of a watch are known as a kind, and have none in themselves.
  if (kinds.length > 0 && typeName !== 'meta/v1.WatchEvent') {
    for (const name of ['apiVersion', 'kind'])
      properties[name] = described({ type: 'string' }, schemas.descriptions.ofField(typeName, name));
  }
  const required: string[] = [...(requiredInline[typeName] ?? [])];
  collect({ schemas, typeName }, typeName, properties, required);
  const unions = unionsOf(typeName);
  return {
    ...described({ type: 'object' }, schemas.descriptions.ofType(typeName)),
    ...(required.length === 0 ? {} : { required }),
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
    ...(isAtomicType(typeName) ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...(unions === undefined ? {} : { 'x-kubernetes-unions': unions }),
    ...(kinds.length === 0 ? {} : { 'x-kubernetes-group-version-kind': kinds }),
  };
}

/** Where a field stands in a document: embedded structs have no schema of their own. */
interface Owner {
  readonly schemas: Schemas;
  readonly typeName: string;
}

function collect(owner: Owner, typeName: string, properties: Record<string, Schema>, required: string[]): void {
  for (const row of rowsOf(typeName)) {
    const [, name, type, flags] = row;
    if (flags & INLINE) {
      collect(owner, type, properties, required);
      continue;
    }
    properties[name] = toProperty(owner, row);
    if (flags & REQUIRED) required.push(name);
  }
}

function toProperty({ schemas, typeName }: Owner, [, name, type, flags, extra]: Row): Schema {
  const hints: Record<string, unknown> = {};
  if (extra?.keys !== undefined) hints['x-kubernetes-list-map-keys'] = extra.keys;
  if (extra?.list !== undefined) hints['x-kubernetes-list-type'] = extra.list;
  if (extra?.atomic !== undefined) hints['x-kubernetes-map-type'] = extra.atomic ? 'atomic' : 'granular';
  if (extra?.mergeKey !== undefined) hints['x-kubernetes-patch-merge-key'] = extra.mergeKey;
  if (extra?.patch !== undefined) hints['x-kubernetes-patch-strategy'] = extra.patch;
  const single = !(flags & (MAP | REPEATED));
  const zero = single && !(flags & POINTER) ? zeroOf(type, (flags & ALWAYS) !== 0) : undefined;
  const given = extra?.default ?? zero;
  if (given !== undefined) hints['default'] = given;
  // Of fields that are structs the library lost what they say of themselves; what the struct is for is left.
  const description =
    schemas.descriptions.ofField(typeName, name) ?? (single ? describeType(schemas, type) : undefined);
  const choice = schemas.enumerations.get(enumerationKey(schemaNameOf(typeName), name));
  const value = withChoice(toValue(schemas, type), choice);
  if (single) return withHints(described(value, description), hints);
  const shape = flags & MAP ? { type: 'object', additionalProperties: value } : { type: 'array', items: value };
  return { ...described(shape, description), ...hints };
}

/** A type, or the elements of one that is a list, with the values that they take. */
function withChoice(schema: Schema, choice: readonly string[] | undefined): Schema {
  return choice === undefined || schema['type'] !== 'string' ? schema : { ...schema, enum: choice };
}

/** @param isAlways - A field without `omitempty`. Structs are always there. */
function zeroOf(type: string, isAlways: boolean): unknown {
  if (type in zeros) return isAlways ? zeros[type] : undefined;
  return isStruct(type) ? {} : undefined;
}

function isStruct(type: string): boolean {
  return type.includes('.') || type === 'FieldsV1';
}

function described(schema: Schema, description: string | undefined): Schema {
  return description === undefined ? schema : { description, ...schema };
}

/** What stands beside a reference does not count in this dialect. */
function withHints(schema: Schema, hints: Schema): Schema {
  const { $ref, ...rest } = { ...schema, ...hints };
  if ($ref === undefined || Object.keys(rest).length === 0) return { ...schema, ...hints };
  return { allOf: [{ $ref }], ...rest };
}

function describeType(schemas: Schemas, type: string): string | undefined {
  if (type in scalars) return undefined;
  return schemas.descriptions.ofType(type.includes('.') ? type : `meta/v1.${type}`);
}

function toValue(schemas: Schemas, type: string): Schema {
  const scalar = scalars[type];
  if (scalar !== undefined) return scalar;
  if (type === 'QuantityMap') return { type: 'object', additionalProperties: toValue(schemas, 'Quantity') };
  const leaf = leaves[type];
  if (leaf === undefined) return addBuiltin(schemas, type);
  const [name, schema] = leaf;
  schemas.byName.set(name, described(schema, schemas.descriptions.ofType(`meta/v1.${name.replace(/^.*\./, '')}`)));
  return refTo(name);
}
