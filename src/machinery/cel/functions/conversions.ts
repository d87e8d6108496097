import { parseGoDuration } from '../../schema/formats.ts';
import { BOOL, BYTES, DOUBLE, DURATION, INT, param, STRING, TIMESTAMP, typeOf, UINT } from '../cel-type.ts';
import { CelError, type CelValue, DurationValue, TimestampValue, TypeValue, typeNameOf, UintValue } from '../values.ts';
import { type FunctionDecl, overload } from './function.ts';
import { checkInt, checkTimestamp, checkUint, formatDouble } from './numbers.ts';
import { formatDurationSeconds, formatTimestamp, parseTimestamp } from './times.ts';

const SECOND = 1_000_000_000n;
const A = param('A');

function fault(from: string, to: string): CelError {
  return new CelError(`type conversion error from '${from}' to '${to}'`);
}

function readInt(text: string): bigint {
  if (!/^[+-]?\d+$/.test(text)) throw fault('string', 'int');
  const value = BigInt(text.replace(/^\+/, ''));
  if (value >= 2n ** 63n || value < -(2n ** 63n)) throw fault('string', 'int');
  return value;
}

function readUint(text: string): UintValue {
  if (!/^\d+$/.test(text) || BigInt(text) >= 2n ** 64n) throw fault('string', 'uint');
  return new UintValue(BigInt(text));
}

const DOUBLE_TEXT = /^[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)$/;

function readDouble(text: string): number {
  if (DOUBLE_TEXT.test(text)) return Number(text);
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (/^nan$/i.test(text)) return Number.NaN;
  throw fault('string', 'double');
}

function readBool(text: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
  throw fault('string', 'bool');
}

function readDuration(text: string): DurationValue {
  const nanos = parseGoDuration(text);
  if (nanos === undefined) throw fault('string', 'google.protobuf.Duration');
  return new DurationValue(nanos);
}

function readTimestamp(text: string): TimestampValue {
  const time = parseTimestamp(text);
  if (time === undefined) throw fault('string', 'google.protobuf.Timestamp');
  return time;
}

function truncate(value: number, limit: number, what: string): bigint {
  if (Number.isNaN(value) || value >= limit || value <= (what === 'int' ? -limit : -1)) {
    throw new CelError(what === 'int' ? 'integer overflow' : 'unsigned integer overflow');
  }
  return BigInt(Math.trunc(value));
}

function readUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new CelError('invalid UTF-8 in bytes, cannot convert to string', { cause });
  }
}

const same = (value: CelValue): CelValue => value;

/** Conversions between types, by the name of the type that is wanted. Source: cel-go `common/stdlib`, `common/types`. */
export const conversionFunctions: readonly FunctionDecl[] = [
  {
    name: 'type',
    overloads: [overload('type', [A], typeOf(A), (value: CelValue) => new TypeValue(typeNameOf(value)))],
  },
  {
    name: 'bool',
    overloads: [overload('bool_to_bool', [BOOL], BOOL, same), overload('string_to_bool', [STRING], BOOL, readBool)],
  },
  {
    name: 'bytes',
    overloads: [
      overload('bytes_to_bytes', [BYTES], BYTES, same),
      overload('string_to_bytes', [STRING], BYTES, (text: string) => Buffer.from(text)),
    ],
  },
  {
    name: 'double',
    overloads: [
      overload('double_to_double', [DOUBLE], DOUBLE, same),
      overload('int64_to_double', [INT], DOUBLE, (value: bigint) => Number(value)),
      overload('string_to_double', [STRING], DOUBLE, readDouble),
      overload('uint64_to_double', [UINT], DOUBLE, ({ value }: UintValue) => Number(value)),
    ],
  },
  {
    name: 'duration',
    overloads: [
      overload('duration_to_duration', [DURATION], DURATION, same),
      // Declared, and never made: numbers do not say of what.
      overload('int64_to_duration', [INT], DURATION, () => {
        throw fault('int', 'google.protobuf.Duration');
      }),
      overload('string_to_duration', [STRING], DURATION, readDuration),
    ],
  },
  {
    name: 'int',
    overloads: [
      overload('int64_to_int64', [INT], INT, same),
      overload('double_to_int64', [DOUBLE], INT, (value: number) => truncate(value, 2 ** 63, 'int')),
      overload('duration_to_int64', [DURATION], INT, ({ nanos }: DurationValue) => nanos),
      overload('string_to_int64', [STRING], INT, readInt),
      overload('timestamp_to_int64', [TIMESTAMP], INT, ({ nanos }: TimestampValue) => floorSeconds(nanos)),
      overload('uint64_to_int64', [UINT], INT, ({ value }: UintValue) => checkInt(value)),
    ],
  },
  {
    name: 'string',
    overloads: [
      overload('string_to_string', [STRING], STRING, same),
      overload('bool_to_string', [BOOL], STRING, (value: boolean) => String(value)),
      overload('bytes_to_string', [BYTES], STRING, readUtf8),
      overload('double_to_string', [DOUBLE], STRING, formatDouble),
      overload('duration_to_string', [DURATION], STRING, ({ nanos }: DurationValue) => formatDurationSeconds(nanos)),
      overload('int64_to_string', [INT], STRING, (value: bigint) => value.toString()),
      overload('timestamp_to_string', [TIMESTAMP], STRING, formatTimestamp),
      overload('uint64_to_string', [UINT], STRING, ({ value }: UintValue) => value.toString()),
    ],
  },
  {
    name: 'timestamp',
    overloads: [
      overload('timestamp_to_timestamp', [TIMESTAMP], TIMESTAMP, same),
      overload('int64_to_timestamp', [INT], TIMESTAMP, (s: bigint) => new TimestampValue(checkTimestamp(s * SECOND))),
      overload('string_to_timestamp', [STRING], TIMESTAMP, readTimestamp),
    ],
  },
  {
    name: 'uint',
    overloads: [
      overload('uint64_to_uint64', [UINT], UINT, same),
      overload('double_to_uint64', [DOUBLE], UINT, (value: number) => new UintValue(truncate(value, 2 ** 64, 'uint'))),
      overload('int64_to_uint64', [INT], UINT, (value: bigint) => new UintValue(checkUint(value))),
      overload('string_to_uint64', [STRING], UINT, readUint),
    ],
  },
];

function floorSeconds(nanos: bigint): bigint {
  const rest = ((nanos % SECOND) + SECOND) % SECOND;
  return (nanos - rest) / SECOND;
}
