import { compileGoRegExp } from '../../schema/go-reg-exp.ts';
import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  param,
  STRING,
  TIMESTAMP,
  UINT,
} from '../cel-type.ts';
import { compareValues, isEqual } from '../compare.ts';
import {
  CelError,
  type CelMap,
  type CelObject,
  type CelValue,
  DurationValue,
  isObject,
  TimestampValue,
  UintValue,
} from '../values.ts';
import { type FunctionDecl, member, noSuchOverload, type Overload, overload } from './function.ts';
import { checkDuration, checkInt, checkTimestamp, checkUint } from './numbers.ts';
import { LibraryValue } from './opaque-values.ts';

const A = param('A');
const B = param('B');

/** Comparisons are declared for every kind with an order, and between kinds of numbers. */
function comparison(name: string, word: string, holds: (order: number) => boolean): FunctionDecl {
  const call = (a: CelValue, b: CelValue): CelValue => {
    const order = compareValues(a, b);
    if (order === undefined) throw noSuchOverload();
    return holds(order);
  };
  const rows: readonly (readonly [string, CelType, CelType])[] = [
    ['bool', BOOL, BOOL],
    ['int64', INT, INT],
    ['int64_double', INT, DOUBLE],
    ['int64_uint64', INT, UINT],
    ['uint64', UINT, UINT],
    ['uint64_double', UINT, DOUBLE],
    ['uint64_int64', UINT, INT],
    ['double', DOUBLE, DOUBLE],
    ['double_int64', DOUBLE, INT],
    ['double_uint64', DOUBLE, UINT],
    ['string', STRING, STRING],
    ['bytes', BYTES, BYTES],
    ['timestamp', TIMESTAMP, TIMESTAMP],
    ['duration', DURATION, DURATION],
  ];
  return { name, overloads: rows.map(([id, a, b]) => overload(`${word}_${id}`, [a, b], BOOL, call)) };
}

const sizes: readonly (readonly [string, CelType, (value: never) => bigint])[] = [
  ['bytes', BYTES, (value: Uint8Array) => BigInt(value.length)],
  ['list', listOf(A), (value: readonly CelValue[]) => BigInt(value.length)],
  ['map', mapOf(A, B), (value: CelMap | CelObject) => BigInt(isObject(value) ? value.names().length : value.size)],
  ['string', STRING, (value: string) => BigInt([...value].length)],
];

function size(): FunctionDecl {
  const overloads = sizes.flatMap(([id, type, call]): Overload[] => [
    overload(`size_${id}`, [type], INT, call),
    member(`${id}_size`, [type], INT, call),
  ]);
  return { name: 'size', overloads };
}

const notZero = (value: bigint, what: string): bigint => {
  if (value === 0n) throw new CelError(`${what} by zero`);
  return value;
};

const arithmetic: readonly FunctionDecl[] = [
  {
    name: '_+_',
    overloads: [
      overload('add_bytes', [BYTES, BYTES], BYTES, (a: Uint8Array, b: Uint8Array) => Buffer.concat([a, b])),
      overload('add_double', [DOUBLE, DOUBLE], DOUBLE, (a: number, b: number) => a + b),
      overload(
        'add_duration_duration',
        [DURATION, DURATION],
        DURATION,
        (a: DurationValue, b: DurationValue) => new DurationValue(checkDuration(a.nanos + b.nanos)),
      ),
      overload(
        'add_duration_timestamp',
        [DURATION, TIMESTAMP],
        TIMESTAMP,
        (a: DurationValue, b: TimestampValue) => new TimestampValue(checkTimestamp(a.nanos + b.nanos), b.offsetMinutes),
      ),
      overload(
        'add_timestamp_duration',
        [TIMESTAMP, DURATION],
        TIMESTAMP,
        (a: TimestampValue, b: DurationValue) => new TimestampValue(checkTimestamp(a.nanos + b.nanos), a.offsetMinutes),
      ),
      overload('add_int64', [INT, INT], INT, (a: bigint, b: bigint) => checkInt(a + b)),
      overload('add_list', [listOf(A), listOf(A)], listOf(A), joinLists),
      overload('add_string', [STRING, STRING], STRING, (a: string, b: string) => a + b),
      overload(
        'add_uint64',
        [UINT, UINT],
        UINT,
        (a: UintValue, b: UintValue) => new UintValue(checkUint(a.value + b.value)),
      ),
    ],
  },
  {
    name: '_-_',
    overloads: [
      overload('subtract_double', [DOUBLE, DOUBLE], DOUBLE, (a: number, b: number) => a - b),
      overload(
        'subtract_duration_duration',
        [DURATION, DURATION],
        DURATION,
        (a: DurationValue, b: DurationValue) => new DurationValue(checkDuration(a.nanos - b.nanos)),
      ),
      overload('subtract_int64', [INT, INT], INT, (a: bigint, b: bigint) => checkInt(a - b)),
      overload(
        'subtract_timestamp_duration',
        [TIMESTAMP, DURATION],
        TIMESTAMP,
        (a: TimestampValue, b: DurationValue) => new TimestampValue(checkTimestamp(a.nanos - b.nanos), a.offsetMinutes),
      ),
      overload(
        'subtract_timestamp_timestamp',
        [TIMESTAMP, TIMESTAMP],
        DURATION,
        (a: TimestampValue, b: TimestampValue) => new DurationValue(checkDuration(a.nanos - b.nanos)),
      ),
      overload(
        'subtract_uint64',
        [UINT, UINT],
        UINT,
        (a: UintValue, b: UintValue) => new UintValue(checkUint(a.value - b.value)),
      ),
    ],
  },
  {
    name: '_*_',
    overloads: [
      overload('multiply_double', [DOUBLE, DOUBLE], DOUBLE, (a: number, b: number) => a * b),
      overload('multiply_int64', [INT, INT], INT, (a: bigint, b: bigint) => checkInt(a * b)),
      overload(
        'multiply_uint64',
        [UINT, UINT],
        UINT,
        (a: UintValue, b: UintValue) => new UintValue(checkUint(a.value * b.value)),
      ),
    ],
  },
  {
    name: '_/_',
    overloads: [
      overload('divide_double', [DOUBLE, DOUBLE], DOUBLE, (a: number, b: number) => a / b),
      overload('divide_int64', [INT, INT], INT, (a: bigint, b: bigint) => checkInt(a / notZero(b, 'division'))),
      overload(
        'divide_uint64',
        [UINT, UINT],
        UINT,
        (a: UintValue, b: UintValue) => new UintValue(a.value / notZero(b.value, 'division')),
      ),
    ],
  },
  {
    name: '_%_',
    overloads: [
      overload('modulo_int64', [INT, INT], INT, (a: bigint, b: bigint) => a % notZero(b, 'modulus')),
      overload(
        'modulo_uint64',
        [UINT, UINT],
        UINT,
        (a: UintValue, b: UintValue) => new UintValue(a.value % notZero(b.value, 'modulus')),
      ),
    ],
  },
  {
    name: '-_',
    overloads: [
      overload('negate_double', [DOUBLE], DOUBLE, (a: number) => -a),
      overload('negate_int64', [INT], INT, (a: bigint) => checkInt(-a)),
    ],
  },
];

