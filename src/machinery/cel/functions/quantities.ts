import { parseQuantity, Quantity } from '../../values/quantity.ts';
import { BOOL, DOUBLE, INT, STRING, struct } from '../cel-type.ts';
import { CelError } from '../values.ts';
import { type FunctionDecl, member, overload } from './function.ts';
import { LibraryValue } from './opaque-values.ts';

const NAME = 'kubernetes.Quantity';
export const QUANTITY = struct(NAME);
type Q = LibraryValue<Quantity>;

const NANO = 1_000_000_000n;

function wrap(value: Quantity): Q {
  return new LibraryValue(NAME, value, (a, b) => a.compare(b) === 0);
}

function read(text: string): Q {
  try {
    return wrap(parseQuantity(text));
  } catch (error) {
    throw new CelError((error as Error).message, { cause: error });
  }
}

function isQuantity(text: string): boolean {
  try {
    parseQuantity(text);
    return true;
  } catch {
    return false;
  }
}

const fromInt = (value: bigint): Quantity => new Quantity(value * NANO, 'exponent');
const isWhole = ({ value }: Q): boolean => {
  const units = value.nano / NANO;
  return value.nano % NANO === 0n && units < 2n ** 63n && units >= -(2n ** 63n);
};

function toInteger(quantity: Q): bigint {
  if (!isWhole(quantity)) throw new CelError('cannot convert value to integer');
  return quantity.value.nano / NANO;
}

/** Source: apiserver `pkg/cel/library/quantity.go`. */
export const quantityFunctions: readonly FunctionDecl[] = [
  { name: 'quantity', overloads: [overload('string_to_quantity', [STRING], QUANTITY, read)] },
  { name: 'isQuantity', overloads: [overload('is_quantity_string', [STRING], BOOL, isQuantity)] },
  {
    name: 'sign',
    overloads: [
      overload('quantity_sign', [QUANTITY], INT, ({ value: { nano } }: Q) => (nano > 0n ? 1n : nano < 0n ? -1n : 0n)),
    ],
  },
  {
    name: 'isGreaterThan',
    overloads: [
      member('quantity_is_greater_than', [QUANTITY, QUANTITY], BOOL, (a: Q, b: Q) => a.value.compare(b.value) > 0),
    ],
  },
  {
    name: 'isLessThan',
    overloads: [
      member('quantity_is_less_than', [QUANTITY, QUANTITY], BOOL, (a: Q, b: Q) => a.value.compare(b.value) < 0),
    ],
  },
  {
    name: 'compareTo',
    overloads: [
      member('quantity_compare_to', [QUANTITY, QUANTITY], INT, (a: Q, b: Q) => BigInt(a.value.compare(b.value))),
    ],
  },
  {
    name: 'asApproximateFloat',
    overloads: [member('quantity_get_float', [QUANTITY], DOUBLE, ({ value }: Q) => Number(value.nano) / 1e9)],
  },
  { name: 'asInteger', overloads: [member('quantity_get_int', [QUANTITY], INT, toInteger)] },
  { name: 'isInteger', overloads: [member('quantity_is_integer', [QUANTITY], BOOL, isWhole)] },
  {
    name: 'add',
    overloads: [
      member('quantity_add', [QUANTITY, QUANTITY], QUANTITY, (a: Q, b: Q) => wrap(a.value.add(b.value))),
      member('quantity_add_int', [QUANTITY, INT], QUANTITY, (a: Q, b: bigint) => wrap(a.value.add(fromInt(b)))),
    ],
  },
  {
    name: 'sub',
    overloads: [
      member('quantity_sub', [QUANTITY, QUANTITY], QUANTITY, (a: Q, b: Q) => wrap(a.value.subtract(b.value))),
      member('quantity_sub_int', [QUANTITY, INT], QUANTITY, (a: Q, b: bigint) => wrap(a.value.subtract(fromInt(b)))),
    ],
  },
];
