import type { AnyObject } from '../../machinery/object/object.ts';
import { builtinShape } from '../../machinery/schema/builtin.ts';
import { toWire } from '../../machinery/schema/decode.ts';
import { parseQuantity } from '../../machinery/values/quantity.ts';

/**
 * Whether two values mean the same: nothing, an empty list and an empty map are equal, and so are a field with Go's empty
 * value and an absent one.
 *
 * Source: apimachinery `pkg/api/equality/semantic.go`, and the way Go decodes absent fields.
 */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isEmpty(a) && isEmpty(b)) return true;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let index = 0; index < a.length; index++) if (!isSame(a[index], b[index])) return false;
    return true;
  }
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null || Array.isArray(b)) return false;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  for (const key in left) if (!isSame(left[key], right[key])) return false;
  for (const key in right) if (!(key in left) && !isEmpty(right[key])) return false;
  return true;
}

/** Nothing, or an empty list, map or text. An empty object counts too: Go's plain structs are never absent. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (typeof value !== 'object') return false;
  for (const _ in value) return false;
  return true;
}

/** Whether two lists of amounts are equal in value, whatever their notation. */
export function haveSameAmounts(
  a: Readonly<Record<string, string>> | undefined,
  b: Readonly<Record<string, string>> | undefined,
): boolean {
  const left = Object.entries(a ?? {});
  if (left.length !== Object.keys(b ?? {}).length) return false;
  return left.every(([name, amount]) => {
    const other = b?.[name];
    return other !== undefined && parseQuantity(amount).compare(parseQuantity(other)) === 0;
  });
}

/**
 * The same for a whole struct of the generated table: plain fields that hold Go's zero value count as absent, pointers do
 * not.
 */
export function isSameStruct(a: unknown, b: unknown, typeName: string): boolean {
  if (isSame(a, b)) return true;
  if (!a || !b) return false;
  const shape = builtinShape(typeName);
  return isSame(toWire(a as AnyObject, shape), toWire(b as AnyObject, shape));
}