/** Lists that know how they are joined, such as sets, do it their way. */
function joinLists(a: readonly CelValue[], b: readonly CelValue[]): CelValue {
  const own = a as readonly CelValue[] & { joinedWith?(other: readonly CelValue[]): readonly CelValue[] };
  return own.joinedWith?.(b) ?? [...a, ...b];
}

function contains(value: CelValue, list: readonly CelValue[]): boolean {
  return list.some((item) => isEqual(value, item));
}

function hasKey(key: CelValue, map: CelMap | CelObject): boolean {
  if (isObject(map)) return typeof key === 'string' && map.find(key) !== undefined;
  return map.has(key);
}

function matches(text: string, pattern: string): boolean {
  const expression = compileGoRegExp(pattern);
  if ('error' in expression) throw new CelError(expression.error);
  return expression.finds(text);
}

/** CEL's own operators and functions. Source: cel-go `common/stdlib/standard.go`. */
/** Values of libraries refuse to be compared with all but their own kind and null. @throws CelError */
function isEqualTo(a: CelValue, b: CelValue): boolean {
  if (a instanceof LibraryValue && b !== null && !(b instanceof LibraryValue && a.opaqueType === b.opaqueType))
    throw noSuchOverload();
  return isEqual(a, b);
}

export const standardFunctions: readonly FunctionDecl[] = [
  { name: '_?_:_', overloads: [overload('conditional', [BOOL, A, A], A)] },
  { name: '_&&_', overloads: [overload('logical_and', [BOOL, BOOL], BOOL)] },
  { name: '_||_', overloads: [overload('logical_or', [BOOL, BOOL], BOOL)] },
  { name: '!_', overloads: [overload('logical_not', [BOOL], BOOL, (value: boolean) => !value)] },
  { name: '@not_strictly_false', overloads: [overload('not_strictly_false', [BOOL], BOOL)] },
  { name: '_==_', overloads: [overload('equals', [A, A], BOOL, isEqualTo)] },
  { name: '_!=_', overloads: [overload('not_equals', [A, A], BOOL, (a: CelValue, b: CelValue) => !isEqual(a, b))] },
  ...arithmetic,
  comparison('_<_', 'less', (order) => order < 0),
  comparison('_<=_', 'less_equals', (order) => order <= 0),
  comparison('_>_', 'greater', (order) => order > 0),
  comparison('_>=_', 'greater_equals', (order) => order >= 0),
  {
    name: '_[_]',
    overloads: [overload('index_list', [listOf(A), INT], A), overload('index_map', [mapOf(A, B), A], B)],
  },
  {
    name: '@in',
    overloads: [
      overload('in_list', [A, listOf(A)], BOOL, contains),
      overload('in_map', [A, mapOf(A, B)], BOOL, hasKey),
    ],
  },
  size(),
  {
    name: 'contains',
    overloads: [member('contains_string', [STRING, STRING], BOOL, (text: string, part: string) => text.includes(part))],
  },
  {
    name: 'endsWith',
    overloads: [member('ends_with_string', [STRING, STRING], BOOL, (text: string, end: string) => text.endsWith(end))],
  },
  {
    name: 'startsWith',
    overloads: [
      member('starts_with_string', [STRING, STRING], BOOL, (text: string, start: string) => text.startsWith(start)),
    ],
  },
  {
    name: 'matches',
    overloads: [
      overload('matches', [STRING, STRING], BOOL, matches),
      member('matches_string', [STRING, STRING], BOOL, matches),
    ],
  },
  { name: 'dyn', overloads: [overload('to_dyn', [A], DYN, (value: CelValue) => value)] },
];
