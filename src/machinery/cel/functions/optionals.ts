import { BOOL, DYN, INT, listOf, mapOf, optionalOf, param, STRING } from '../cel-type.ts';
import {
  CelError,
  CelMap,
  type CelValue,
  DurationValue,
  isList,
  isObject,
  OptionalValue,
  TimestampValue,
  UintValue,
} from '../values.ts';
import { type FunctionDecl, member, overload } from './function.ts';

const V = param('V');
const K = param('K');
const OPTIONAL = optionalOf(V);

/** Whether a value is the empty one of its kind. */
/** What Go takes for no time at all. */
const YEAR_ONE = -62_135_596_800_000_000_000n;

function isZero(value: CelValue): boolean {
  if (value === null || value === false || value === '' || value === 0 || value === 0n) return true;
  if (value instanceof UintValue) return value.value === 0n;
  if (value instanceof Uint8Array || isList(value)) return value.length === 0;
  if (value instanceof CelMap) return value.size === 0;
  if (value instanceof DurationValue) return value.nanos === 0n;
  if (value instanceof TimestampValue) return value.nanos === YEAR_ONE;
  return isObject(value) && value.names().length === 0;
}

function unwrap(list: readonly CelValue[]): CelValue {
  return list.flatMap((item) => {
    if (!(item instanceof OptionalValue)) throw new CelError(`value ${String(item)} is not optional`);
    return item.hasValue ? [item.value] : [];
  });
}

const at = (list: readonly CelValue[], index: number): OptionalValue => {
  const item = list.at(index);
  return item === undefined ? OptionalValue.none : OptionalValue.of(item);
};

/** Values that may be absent. What reads fields and indexes is the evaluator's. Source: cel-go `cel/library.go`. */
export const optionalFunctions: readonly FunctionDecl[] = [
  {
    name: 'optional.of',
    overloads: [overload('optional_of', [V], OPTIONAL, (value: CelValue) => OptionalValue.of(value))],
  },
  {
    name: 'optional.ofNonZeroValue',
    overloads: [
      overload('optional_ofNonZeroValue', [V], OPTIONAL, (value: CelValue) =>
        isZero(value) ? OptionalValue.none : OptionalValue.of(value),
      ),
    ],
  },
  { name: 'optional.none', overloads: [overload('optional_none', [], OPTIONAL, () => OptionalValue.none)] },
  { name: 'value', overloads: [member('optional_value', [OPTIONAL], V, (optional: OptionalValue) => optional.value)] },
  {
    name: 'hasValue',
    overloads: [member('optional_hasValue', [OPTIONAL], BOOL, (optional: OptionalValue) => optional.hasValue)],
  },
  { name: 'or', overloads: [member('optional_or_optional', [OPTIONAL, OPTIONAL], OPTIONAL)] },
  { name: 'orValue', overloads: [member('optional_orValue_value', [OPTIONAL, V], V)] },
  { name: '_?._', overloads: [overload('select_optional_field', [DYN, STRING], OPTIONAL)] },
  {
    name: '_[?_]',
    overloads: [
      overload('list_optindex_optional_int', [listOf(V), INT], OPTIONAL),
      overload('optional_list_optindex_optional_int', [optionalOf(listOf(V)), INT], OPTIONAL),
      overload('map_optindex_optional_value', [mapOf(K, V), K], OPTIONAL),
      overload('optional_map_optindex_optional_value', [optionalOf(mapOf(K, V)), K], OPTIONAL),
    ],
  },
  {
    name: '_[_]',
    overloads: [
      overload('optional_list_index_int', [optionalOf(listOf(V)), INT], OPTIONAL),
      overload('optional_map_index_value', [optionalOf(mapOf(K, V)), K], OPTIONAL),
    ],
  },
  {
    name: 'first',
    overloads: [member('list_first', [listOf(V)], OPTIONAL, (list: readonly CelValue[]) => at(list, 0))],
  },
  {
    name: 'last',
    overloads: [member('list_last', [listOf(V)], OPTIONAL, (list: readonly CelValue[]) => at(list, -1))],
  },
  { name: 'optional.unwrap', overloads: [overload('optional_unwrap', [listOf(OPTIONAL)], listOf(V), unwrap)] },
  { name: 'unwrapOpt', overloads: [member('optional_unwrapOpt', [listOf(OPTIONAL)], listOf(V), unwrap)] },
  {
    name: 'cel.@mapInsert',
    overloads: [
      overload(
        '@mapInsert_map_key_value',
        [mapOf(K, V), K, V],
        mapOf(K, V),
        (map: CelMap, key: CelValue, value: CelValue) => inserted(map, [[key, value]]),
      ),
      overload('@mapInsert_map_map', [mapOf(K, V), mapOf(K, V)], mapOf(K, V), (map: CelMap, more: CelMap) =>
        inserted(
          map,
          more.keys().map((key) => [key, more.find(key) as CelValue] as const),
        ),
      ),
    ],
  },
];

function inserted(map: CelMap, entries: readonly (readonly [CelValue, CelValue])[]): CelMap {
  for (const [key] of entries) {
    if (map.find(key) !== undefined) throw new CelError(`insert failed: key ${String(key)} already exists`);
  }
  return new CelMap([...map.keys().map((key) => [key, map.find(key) as CelValue] as const), ...entries]);
}
