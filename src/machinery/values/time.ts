import { parseGoTime } from './go-time.ts';

const DAY_SECONDS = 86_400;
const TWO_DIGITS = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0'));

/** RFC 3339 in whole seconds, as `metav1.Time` is written. */
export function toTimeText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  // Most times are of these years, and there are many: a pod has about ten of them.
  if (seconds < 0 || seconds >= 4_102_444_800) return toAnyTimeText(ms);
  const days = Math.floor(seconds / DAY_SECONDS);
  const rest = seconds - days * DAY_SECONDS;
  const hour = Math.floor(rest / 3600);
  const minute = Math.floor((rest - hour * 3600) / 60);
  return `${toDateText(days)}T${TWO_DIGITS[hour]}:${TWO_DIGITS[minute]}:${TWO_DIGITS[rest % 60]}Z`;
}

/** @param days - Since the epoch; not before it. Source: H. Hinnant's calendar algorithms, with years from March on. */
function toDateText(days: number): string {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * ofYear + 2) / 153);
  const day = ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return `${yearOfEra + era * 400 + (month <= 2 ? 1 : 0)}-${TWO_DIGITS[month]}-${TWO_DIGITS[day]}`;
}

/** The last moment that has a year of four digits. */
const LAST_MS = 253_402_300_799_000;

function toAnyTimeText(ms: number): string {
  return `${new Date(Math.min(Math.floor(ms / 1000) * 1000, LAST_MS)).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 in microseconds, as `metav1.MicroTime` is written. */
export function toMicroTimeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}000Z`;
}

const RFC3339 = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

export interface ParsedTime {
  /** Seconds since the epoch, and the nanoseconds behind them. */
  readonly seconds: number;
  readonly nanos: number;
}

/** Days before each month, in a year that is no leap year. */
const DAYS_BEFORE = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];

/**
 * Seconds since the epoch of a time that is written as this server writes it, between 1970 and 2099; undefined for any
 * other, good or bad.
 */
function parseUsualTime(text: string): number | undefined {
  if (text.length !== 20 || text.charCodeAt(19) !== 90 || text.charCodeAt(10) !== 84) return undefined;
  if (text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return undefined;
  if (text.charCodeAt(13) !== 58 || text.charCodeAt(16) !== 58) return undefined;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  // Anything that is no digit has made NaN, which no comparison holds for.
  if (!(year >= 1970 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 28)) return undefined;
  if (!(hour < 24 && minute < 60 && second < 60)) return undefined;
  const leaps = Math.floor((year - 1969) / 4) + (year % 4 === 0 && month > 2 ? 1 : 0);
  const days = (year - 1970) * 365 + leaps + (DAYS_BEFORE[month - 1] as number) + day - 1;
  return days * DAY_SECONDS + hour * 3600 + minute * 60 + second;
}

function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/** Reads RFC 3339; undefined for any other text. */
export function parseTime(text: string): ParsedTime | undefined {
  const usual = parseUsualTime(text);
  if (usual !== undefined) return { seconds: usual, nanos: 0 };
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, date, time, fraction = '.0', zone] = match;
  const ms = Date.parse(`${date}T${time}${zone}`);
  if (Number.isNaN(ms)) return undefined;
  return { seconds: ms / 1000, nanos: Number(fraction.slice(1).padEnd(9, '0').slice(0, 9)) };
}

/** Whole seconds in UTC. @throws GoTimeError with Go's sentence */
export function canonicalTime(text: string): string {
  return parseUsualTime(text) === undefined ? toTimeText(parseGoTime(text, 'time').seconds * 1000) : text;
}

/** Microseconds in UTC. @throws GoTimeError with Go's sentence */
export function canonicalMicroTime(text: string): string {
  const { seconds, nanos } = parseGoTime(text, 'micro-time');
  return `${toTimeText(seconds * 1000).slice(0, -1)}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
}

/** Whether a canonical text stands for no time at all: Go's zero time. */
export function isZeroTime(text: string): boolean {
  return text.startsWith('0001-01-01T00:00:00') && /^(\.0+)?Z$/.test(text.slice(19));
}
