import { NumberText } from '../codecs/json/exact-numbers.ts';
import { parseDurationMs, toDurationText } from '../values/duration.ts';
import { parseQuantity } from '../values/quantity.ts';
import { canonicalMicroTime, canonicalTime, isZeroTime } from '../values/time.ts';
import { jsonTypeOf, mismatch, placeOf, TypeMismatchError, toFinal, type ValuePlace } from './type-mismatch.ts';
import type { ScalarShape } from './type-schema.ts';

/**
 * A scalar as Go's decoder reads it; quantities, times and durations become canonical.
 *
 * @throws TypeMismatchError for a value of another type, or one that its type cannot hold.
 */
export function decodeScalar(value: unknown, shape: ScalarShape, path: string, at: ValuePlace): unknown {
  switch (shape.type) {
    case 'string':
      if (typeof value !== 'string') throw mismatch(value, shape, path, at);
      return value;
    case 'boolean':
      if (typeof value !== 'boolean') throw mismatch(value, shape, path, at);
      return value;
    case 'int32':
    case 'int64':
      return decodeInteger(value, shape, path, at);
    case 'double':
      if (typeof value === 'bigint') return Number(value);
      if (value instanceof NumberText) return value.value;
      if (typeof value !== 'number') throw mismatch(value, shape, path, at);
      return value;
    case 'bytes':
      return decodeBytes(value, shape, path, at);
    case 'quantity':
      return decodeQuantity(value);
    case 'int-or-string':
      return typeof value === 'string' ? value : decodePort(value, path, at);
    case 'time':
    case 'micro-time':
      return decodeTime(value, shape, path, at);
    case 'duration':
      return decodeDuration(value, path, at);
    default:
      return shape.type satisfies never;
  }
}

function decodeInteger(value: unknown, shape: ScalarShape, path: string, at: ValuePlace): number {
  if (typeof value === 'bigint') return decodeLong(value, shape, path, at);
  if (value instanceof NumberText) {
    const { text } = value;
    throw new TypeMismatchError(
      `json: cannot unmarshal number ${text} into ${placeOf(path, at)} of type ${shape.type}`,
    );
  }
  if (typeof value !== 'number') throw mismatch(value, shape, path, at);
  const inRange = shape.type === 'int64' || (value >= -(2 ** 31) && value < 2 ** 31);
  if (!Number.isInteger(value) || !inRange) {
    throw new TypeMismatchError(
      `json: cannot unmarshal number ${value} into ${placeOf(path, at)} of type ${shape.type}`,
    );
  }
  return value;
}

/** Numbers that only 64 bits hold stay `bigint`; what reads them compares, and does not count with them. */
function decodeLong(value: bigint, { type }: ScalarShape, path: string, at: ValuePlace): number {
  if (type === 'int64' && BigInt.asIntN(64, value) === value) return value as unknown as number;
  throw new TypeMismatchError(`json: cannot unmarshal number ${value} into ${placeOf(path, at)} of type ${type}`);
}

/** The number of an IntOrString, which reads itself. */
function decodePort(value: unknown, path: string, at: ValuePlace): number {
  try {
    return decodeInteger(value, { shape: 'scalar', type: 'int32' }, path, at);
  } catch (error) {
    throw error instanceof TypeMismatchError ? toFinal(error) : error;
  }
}

function decodeBytes(value: unknown, shape: ScalarShape, path: string, at: ValuePlace): string {
  if (Array.isArray(value)) return decodeByteList(value, path, at);
  if (typeof value !== 'string') throw mismatch(value, shape, path, at);
  const clean = value.replace(/[\r\n]/g, '');
  const bad = /[^A-Za-z0-9+/=]/.exec(clean);
  if (bad !== null) throw new TypeMismatchError(`illegal base64 data at input byte ${bad.index}`);
  if (clean.length % 4 !== 0 || /=[^=]|===/.test(clean)) {
    throw new TypeMismatchError(`illegal base64 data at input byte ${clean.length - (clean.length % 4)}`);
  }
  return clean;
}

/** Go takes a list of small numbers for bytes as well. */
function decodeByteList(value: readonly unknown[], path: string, at: ValuePlace): string {
  const bytes = value.map((item) => {
    if (item === null) return 0;
    if (Number.isInteger(item) && (item as number) >= 0 && (item as number) < 256) return item as number;
    const shown = typeof item === 'number' ? `number ${item}` : jsonTypeOf(item);
    throw new TypeMismatchError(`json: cannot unmarshal ${shown} into ${placeOf(path, at)} of type uint8`);
  });
  return Buffer.from(bytes).toString('base64');
}

function decodeQuantity(value: unknown): string {
  try {
    return parseQuantity(
      typeof value === 'number' || typeof value === 'bigint' || value instanceof NumberText
        ? String(value)
        : typeof value === 'string'
          ? value.trim()
          : '',
    ).toString();
  } catch (cause) {
    throw new TypeMismatchError((cause as Error).message, { cause, isFinal: true });
  }
}

/** Null for Go's zero time, which is written as one that was never set. */
function decodeTime(value: unknown, shape: ScalarShape, path: string, at: ValuePlace): string | null {
  if (typeof value !== 'string') throw toFinal(mismatch(value, { shape: 'scalar', type: 'string' }, path, at));
  try {
    const text = shape.type === 'time' ? canonicalTime(value) : canonicalMicroTime(value);
    return isZeroTime(text) ? null : text;
  } catch (cause) {
    throw new TypeMismatchError((cause as Error).message, { cause, isFinal: true });
  }
}

function decodeDuration(value: unknown, path: string, at: ValuePlace): string {
  if (typeof value !== 'string') throw toFinal(mismatch(value, { shape: 'scalar', type: 'string' }, path, at));
  const ms = parseDurationMs(value);
  if (ms === undefined) throw new TypeMismatchError(`time: invalid duration "${value}"`, { isFinal: true });
  return toDurationText(ms);
}
