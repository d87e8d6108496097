import { parseQuantity } from '../values/quantity.ts';
import { emptyOf } from './empty-value.ts';
import type { ObjectShape, ScalarShape, TypeSchema } from './type-schema.ts';

/**
 * Whether two values of a type mean the same to Go: fields that hold the zero value equal absent ones, and so do empty
 * lists and maps; pointers are told apart from what they may point at. Amounts are compared by what they are worth.
 *
 * Source: apimachinery `pkg/api/equality/semantic.go`.
 */
export function isSameValue(a: unknown, b: unknown, type: TypeSchema, options: EqualityOptions = {}): boolean {
  if (a === b) return true;
  const isCollection = type.shape === 'list' || type.shape === 'map';
  if (options.tellsEmptyFromNone === true && isCollection && isNil(a) !== isNil(b)) return false;
  switch (type.shape) {
    case 'object':
      return isSameStruct(toFields(a), toFields(b), type, options);
    case 'map':
      return isSameMap(toFields(a), toFields(b), type.values, options);
    case 'list': {
      const left = Array.isArray(a) ? (a as readonly unknown[]) : [];
      const right = Array.isArray(b) ? (b as readonly unknown[]) : [];
      return (
        left.length === right.length &&
        left.every((item, index) => isSameValue(item, right[index], type.items, options))
      );
    }
    case 'scalar':
      return isSameScalar(a ?? emptyOf(type), b ?? emptyOf(type), type);
    case 'opaque':
      return isSameJson(a, b);
    default:
      return type satisfies never;
  }
}

export interface EqualityOptions {
  /** As `reflect.DeepEqual`: an empty list or map is another thing than none. Default false. */
  readonly tellsEmptyFromNone?: boolean;
}

type Fields = Readonly<Record<string, unknown>>;
const none: Fields = {};

function toFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : none;
}

function isSameStruct(a: Fields, b: Fields, shape: ObjectShape, options: EqualityOptions): boolean {
  for (const name in a) if (!isSameField(name, [a[name], b[name]], shape, options)) return false;
  for (const name in b)
    if (a[name] === undefined && !isSameField(name, [undefined, b[name]], shape, options)) return false;
  return true;
}

function isSameField(
  name: string,
  [a, b]: readonly [unknown, unknown],
  { fields }: ObjectShape,
  options: EqualityOptions,
): boolean {
  if (a === b) return true;
  const field = fields.get(name);
  if (field === undefined) return isSameJson(a, b);
  if (field.pointer && isNil(a) !== isNil(b)) return false;
  return isSameValue(a, b, field.type, options);
}

function isSameMap(a: Fields, b: Fields, values: TypeSchema, options: EqualityOptions): boolean {
  let left = 0;
  for (const key in b) if (b[key] !== undefined) left++;
  for (const key in a) {
    if (a[key] === undefined) continue;
    if (b[key] === undefined || !isSameValue(a[key], b[key], values, options)) return false;
    left--;
  }
  return left === 0;
}

function isSameScalar(a: unknown, b: unknown, { type }: ScalarShape): boolean {
  if (a === b) return true;
  if (type !== 'quantity' || typeof a !== 'string' || typeof b !== 'string') return false;
  return parseQuantity(a).compare(parseQuantity(b)) === 0;
}

function isSameJson(a: unknown, b: unknown): boolean {
  if (a === b || (isNil(a) && isNil(b))) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => name in b && isSameJson((a as Fields)[name], (b as Fields)[name]));
}

function isNil(value: unknown): boolean {
  return value === undefined || value === null;
}
