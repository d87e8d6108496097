/** Suffixes and what they multiply by, as powers. Source: apimachinery `pkg/api/resource/suffix.go`. */
const binarySuffixes = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const decimalSuffixes: readonly (readonly [suffix: string, exponent: number])[] = [
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
];

type Format = 'binary' | 'decimal' | 'exponent';

const PATTERN = /^([+-]?)(\d*)(?:\.(\d*))?(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?|[eE][+-]?\d+)$/;
const NANO = 1_000_000_000n;
/** Larger values are cut to it. Source: quantity.go (maxAllowed). */
const MAX_NANO = (2n ** 63n - 1n) * NANO;

/** Thrown with upstream's sentence. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

/** An exact amount: a whole number of billionths, and the way it is written. */
export class Quantity {
  readonly nano: bigint;
  readonly format: Format;

  constructor(nano: bigint, format: Format) {
    this.nano = nano;
    this.format = format;
  }

  /** Whole units, rounded up as upstream's `Value()`. */
  toInteger(): number {
    return Number(ceilDivide(this.nano, NANO));
  }

  /** Thousandths, rounded up as upstream's `MilliValue()`. */
  toMillis(): number {
    return Number(ceilDivide(this.nano, NANO / 1000n));
  }

  isZero(): boolean {
    return this.nano === 0n;
  }

  compare(other: Quantity): -1 | 0 | 1 {
    return this.nano === other.nano ? 0 : this.nano < other.nano ? -1 : 1;
  }

  add(other: Quantity): Quantity {
    return new Quantity(this.nano + other.nano, this.nano === 0n ? other.format : this.format);
  }

  subtract(other: Quantity): Quantity {
    return new Quantity(this.nano - other.nano, this.nano === 0n ? other.format : this.format);
  }

  /** The canonical text: no fraction, the largest suffix that keeps the value whole. */
  toString(): string {
    if (this.nano === 0n) return '0';
    const sign = this.nano < 0n ? '-' : '';
    const nano = this.nano < 0n ? -this.nano : this.nano;
    if (this.format === 'binary' && nano % NANO === 0n && nano / NANO >= 1024n) return sign + toBinaryText(nano / NANO);
    return sign + toDecimalText(nano, this.format === 'exponent');
  }
}

/**
 * Reads a quantity. @throws QuantityError with upstream's sentence.
 *
 * Source: apimachinery `pkg/api/resource/quantity.go` (ParseQuantity).
 */
export function parseQuantity(text: string): Quantity {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const match = PATTERN.exec(text);
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match ?? [];
  if (match === null || (whole === '' && fraction === '')) {
    throw new QuantityError(
      text === ''
        ? "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        : "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  }
  const digits = BigInt(whole + fraction || '0');
  const { nano, format } = scale(digits, fraction.length, suffix);
  const cut = nano > MAX_NANO ? MAX_NANO : nano;
  const quantity = new Quantity(sign === '-' ? -cut : cut, format);
  if (cache.size < CACHE_LIMIT) cache.set(text, quantity);
  return quantity;
}

/** The few texts that a cluster uses, over and over. */
const CACHE_LIMIT = 2000;
const cache = new Map<string, Quantity>();

export function isQuantity(text: string): boolean {
  try {
    parseQuantity(text);
    return true;
  } catch {
    return false;
  }
}

/** Canonical text of a quantity text, as the server stores it. */
export function canonicalQuantity(text: string): string {
  return parseQuantity(text).toString();
}

function scale(digits: bigint, decimals: number, suffix: string): { nano: bigint; format: Format } {
  const binary = binarySuffixes.indexOf(suffix);
  if (binary >= 0) {
    const factor = 1024n ** BigInt(binary + 1) * NANO;
    return { nano: ceilDivide(digits * factor, 10n ** BigInt(decimals)), format: 'binary' };
  }
  const isExponent = /^[eE][+-]?\d+$/.test(suffix);
  const exponent = isExponent ? Number(suffix.slice(1)) : (decimalSuffixes.find(([name]) => name === suffix)?.[1] ?? 0);
  const shift = exponent + 9 - decimals;
  const nano = shift >= 0 ? digits * 10n ** BigInt(Math.min(shift, 400)) : ceilDivide(digits, 10n ** BigInt(-shift));
  return { nano, format: isExponent ? 'exponent' : 'decimal' };
}

function ceilDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by === 0n || value < 0n ? quotient : quotient + 1n;
}

function toBinaryText(value: bigint): string {
  let left = value;
  let power = 0;
  while (power < binarySuffixes.length && left % 1024n === 0n) {
    left /= 1024n;
    power++;
  }
  return `${left}${power === 0 ? '' : binarySuffixes[power - 1]}`;
}

function toDecimalText(nano: bigint, asExponent: boolean): string {
  let left = nano;
  let exponent = -9;
  while (exponent < 18 && left % 1000n === 0n) {
    left /= 1000n;
    exponent += 3;
  }
  if (asExponent) return exponent === 0 ? `${left}` : `${left}e${exponent}`;
  return `${left}${decimalSuffixes.find(([, value]) => value === exponent)?.[0] ?? ''}`;
}
