import { builtinShape } from '../../machinery/schema/builtin.ts';
import { isSameValue } from '../../machinery/schema/semantic-equality.ts';
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

/** Whether two maps of texts are equal, entry by entry; nothing is an empty map. */
export function haveSameEntries(a: unknown, b: unknown): boolean {
  const left = Object.entries((a ?? {}) as object);
  const right = (b ?? {}) as Readonly<Record<string, unknown>>;
  return left.length === Object.keys(right).length && left.every(([name, value]) => right[name] === value);
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
 * The same for a value of the generated table, as exactly as Go has it: plain fields that hold the zero value count as
 * absent, pointers do not.
 */
export function isSameStruct(a: unknown, b: unknown, typeName: string): boolean {
  if (a === b) return true;
  if (!a || !b) return !a && !b;
  return isSameValue(a, b, builtinShape(typeName));
}
