import type { CelType } from './cel-type.ts';
import { fixed, MAX, ONE, plus, product, type Range, REGEX_FACTOR, STRING_FACTOR, scale, ZERO } from './estimate.ts';

/** An argument of a call whose cost is estimated. */
export interface Argument {
  readonly type: CelType;
  /** What is known of its size, the whole range where nothing is. */
  readonly size: Range;
  /** Of its items, where it is a list. */
  readonly itemSize: Range;
  /** What the expression says itself, where it is a constant whole number. */
  readonly constant: number | undefined;
}

export interface CallEstimate {
  /** Without that of the arguments. */
  readonly cost: Range;
  readonly size?: Range | undefined;
}

type Estimate = (args: readonly Argument[], overloadId: string) => CallEstimate | undefined;

const traversal: Estimate = ([first]) => (first === undefined ? undefined : { cost: scale(first.size, STRING_FACTOR) });
const nominal: Estimate = () => ({ cost: ONE });

/** Looks at every item; at every character of items that are texts. */
const items: Estimate = ([list]) => {
  if (list === undefined) return undefined;
  const [item] = list.type.params;
  if (item === undefined) return { cost: scale(list.size, STRING_FACTOR) };
  const isText = item.kind === 'string' || item.kind === 'bytes';
  const each = isText ? plus(ONE, scale(list.itemSize, STRING_FACTOR)) : ONE;
  return { cost: product(list.size, each) };
};

const sameSize: Estimate = ([text]) =>
  text === undefined ? undefined : { cost: scale(text.size, STRING_FACTOR), size: text.size };

const replace: Estimate = ([text, old, next]) => {
  if (text === undefined || old === undefined || next === undefined) return undefined;
  let [most, keptMost, least, keptLeast] = [0, 0, 0, 0];
  if (old.size.min === 0) [most, keptMost] = [Math.min(MAX, text.size.max + 1), text.size.max];
  else if (next.size.max <= old.size.min) keptMost = text.size.max;
  else most = Math.ceil(text.size.max / old.size.min);
  if (old.size.max === 0) [least, keptLeast] = [text.size.min + 1, text.size.min];
  else if (old.size.max <= next.size.min) keptLeast = text.size.min;
  else least = Math.ceil(text.size.min / old.size.max);
  const size = plus(product({ min: least, max: most }, next.size), { min: keptLeast, max: keptMost });
  return { cost: scale(text.size, 2 * STRING_FACTOR), size };
};

const split: Estimate = ([text, , limit]) => {
  if (text === undefined) return undefined;
  return { cost: scale(text.size, 2 * STRING_FACTOR), size: { min: 0, max: limit?.constant ?? text.size.max } };
};

const join: Estimate = ([list, separator]) => {
  if (list === undefined) return undefined;
  let size = product(list.size, list.itemSize);
  if (separator !== undefined) {
    const gaps = { min: Math.max(0, list.size.min - 1), max: Math.max(0, list.size.max - 1) };
    size = plus(size, product(separator.size, gaps));
  }
  return { cost: scale(size, STRING_FACTOR), size };
};

export function regexEstimate(text: Range, pattern: Range): Range {
  return product(scale(plus(text, ONE), STRING_FACTOR), scale(pattern, REGEX_FACTOR));
}

const find: Estimate = ([text, pattern]) => {
  if (text === undefined || pattern === undefined) return undefined;
  return { cost: regexEstimate(text.size, pattern.size), size: { min: 0, max: text.size.max } };
};

const ADDRESS: Range = { min: 4, max: 16 };

const holds =
  (extra: Range): Estimate =>
  ([, other], overloadId) => {
    const parse = overloadId.endsWith('_string') ? scale(other?.size ?? ZERO, STRING_FACTOR) : ZERO;
    return { cost: plus(plus(scale(plus(ADDRESS, ADDRESS), STRING_FACTOR), extra), parse) };
  };

const all = (names: string, estimate: Estimate): Readonly<Record<string, Estimate>> =>
  Object.fromEntries(names.split(' ').map((name) => [name, estimate]));

/** Source: apiserver `pkg/cel/library/cost.go` (EstimateCallCost). */
const byName: Readonly<Record<string, Estimate>> = {
  ...all('isSorted sum max min indexOf lastIndexOf', items),
  ...all('url lowerAscii upperAscii substring trim', sameSize),
  replace,
  split,
  join,
  ...all('find findAll', find),
  ...all('cidr isIP isCIDR quantity isQuantity semver isSemver', traversal),
  ip: (args, overloadId) => (overloadId === 'cidr_ip' ? { cost: ONE } : traversal(args, overloadId)),
  'ip.isCanonical': ([text]) => (text === undefined ? undefined : { cost: scale(text.size, 2 * STRING_FACTOR) }),
  ...all(
    'masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast format.named sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub major minor patch getScheme getHostname getHost getPort getEscapedPath getQuery',
    nominal,
  ),
  containsIP: holds(ZERO),
  containsCIDR: holds(plus(scale(ADDRESS, STRING_FACTOR), ONE)),
  validate: ([, text]) =>
    text === undefined ? undefined : { cost: scale(scale(text.size, STRING_FACTOR), 128 * REGEX_FACTOR) },
  '_==_'([left, right]) {
    if (left === undefined || right === undefined || left.type.name !== right.type.name) return undefined;
    switch (left.type.name) {
      case 'net.IP':
      case 'net.CIDR':
      case 'kubernetes.Quantity':
      case 'kubernetes.Semver':
        return { cost: ONE };
      case 'kubernetes.NamedFormat':
        return { cost: scale({ min: 1, max: 64 }, STRING_FACTOR) };
      case 'kubernetes.URL':
        return { cost: scale({ min: 1, max: right.size.max === MAX ? 1 : right.size.max }, STRING_FACTOR) };
      default:
        return undefined;
    }
  },
};

/** A call that makes a list: its dispatch, its list, and work for each item. Source: cel-go `ext/lists.go`. */
function allocating(factor: number, size: Range): CallEstimate {
  return { cost: plus(fixed(11), scale(size, factor)), size };
}

const byOverload: Readonly<Record<string, Estimate>> = {
  list_slice: ([list, start, end]) =>
    list === undefined ? undefined : allocating(1, fixed((end?.constant ?? list.size.max) - (start?.constant ?? 0))),
  lists_range: ([count]) => allocating(1, fixed(count?.constant ?? MAX)),
  list_reverse: ([list]) => (list === undefined ? undefined : allocating(1, list.size)),
  list_flatten: ([list]) => (list === undefined ? undefined : allocating(1, list.size)),
  list_flatten_int: ([list, depth]) => (list === undefined ? undefined : allocating(depth?.constant ?? MAX, list.size)),
  list_distinct: ([list]) => (list === undefined ? undefined : allocating(2, product(list.size, list.size))),
};

/** What a library says of its function; undefined where it says nothing. */
export function estimateCall(name: string, overloadId: string, args: readonly Argument[]): CallEstimate | undefined {
  if (Object.hasOwn(byOverload, overloadId)) return byOverload[overloadId]?.(args, overloadId);
  const sort = /^list_(\w+?)_sort(ByAssociatedKeys)?$/.exec(overloadId);
  if (sort !== null) {
    const keys = args.at(-1);
    const isText = sort[1] === 'string' || sort[1] === 'bytes';
    return keys && allocating(isText ? 2 + STRING_FACTOR : 2, product(keys.size, keys.size));
  }
  return Object.hasOwn(byName, name) ? byName[name]?.(args, overloadId) : undefined;
}
