import type { FormatValue } from './functions/named-formats.ts';
import { CelMap, type CelValue, isList, isObject, isOpaque, OptionalValue } from './values.ts';

const STRING_FACTOR = 0.1;
const REGEX_FACTOR = 0.25;

/** The size that a value counts with. Source: cel-go `interpreter/runtimecost.go` (actualSize). */
export function sizeOf(value: CelValue | undefined): number {
  if (typeof value === 'string') return value.length;
  if (value instanceof Uint8Array) return value.length;
  if (value instanceof CelMap) return value.size;
  if (value instanceof OptionalValue) return value.hasValue ? sizeOf(value.value) : 1;
  if (value === undefined || value === null || typeof value !== 'object') return 1;
  if (isList(value)) return value.length;
  if (isObject(value)) return value.size ?? value.names().length;
  if (isOpaque(value) && value.opaqueType === 'net.IP') return addressSize(value);
  return isOpaque(value) && value.opaqueType === 'net.CIDR' ? addressSize(value) : 1;
}

function addressSize(value: unknown): number {
  const inner = (value as { value: { family?: number; address?: { family: number } } }).value;
  return (inner.family ?? inner.address?.family) === 4 ? 4 : 16;
}

const scaled = (size: number, factor = STRING_FACTOR): number => Math.ceil(size * factor);

function regexCost(text: number, pattern: number): number {
  return scaled(1 + text) * scaled(pattern, REGEX_FACTOR);
}

/** What it costs to look at everything in a value. Source: apiserver `pkg/cel/library/cost.go` (traversalCost). */
function traversal(value: CelValue | undefined): number {
  if (value === undefined) return 0;
  if (typeof value === 'string' || value instanceof Uint8Array) return Math.floor(value.length * STRING_FACTOR);
  if (value === null || typeof value !== 'object') return 1;
  if (isList(value)) return value.reduce<number>((sum, item) => sum + traversal(item), 0);
  if (value instanceof CelMap) {
    return value.keys().reduce<number>((sum, key) => sum + traversal(key) + traversal(value.find(key)), 0);
  }
  return 1;
}

/** Every item beside every other one; texts cost more. Source: cel-go `ext/lists.go` (trackListSelfCompare). */
function selfCompareCost(list: CelValue | undefined): number {
  const [first] = Array.isArray(list) ? (list as readonly CelValue[]) : [];
  const factor = typeof first === 'string' || first instanceof Uint8Array ? 2 + STRING_FACTOR : 2;
  return 11 + Math.floor(sizeOf(list) ** 2 * factor);
}

/** Arguments and results that are errors are undefined. */
type Cost = (args: readonly (CelValue | undefined)[], result: CelValue | undefined) => number;

const byName: Readonly<Record<string, Cost>> = {
  ...all('isSorted sum max min indexOf lastIndexOf', ([first]) => traversal(first)),
  ...all('url lowerAscii upperAscii substring trim', ([first]) => scaled(sizeOf(first))),
  ...all('replace split', ([first]) => scaled(sizeOf(first), 2 * STRING_FACTOR)),
  join: (_, result) => scaled(sizeOf(result), 2 * STRING_FACTOR),
  ...all('find findAll', ([text, pattern]) => regexCost(sizeOf(text), sizeOf(pattern))),
  ...all('cidr isIP isCIDR ip quantity isQuantity semver isSemver', ([first]) => scaled(sizeOf(first))),
  'ip.isCanonical': ([first]) => scaled(sizeOf(first), 2 * STRING_FACTOR),
  containsIP([range, other]) {
    return scaled(2 * sizeOf(range)) + (typeof other === 'string' ? scaled(sizeOf(other)) : 0);
  },
  containsCIDR([range, other]) {
    const size = sizeOf(range);
    return scaled(2 * size) + scaled(size) + 1 + (typeof other === 'string' ? scaled(sizeOf(other)) : 0);
  },
  validate: ([format, text]) => regexCost(sizeOf(text), (format as FormatValue | undefined)?.value.regexSize ?? 0),
};

function all(names: string, cost: Cost): Readonly<Record<string, Cost>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, cost]));
}

const byOverload: Readonly<Record<string, Cost>> = {
  ...all('starts_with_string ends_with_string string_to_bytes bytes_to_string strings_quote string_format', ([first]) =>
    scaled(sizeOf(first)),
  ),
  in_list: ([, list]) => sizeOf(list),
  ...all('list_sets_contains_list list_sets_intersects_list', ([a, b]) => 1 + sizeOf(a) * sizeOf(b)),
  list_sets_equivalent_list: ([a, b]) => 1 + 2 * sizeOf(a) * sizeOf(b),
  ...all(
    'less_string greater_string less_equals_string greater_equals_string less_bytes greater_bytes less_equals_bytes greater_equals_bytes equals not_equals',
    ([a, b]) => scaled(Math.min(sizeOf(a), sizeOf(b))),
  ),
  ...all('add_string add_bytes', ([a, b]) => scaled(sizeOf(a) + sizeOf(b))),
  matches_string: ([text, pattern]) => regexCost(sizeOf(text), sizeOf(pattern)),
  contains_string: ([text, part]) => scaled(sizeOf(text)) * scaled(sizeOf(part)),
  cidr_ip: () => 1,
  ...all('list_slice lists_range list_reverse', (_, result) => 11 + sizeOf(result)),
  ...all('list_flatten list_flatten_int', ([list, depth = 1n]) => 11 + Number(depth) * sizeOf(list)),
  list_distinct: ([list]) => selfCompareCost(list),
};

/**
 * What a call cost, with its arguments and result at hand; their own costs are not in it.
 * Source: cel-go `interpreter/runtimecost.go`, apiserver `pkg/cel/library/cost.go` (CallCost), cel-go `ext/lists.go`.
 */
export function callCost(
  name: string,
  overloadId: string,
  args: readonly (CelValue | undefined)[],
  result: CelValue | undefined,
): number {
  if (Object.hasOwn(byOverload, overloadId)) return (byOverload[overloadId] as Cost)(args, result);
  if (/^list_\w+_sort(ByAssociatedKeys)?$/.test(overloadId)) return selfCompareCost(args.at(-1));
  return Object.hasOwn(byName, name) ? (byName[name] as Cost)(args, result) : 1;
}
