import { parseQuantity, Quantity } from '../../values/quantity.ts';
import { BOOL, DOUBLE, INT, STRING, struct } from '../cel-type.ts';
import { CelError, type CelValue } from '../values.ts';
import { type FunctionDecl, member, overload } from './function.ts';
import { LibraryValue } from './opaque-values.ts';

const NAME = 'kubernetes.Quantity';
export const QUANTITY = struct(NAME);

/**
 * An amount as upstream holds it: a whole number of 64 bits with a power of ten, or a decimal of any length (no scale).
 * Only the former can be an integer, and only where the power is no fraction, whatever the amount comes to.
 */
interface Amount {
  readonly quantity: Quantity;
  readonly scale: number | undefined;
}

type Q = LibraryValue<Amount>;

const NANO = 1_000_000_000n;
const isLong = (value: bigint): boolean => BigInt.asIntN(64, value) === value;

function wrap(quantity: Quantity, scale: number | undefined): Q {
  return new LibraryValue<Amount>(NAME, { quantity, scale }, (a, b) => a.quantity.compare(b.quantity) === 0);
}

const SUFFIXES: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };

/** Source: apimachinery `pkg/api/resource/quantity.go` (ParseQuantity). */
function scaleOf(text: string, { nano }: Quantity): number | undefined {
  const [, whole = '', fraction = '', suffix = ''] = /^[+-]?0*(\d*)(?:\.(\d*))?(.*)$/.exec(text) ?? [];
  const digits = Math.max(1, whole.length);
  const binary = /^([KMGTPE])i$/.exec(suffix)?.[1];
  if (binary !== undefined) {
    const exponent = ('KMGTPE'.indexOf(binary) + 1) * 10;
    const precision = 15 - digits - Math.trunc(exponent * 0.3) - 1;
    return fraction === '' && precision >= 0 && isLong(nano / NANO) ? 0 : undefined;
  }
  const exponent = /^[eE][+-]?\d/.test(suffix) ? Number(suffix.slice(1)) : (SUFFIXES[suffix] ?? 0);
  const scale = exponent - fraction.length;
  return 18 - digits - fraction.length >= 0 && scale >= -9 ? scale : undefined;
}

/** The number whose product with a power of ten an amount is. */
function mantissaOf({ quantity: { nano }, scale = 0 }: Amount): bigint {
  return scale < -9 ? nano : nano / 10n ** BigInt(9 + scale);
}

/** The scale of a sum, which is the finer one. Source: apimachinery `pkg/api/resource/amount.go` (int64Amount.Add). */
function scaleOfSum(a: Amount, b: Amount, sum: Quantity): number | undefined {
  if (a.scale === undefined || b.scale === undefined) return undefined;
  if (b.quantity.isZero()) return a.scale;
  if (a.quantity.isZero()) return b.scale;
  const scale = Math.min(a.scale, b.scale);
  return isLong(mantissaOf({ quantity: sum, scale })) ? scale : undefined;
}

/** An amount of an object. */
export function quantityValue(quantity: Quantity): CelValue {
  return wrap(quantity, scaleOf(quantity.toString(), quantity));
}

function read(text: string): Q {
  try {
    const quantity = parseQuantity(text);
    return wrap(quantity, scaleOf(text, quantity));
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

const fromInt = (value: bigint): Amount => ({ quantity: new Quantity(value * NANO, 'exponent'), scale: 0 });

function add({ value: a }: Q, b: Amount): Q {
  const sum = a.quantity.add(b.quantity);
  return wrap(sum, scaleOfSum(a, b, sum));
}

function subtract({ value: a }: Q, b: Amount): Q {
  const difference = a.quantity.subtract(b.quantity);
  return wrap(difference, scaleOfSum(a, b, difference));
}

const compare = (a: Q, b: Q): number => a.value.quantity.compare(b.value.quantity);
const isWhole = ({ value: { quantity, scale } }: Q): boolean =>
  scale !== undefined && scale >= 0 && isLong(quantity.nano / NANO);

function toInteger(amount: Q): bigint {
  if (!isWhole(amount)) throw new CelError('cannot convert value to integer');
  return amount.value.quantity.nano / NANO;
}

function signOf({ value: { quantity } }: Q): bigint {
  return quantity.nano > 0n ? 1n : quantity.nano < 0n ? -1n : 0n;
}

/** Source: apiserver `pkg/cel/library/quantity.go`. */
export const quantityFunctions: readonly FunctionDecl[] = [
  { name: 'quantity', overloads: [overload('string_to_quantity', [STRING], QUANTITY, read)] },
  { name: 'isQuantity', overloads: [overload('is_quantity_string', [STRING], BOOL, isQuantity)] },
  { name: 'sign', overloads: [overload('quantity_sign', [QUANTITY], INT, signOf)] },
  {
    name: 'isGreaterThan',
    overloads: [member('quantity_is_greater_than', [QUANTITY, QUANTITY], BOOL, (a: Q, b: Q) => compare(a, b) > 0)],
  },
  {
    name: 'isLessThan',
    overloads: [member('quantity_is_less_than', [QUANTITY, QUANTITY], BOOL, (a: Q, b: Q) => compare(a, b) < 0)],
  },
  {
    name: 'compareTo',
    overloads: [member('quantity_compare_to', [QUANTITY, QUANTITY], INT, (a: Q, b: Q) => BigInt(compare(a, b)))],
  },
  {
    name: 'asApproximateFloat',
    overloads: [member('quantity_get_float', [QUANTITY], DOUBLE, ({ value }: Q) => Number(value.quantity.nano) / 1e9)],
  },
  { name: 'asInteger', overloads: [member('quantity_get_int', [QUANTITY], INT, toInteger)] },
  { name: 'isInteger', overloads: [member('quantity_is_integer', [QUANTITY], BOOL, isWhole)] },
  {
    name: 'add',
    overloads: [
      member('quantity_add', [QUANTITY, QUANTITY], QUANTITY, (a: Q, b: Q) => add(a, b.value)),
      member('quantity_add_int', [QUANTITY, INT], QUANTITY, (a: Q, b: bigint) => add(a, fromInt(b))),
    ],
  },
  {
    name: 'sub',
    overloads: [
      member('quantity_sub', [QUANTITY, QUANTITY], QUANTITY, (a: Q, b: Q) => subtract(a, b.value)),
      member('quantity_sub_int', [QUANTITY, INT], QUANTITY, (a: Q, b: bigint) => subtract(a, fromInt(b))),
    ],
  },
];
