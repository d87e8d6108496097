import { quoteGo } from '../../errors/field-error.ts';
import type { CelKind } from '../cel-type.ts';
import {
  CelError,
  CelMap,
  type CelValue,
  DurationValue,
  isList,
  TimestampValue,
  TypeValue,
  typeNameOf,
  UintValue,
} from '../values.ts';
import { formatDouble } from './numbers.ts';
import { formatDurationSeconds, formatTimestamp } from './times.ts';

/** A clause of a text: `%%`, or a precision and a verb. */
export const CLAUSE = /%(%|(?:\.(\d+))?(.)?)/gsu;

/** What each verb takes, by the kinds of types, and what is said of others. */
export const clauses: Readonly<Record<string, { readonly kinds: readonly CelKind[]; readonly why: string }>> = {
  s: {
    kinds: [
      ...(['list', 'map', 'int', 'uint', 'double', 'bool', 'string'] as const),
      ...(['timestamp', 'bytes', 'duration', 'type', 'null'] as const),
    ],
    why: 'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
  },
  d: { kinds: ['int', 'uint'], why: 'decimal clause can only be used on integers' },
  f: { kinds: ['double', 'string'], why: 'fixed-point clause can only be used on doubles' },
  e: { kinds: ['double', 'string'], why: 'scientific clause can only be used on doubles' },
  b: { kinds: ['int', 'uint', 'bool'], why: 'only integers and bools can be formatted as binary' },
  o: { kinds: ['int', 'uint'], why: 'octal clause can only be used on integers' },
  x: {
    kinds: ['int', 'uint', 'string', 'bytes'],
    why: 'only integers, byte buffers, and strings can be formatted as hex',
  },
};

/** The clause of a verb, `X` being another `x`. @throws CelError where there is no such verb. */
export function clauseOf(verb: string): (typeof clauses)[string] {
  const clause = Object.hasOwn(clauses, verb) ? clauses[verb] : verb === 'X' ? clauses['x'] : undefined;
  if (clause !== undefined) return clause;
  throw new CelError(`could not parse formatting clause: unrecognized formatting clause "${verb}"`);
}

export function formatFault(verb: string, typeName: string): string {
  return `error during formatting: ${clauseOf(verb).why}, was given ${typeName}`;
}

/**
 * Fills the clauses of a text: `%s`, `%d`, `%f`, `%e`, `%b`, `%x`, `%X` and `%o`.
 * Source: cel-go `ext/formatting.go`.
 */
export function formatText(text: string, args: readonly CelValue[]): string {
  let index = 0;
  return text.replace(CLAUSE, (_, whole: string, precision: string | undefined, verb: string | undefined) => {
    if (whole === '%') return '%';
    const value = args[index];
    if (value === undefined) throw new CelError(`index ${index} out of range`);
    if (verb === undefined) throw new CelError('unexpected end of string');
    clauseOf(verb);
    index++;
    return formatters[verb]?.(value, precision === undefined ? 6 : Number(precision)) ?? '';
  });
}

function fault(verb: string, value: CelValue): CelError {
  return new CelError(formatFault(verb, typeNameOf(value)));
}

const formatters: Readonly<Record<string, (value: CelValue, precision: number) => string>> = {
  s: toText,
  d(value) {
    if (typeof value === 'bigint') return value.toString();
    if (value instanceof UintValue) return value.value.toString();
    throw fault('d', value);
  },
  f(value, precision) {
    const number = toDouble(value, 'f');
    if (!Number.isFinite(number)) return Number.isNaN(number) ? 'NaN' : number > 0 ? '∞' : '-∞';
    return number.toLocaleString('en-US', { minimumFractionDigits: precision, maximumFractionDigits: precision });
  },
  e(value, precision) {
    const number = toDouble(value, 'e');
    if (!Number.isFinite(number)) return Number.isNaN(number) ? 'NaN' : number > 0 ? '∞' : '-∞';
    // Upstream takes the precision for a width.
    const [digits = '', exponent = '0'] = number.toExponential(6).split('e');
    const power = Number(exponent);
    const raised = String(Math.abs(power))
      .padStart(2, '0')
      .replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)] ?? '');
    return `${digits}×10${power < 0 ? '⁻' : ''}${raised}`.padStart(precision);
  },
  b(value) {
    if (typeof value === 'boolean') return value ? '1' : '0';
    return toDigits(value, 2, 'b');
  },
  o: (value) => toDigits(value, 8, 'o'),
  x: toHex,
  X: (value) => toHex(value).toUpperCase(),
};

function toDouble(value: CelValue, verb: string): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN') return Number.NaN;
  if (value === 'Infinity') return Infinity;
  if (value === '-Infinity') return -Infinity;
  throw fault(verb, value);
}

function toDigits(value: CelValue, base: number, verb: string): string {
  if (typeof value === 'bigint') return value.toString(base);
  if (value instanceof UintValue) return value.value.toString(base);
  throw fault(verb, value);
}

function toHex(value: CelValue): string {
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return toDigits(value, 16, 'x');
}

function toText(value: CelValue): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return formatDouble(value);
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value instanceof UintValue) return value.value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (value instanceof TimestampValue) return formatTimestamp(value);
  if (value instanceof DurationValue) return formatDurationSeconds(value.nanos);
  if (value instanceof TypeValue) return value.typeName;
  if (isList(value)) return `[${value.map(inCollection).join(', ')}]`;
  if (value instanceof CelMap) {
    const map = value;
    const pairs = map.keys().map((key) => [inCollection(key), inCollection(map.find(key) as CelValue)] as const);
    return `{${pairs
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => `${key}:${inner}`)
      .join(', ')}}`;
  }
  throw fault('s', value);
}

/** As an item of a list or map, in CEL's own notation. */
function inCollection(value: CelValue): string {
  if (typeof value === 'string') return quoteGo(value);
  if (value instanceof Uint8Array) return `b${quoteGo(Buffer.from(value).toString())}`;
  if (typeof value === 'number') return Number.isFinite(value) ? value.toFixed(6) : quoteGo(formatDouble(value));
  if (value instanceof TimestampValue) return `timestamp(${quoteGo(formatTimestamp(value))})`;
  if (value instanceof DurationValue) return `duration(${quoteGo(formatDurationSeconds(value.nanos))})`;
  if (value instanceof TypeValue) return `type(${value.typeName})`;
  return toText(value);
}
