import type { AnyObject } from '../object/object.ts';
import { emptyOf } from './empty-value.ts';
import { inKeyOrder } from './key-order.ts';
import type { FieldSchema, ObjectShape, TypeSchema } from './type-schema.ts';

/** Whether Go's `omitempty` drops the value. */
export function isEmptyValue(value: unknown, { shape }: TypeSchema): boolean {
  if (value === undefined || value === null) return true;
  if (shape === 'scalar') return value === '' || value === 0 || value === false;
  if (shape === 'list') return (value as unknown[]).length === 0;
  return shape === 'map' && Object.keys(value as object).length === 0;
}

/**
 * The object as Go writes it: fields in order, empty ones dropped unless they are pointers, and those without
 * `omitempty` in place. Values are not checked: {@link decodeObject} has done so.
 */
export function toWire(object: AnyObject, shape: ObjectShape, options: WireOptions = {}): AnyObject {
  return wireStruct(object, shape, options) as AnyObject;
}

export interface WireOptions {
  /**
   * Lists and maps that are always written become null when they are empty: protobuf, in which upstream stores, cannot
   * tell them from those that were never set. Default false.
   */
  readonly asStored?: boolean;
}

function wireStruct(value: Record<string, unknown>, shape: ObjectShape, options: WireOptions): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, field] of shape.fields) {
    const wired = wireField(value[name], field, options);
    if (wired !== undefined) result[name] = wired;
  }
  if (!shape.preservesUnknown) return result;
  for (const [name, inner] of Object.entries(value)) if (!shape.fields.has(name)) result[name] = inner;
  return result;
}

function wireField(value: unknown, field: FieldSchema, options: WireOptions): unknown {
  const { type, pointer, alwaysWritten } = field;
  if (value === undefined || value === null) {
    if (!alwaysWritten) return undefined;
    if (pointer || type.shape === 'list' || type.shape === 'map') return null;
    if (type.shape === 'object') return wireStruct({}, type, options);
    // Go's empty slice of bytes is nil, and an empty RawExtension is null.
    if (type.shape === 'opaque' || type.type === 'bytes') return null;
    return emptyOf(type);
  }
  if (!pointer && !alwaysWritten && isEmptyValue(value, type)) return undefined;
  if (options.asStored && !pointer && type.shape !== 'scalar' && isEmptyValue(value, type)) return null;
  const wired = wireValue(value, type, options);
  // A struct with `omitzero` goes when nothing is left in it.
  const isOmittable = type.shape === 'object' && !pointer && !alwaysWritten;
  return isOmittable && Object.keys(wired as object).length === 0 ? undefined : wired;
}

function wireValue(value: unknown, type: TypeSchema, options: WireOptions): unknown {
  switch (type.shape) {
    case 'object':
      return wireStruct(value as Record<string, unknown>, type, options);
    case 'map': {
      const map = inKeyOrder(value as Record<string, unknown>);
      if (isPlain(type.values)) return map;
      return Object.fromEntries(
        Object.entries(map).map(([key, inner]) => [key, wireValue(inner, type.values, options)]),
      );
    }
    case 'list':
      if (isPlain(type.items)) return value;
      return (value as unknown[]).map((inner) => wireValue(inner, type.items, options));
    case 'opaque':
      return type.holds === undefined ? value : wireHeld(value, type.holds, options);
    default:
      return value;
  }
}

/** Written as it is. */
function isPlain(type: TypeSchema): boolean {
  return type.shape === 'scalar' || (type.shape === 'opaque' && type.holds === undefined);
}

function wireHeld(value: unknown, shape: ObjectShape, options: WireOptions): unknown {
  if (Array.isArray(value)) return value.map((inner) => wireHeld(inner, shape, options));
  return isRecord(value) ? wireStruct(value, shape, options) : value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
