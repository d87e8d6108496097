import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  param,
  STRING,
  TIMESTAMP,
  UINT,
} from '../cel-type.ts';
import { compareValues, isEqual } from '../compare.ts';
import { CelError, type CelValue, CostLimitError, DurationValue, isList, typeNameOf, UintValue } from '../values.ts';
import { type FunctionDecl, member, noSuchOverload, type Overload, overload } from './function.ts';
import { checkDuration, checkInt, checkUint } from './numbers.ts';

const T = param('T');
const A = param('A');
type List = readonly CelValue[];

const comparable: readonly (readonly [string, CelType])[] = [
  ['int', INT],
  ['uint', UINT],
  ['double', DOUBLE],
  ['bool', BOOL],
  ['duration', DURATION],
  ['timestamp', TIMESTAMP],
  ['string', STRING],
  ['bytes', BYTES],
];

const summable: readonly (readonly [string, CelType, CelValue])[] = [
  ['int', INT, 0n],
  ['uint', UINT, new UintValue(0n)],
  ['double', DOUBLE, 0],
  ['duration', DURATION, new DurationValue(0n)],
];

function order(a: CelValue, b: CelValue): number {
  const result = compareValues(a, b);
  if (result === undefined) throw noSuchOverload();
  return result;
}

function isSorted(list: List): boolean {
  return list.every((item, at) => at === 0 || order(list[at - 1] as CelValue, item) <= 0);
}

function add(a: CelValue, b: CelValue): CelValue {
  if (typeof a === 'bigint' && typeof b === 'bigint') return checkInt(a + b);
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (a instanceof UintValue && b instanceof UintValue) return new UintValue(checkUint(a.value + b.value));
  if (a instanceof DurationValue && b instanceof DurationValue)
    return new DurationValue(checkDuration(a.nanos + b.nanos));
  throw noSuchOverload();
}

function extreme(name: string, isBetter: (order: number) => boolean): (list: List) => CelValue {
  return (list) => {
    const [first, ...rest] = list;
    if (first === undefined) throw new CelError(`${name} called on empty list`);
    return rest.reduce<CelValue>((best, item) => (isBetter(order(best, item)) ? item : best), first);
  };
}

/** Kubernetes' own lists. Source: apiserver `pkg/cel/library/lists.go`. */
const kubernetesLists: readonly FunctionDecl[] = [
  {
    name: 'isSorted',
    overloads: comparable.map(([id, type]) => member(`list_${id}_is_sorted_bool`, [listOf(type)], BOOL, isSorted)),
  },
  {
    name: 'sum',
    overloads: summable.map(([id, type, zero]) =>
      member(`list_${id}_sum_${id}`, [listOf(type)], type, (list: List) => list.reduce(add, zero)),
    ),
  },
  {
    name: 'max',
    overloads: comparable.map(([id, type]) =>
      member(
        `list_${id}_max_${id}`,
        [listOf(type)],
        type,
        extreme('max', (o) => o < 0),
      ),
    ),
  },
  {
    name: 'min',
    overloads: comparable.map(([id, type]) =>
      member(
        `list_${id}_min_${id}`,
        [listOf(type)],
        type,
        extreme('min', (o) => o > 0),
      ),
    ),
  },
  {
    name: 'indexOf',
    overloads: [
      member('list_a_index_of_int', [listOf(A), A], INT, (list: List, item: CelValue) =>
        BigInt(list.findIndex((each) => isEqual(each, item))),
      ),
    ],
  },
  {
    name: 'lastIndexOf',
    overloads: [
      member('list_a_last_index_of_int', [listOf(A), A], INT, (list: List, item: CelValue) =>
        BigInt(list.findLastIndex((each) => isEqual(each, item))),
      ),
    ],
  },
];

function slice(list: List, start: bigint, end: bigint): List {
  const head = `cannot slice(${start}, ${end})`;
  if (start < 0n || end < 0n) throw new CelError(`${head}, negative indexes not supported`);
  if (start > end) throw new CelError(`${head}, start index must be less than or equal to end index`);
  if (BigInt(list.length) < end) throw new CelError(`${head}, list is length ${list.length}`);
  return [...list].slice(Number(start), Number(end));
}

