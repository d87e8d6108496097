import { CelError } from '../values.ts';

const INT_MAX = 2n ** 63n - 1n;
const INT_MIN = -(2n ** 63n);
const UINT_MAX = 2n ** 64n - 1n;

/** The number, if it is an int64. @throws CelError */
export function checkInt(value: bigint): bigint {
  if (value > INT_MAX || value < INT_MIN) throw new CelError('integer overflow');
  return value;
}

/** The number, if it is a uint64. @throws CelError */
export function checkUint(value: bigint): bigint {
  if (value > UINT_MAX || value < 0n) throw new CelError('unsigned integer overflow');
  return value;
}

/** The nanoseconds, if Go's duration can hold them. @throws CelError */
export function checkDuration(nanos: bigint): bigint {
  if (nanos > INT_MAX || nanos < INT_MIN) throw new CelError('duration overflow');
  return nanos;
}

/** Years 1 to 9999. @throws CelError */
export function checkTimestamp(nanos: bigint): bigint {
  const seconds = nanos / 1_000_000_000n;
  if (seconds < -62135596800n || seconds > 253402300799n) throw new CelError('timestamp overflow');
  return nanos;
}

/** A double as Go's `%g` writes it, shortest form: with an exponent from a million on. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const [digits = '0', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power < -4 || power >= 6) {
    const sign = power < 0 ? '-' : '+';
    return `${digits}e${sign}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  return power < 0 ? value.toFixed(Math.max(0, digits.replace(/^-?\d\.?/, '').length - power)) : String(value);
}
