import {
  ALWAYS,
  hasType,
  INLINE,
  isAtomicType,
  isKind,
  MAP,
  OMIT_ZERO,
  POINTER,
  REPEATED,
  REQUIRED,
  type Row,
  rowsOf,
} from './schema-table.ts';
import type {
  FieldSchema,
  ListShape,
  ObjectShape,
  OpaqueShape,
  ScalarShape,
  ScalarType,
  TypeSchema,
} from './type-schema.ts';

export { typeNameOf } from './schema-table.ts';

const scalars: Readonly<Record<string, ScalarType>> = {
  string: 'string',
  bool: 'boolean',
  int32: 'int32',
  uint32: 'int32',
  int64: 'int64',
  uint64: 'int64',
  double: 'double',
  bytes: 'bytes',
  Quantity: 'quantity',
  IntOrString: 'int-or-string',
  Time: 'time',
  MicroTime: 'micro-time',
  Duration: 'duration',
};

const opaque: OpaqueShape = { shape: 'opaque', embeddedObject: false };
const embedded: OpaqueShape = { shape: 'opaque', embeddedObject: true };
const scalarShapes = new Map<string, ScalarShape>(
  Object.entries(scalars).map(([name, type]) => [name, { shape: 'scalar', type }]),
);
const stringList: ListShape = {
  shape: 'list',
  items: { shape: 'scalar', type: 'string' },
  listType: 'atomic',
  mapKeys: [],
};
const quantityMap: TypeSchema = { shape: 'map', values: { shape: 'scalar', type: 'quantity' }, atomic: false };

const compiled = new Map<string, ObjectShape>();

/** The shape of a built-in type such as `core/v1.Pod`; compiled when first asked for. */
export function builtinShape(typeName: string): ObjectShape {
  const known = compiled.get(typeName);
  if (known !== undefined) return known;
  const fields = new Map<string, FieldSchema>();
  const shape: ObjectShape = {
    shape: 'object',
    typeName,
    fields,
    atomic: isAtomicType(typeName),
    preservesUnknown: false,
  };
  // Known before its fields are: types may hold themselves.
  compiled.set(typeName, shape);
  // In protobuf these two stand in the envelope, not in the message.
  if (isKind(typeName)) for (const name of ['kind', 'apiVersion']) fields.set(name, plainField(name));
  addFields(fields, typeName);
  return shape;
}

function plainField(name: string): FieldSchema {
  const type = scalarShapes.get('string') as ScalarShape;
  return { name, type, nullable: false, required: false, alwaysWritten: false, pointer: false, patchStrategy: [] };
}

/** @param within - Embedded structs that the fields stand in, for Go's messages. */
function addFields(fields: Map<string, FieldSchema>, typeName: string, within = ''): void {
  for (const row of rowsOf(typeName)) {
    if (row[3] & INLINE) addFields(fields, row[2], `${within}${row[2].replace(/^.*\./, '')}.`);
    else fields.set(row[1], within === '' ? toField(row) : { ...toField(row), within });
  }
}

function toField(row: Row): FieldSchema {
  const [, name, ref, flags, extra] = row;
  const type = toType(row);
  const pointer = (flags & POINTER) !== 0;
  // Go's `omitempty` never drops a struct; only `omitzero` does.
  const isStruct =
    !pointer &&
    !(flags & (REPEATED | MAP)) &&
    (type.shape === 'object' || ref === 'Time' || ref === 'MicroTime' || ref === 'Quantity' || ref === 'RawExtension');
  const alwaysWritten = isStruct ? !(flags & OMIT_ZERO) : (flags & ALWAYS) !== 0;
  return {
    name,
    type,
    nullable: false,
    required: (flags & REQUIRED) !== 0,
    alwaysWritten,
    pointer,
    ...(extra?.default === undefined ? {} : { default: extra.default }),
    patchStrategy: (extra?.patch?.split(',') ?? []) as ('merge' | 'replace' | 'retainKeys')[],
    patchMergeKey: extra?.mergeKey,
    goType: extra?.go,
  };
}

function toType([, , ref, flags, extra]: Row): TypeSchema {
  const single = toSingle(ref, extra?.atomic);
  if (flags & MAP) return { shape: 'map', values: single, atomic: extra?.atomic ?? false };
  if (!(flags & REPEATED)) return single;
  return { shape: 'list', items: single, listType: extra?.list ?? 'atomic', mapKeys: extra?.keys ?? [] };
}

/** @param atomic - What a field says of its struct, over what the struct says of itself. */
function toSingle(ref: string, atomic: boolean | undefined): TypeSchema {
  const scalar = scalarShapes.get(ref);
  if (scalar !== undefined) return scalar;
  if (ref === 'StringList') return stringList;
  if (ref === 'QuantityMap') return quantityMap;
  if (ref === 'RawExtension') return embedded;
  if (ref.startsWith('SchemaOr')) return { ...opaque, holds: builtinShape('apiextensions/v1.JSONSchemaProps') };
  if (!hasType(ref)) return opaque;
  const shape = builtinShape(ref);
  return atomic === undefined || atomic === shape.atomic ? shape : { ...shape, atomic, fields: shape.fields };
}