function flatten(list: List, depth = 1n): List {
  if (depth < 0n) throw new CelError('level must be non-negative');
  return [...list].flatMap((item) => (isList(item) && depth > 0n ? flatten(item, depth - 1n) : [item]));
}

function sortByKeys(list: List, keys: List): List {
  if (list.length !== keys.length) {
    const what = '@sortByAssociatedKeys() expected a list of the same size as the associated keys list';
    throw new CelError(`${what}, but got ${list.length} and ${keys.length} elements respectively`);
  }
  const [first] = keys;
  if (first === undefined) return list;
  if (compareValues(first, first) === undefined) throw new CelError('list elements must be comparable');
  if (keys.some((key) => typeNameOf(key) !== typeNameOf(first))) {
    throw new CelError('list elements must have the same type');
  }
  return [...list.keys()]
    .sort((a, b) => order(keys[a] as CelValue, keys[b] as CelValue))
    .map((at) => list[at] as CelValue);
}

const MAX_RANGE = 10_000_000n;

function range(count: bigint): List {
  // Nobody may spend as much as that on one list; do not even begin.
  if (count > MAX_RANGE) throw new CostLimitError();
  return Array.from({ length: Math.max(0, Number(count)) }, (_, at) => BigInt(at));
}

function distinct(list: List): List {
  const found: CelValue[] = [];
  for (const item of list) if (!found.some((other) => isEqual(item, other))) found.push(item);
  return found;
}

/** The list library in its version 3. Source: cel-go `ext/lists.go`. */
const extendedLists: readonly FunctionDecl[] = [
  { name: 'slice', overloads: [member('list_slice', [listOf(T), INT, INT], listOf(T), slice)] },
  {
    name: 'flatten',
    overloads: [
      member('list_flatten', [listOf(listOf(T))], listOf(T), flatten),
      member('list_flatten_int', [listOf(DYN), INT], listOf(DYN), flatten),
    ],
  },
  {
    name: 'sort',
    overloads: comparable.map(
      ([id, type]): Overload =>
        member(`list_${id}_sort`, [listOf(type)], listOf(type), (list: List) => sortByKeys(list, list)),
    ),
  },
  {
    name: '@sortByAssociatedKeys',
    overloads: comparable.map(
      ([id, type]): Overload =>
        member(`list_${id}_sortByAssociatedKeys`, [listOf(T), listOf(type)], listOf(T), sortByKeys),
    ),
  },
  { name: 'lists.range', overloads: [overload('lists_range', [INT], listOf(INT), range)] },
  { name: 'reverse', overloads: [member('list_reverse', [listOf(T)], listOf(T), (list: List) => [...list].reverse())] },
  { name: 'distinct', overloads: [member('list_distinct', [listOf(T)], listOf(T), distinct)] },
];

const containsAll = (list: List, items: List): boolean =>
  items.every((item) => list.some((each) => isEqual(each, item)));

/** Lists as sets. Source: cel-go `ext/sets.go`. */
const sets: readonly FunctionDecl[] = [
  {
    name: 'sets.contains',
    overloads: [overload('list_sets_contains_list', [listOf(T), listOf(T)], BOOL, containsAll)],
  },
  {
    name: 'sets.equivalent',
    overloads: [
      overload(
        'list_sets_equivalent_list',
        [listOf(T), listOf(T)],
        BOOL,
        (a: List, b: List) => containsAll(a, b) && containsAll(b, a),
      ),
    ],
  },
  {
    name: 'sets.intersects',
    overloads: [
      overload('list_sets_intersects_list', [listOf(T), listOf(T)], BOOL, (a: List, b: List) =>
        a.some((item) => b.some((other) => isEqual(item, other))),
      ),
    ],
  },
];

export const listFunctions: readonly FunctionDecl[] = [...kubernetesLists, ...extendedLists, ...sets];
