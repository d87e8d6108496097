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

/** Sign, digits, digits behind the point, suffix; any of them may be missing. Source: quantity.go (parseQuantityString). */
const PATTERN = /^([+-]?)(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[-+]?\d*)$/;
const SUFFIX = /^(?:[KMGTPE]i|[numkMGTPE]?|[eE][+-]?\d+)$/;
const NANO = 1_000_000_000n;
/** Larger binary values are cut to it. Source: quantity.go (maxAllowed). */
const MAX_NANO = (2n ** 63n - 1n) * NANO;

/** Thrown with upstream's sentence. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

/** An exact amount: a whole number of billionths, and the way it is written. */
export class Quantity {
  readonly nano: bigint;
  readonly format: Format;
  readonly #text: string | undefined;

  /** @param text - How it is written, where that is kept although it may not be canonical. */
  constructor(nano: bigint, format: Format, text?: string) {
    this.nano = nano;
    this.format = format;
    this.#text = text;
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

  /** The text that is kept, or the canonical one: no fraction, the largest suffix that keeps the value whole. */
  toString(): string {
    return this.#text ?? this.#toCanonical();
  }

  #toCanonical(): string {
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
  const match = text === '' ? null : PATTERN.exec(text);
  if (match === null) {
    throw new QuantityError(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  }
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match;
  if (!SUFFIX.test(suffix)) throw new QuantityError("unable to parse quantity's suffix");
  const num = whole.replace(/^0+/, '') || '0';
  const { nano, format } = scale(BigInt(num + fraction), fraction.length, suffix);
  const cut = format === 'binary' && nano > MAX_NANO ? MAX_NANO : nano;
  const kept = isKept(num, fraction, suffix, format) ? text : undefined;
  const shown = format === 'binary' && cut > 0n && cut < NANO ? 'decimal' : format;
  const quantity = new Quantity(sign === '-' ? -cut : cut, shown, kept);
  if (cache.size < CACHE_LIMIT) cache.set(text, quantity);
  return quantity;
}

/** Digits that fit 64 bits without a look. Source: quantity.go (maxInt64Factors). */
const MAX_DIGITS = 18;

/** Whether Go keeps the text as it is: where its quick reading takes it for canonical. Source: quantity.go (ParseQuantity). */
function isKept(num: string, fraction: string, suffix: string, format: Format): boolean {
  const shifted = num + fraction;
  if (format === 'binary') {
    const exponent = (binarySuffixes.indexOf(suffix) + 1) * 10;
    if (fraction !== '' || 15 - num.length - Math.trunc((exponent * 3) / 10) - 1 < 0) return false;
    return (BigInt(num) & 7n) !== 0n;
  }
  const decimals = exponentOf(suffix) - fraction.length;
  if (shifted.length > MAX_DIGITS || decimals < -9) return false;
  return decimals % 3 === 0 && !shifted.endsWith('000') && !shifted.startsWith('0');
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
  const isExponent = suffix.length > 1;
  const shift = exponentOf(suffix) + 9 - decimals;
  const nano = shift >= 0 ? digits * 10n ** BigInt(Math.min(shift, 400)) : ceilDivide(digits, 10n ** BigInt(-shift));
  return { nano, format: isExponent ? 'exponent' : 'decimal' };
}

function exponentOf(suffix: string): number {
  return suffix.length > 1 ? Number(suffix.slice(1)) : (decimalSuffixes.find(([name]) => name === suffix)?.[1] ?? 0);
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
  while (left % 1000n === 0n) {
    left /= 1000n;
    exponent += 3;
  }
  // Go finds no suffix for more, and writes none.
  if (asExponent) return exponent === 0 ? `${left}` : `${left}e${exponent}`;
  return `${left}${decimalSuffixes.find(([, value]) => value === exponent)?.[0] ?? ''}`;
}
