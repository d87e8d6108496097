import { localOffsetMs } from '../../../std/time-zone.ts';
import { CelError, TimestampValue } from '../values.ts';
import { checkTimestamp } from './numbers.ts';

const RFC3339 = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:[.,](\d+))?([Zz]|[+-]\d{2}:\d{2})$/;

/** Reads RFC 3339; undefined for any other text. @throws CelError for years that no timestamp has. */
export function parseTimestamp(text: string): TimestampValue | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, date = '', time = '', fraction = '', zone = ''] = match;
  const day = Number(date.slice(8));
  const ms = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  const last = new Date(Date.UTC(Number(date.slice(0, 4)), Number(date.slice(5, 7)), 0)).getUTCDate();
  if (Number.isNaN(ms) || day > last || time.startsWith('24')) return undefined;
  const nanos = BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  return new TimestampValue(checkTimestamp(BigInt(ms) * 1_000_000n + nanos), minutesOf(zone));
}

function minutesOf(zone: string): number {
  const [, sign, hours, minutes] = /^([+-])(\d{2}):(\d{2})$/.exec(zone) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0));
}

function formatZone(offsetMinutes: number): string {
  if (offsetMinutes === 0) return 'Z';
  const size = Math.abs(offsetMinutes);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${offsetMinutes < 0 ? '-' : '+'}${two(Math.trunc(size / 60))}:${two(size % 60)}`;
}

/** RFC 3339 in its own zone with as many digits as there are. */
export function formatTimestamp({ nanos, offsetMinutes }: TimestampValue): string {
  const fraction = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = (nanos - fraction) / 1_000_000_000n;
  const text = new Date(Number(seconds) * 1000 + offsetMinutes * 60_000).toISOString().slice(0, 19);
  const digits = fraction === 0n ? '' : `.${fraction.toString().padStart(9, '0').replace(/0+$/, '')}`;
  return `${text}${digits}${formatZone(offsetMinutes)}`;
}

/** Seconds with as many digits as there are, and an `s`. */
export function formatDurationSeconds(nanos: bigint): string {
  const size = nanos < 0n ? -nanos : nanos;
  const fraction = (size % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  return `${nanos < 0n ? '-' : ''}${size / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}s`;
}

export interface CalendarTime {
  readonly year: number;
  /** From 0. */
  readonly month: number;
  /** From 1. */
  readonly day: number;
  readonly weekDay: number;
  /** From 0. */
  readonly yearDay: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
  readonly milliseconds: number;
}

/** A point in time as calendars show it in a zone: a name such as `Europe/Paris`, an offset such as `+02:00`, or its own. */
export function toCalendar({ nanos, offsetMinutes }: TimestampValue, zone?: string): CalendarTime {
  const ms = Number((nanos - (((nanos % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n);
  const local = new Date(ms + (zone === undefined ? offsetMinutes * 60_000 : offsetMs(ms, zone)));
  const year = local.getUTCFullYear();
  return {
    year,
    month: local.getUTCMonth(),
    day: local.getUTCDate(),
    weekDay: local.getUTCDay(),
    yearDay: Math.floor((Date.UTC(year, local.getUTCMonth(), local.getUTCDate()) - Date.UTC(year, 0, 1)) / 86_400_000),
    hours: local.getUTCHours(),
    minutes: local.getUTCMinutes(),
    seconds: local.getUTCSeconds(),
    milliseconds: local.getUTCMilliseconds(),
  };
}

function offsetMs(ms: number, zone: string): number {
  if (zone === '' || zone === 'UTC') return 0;
  const fixed = /^([+-]?)(\d{1,2}):(\d{2})$/.exec(zone);
  if (fixed !== null) {
    const [, sign, hours, minutes] = fixed;
    return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  }
  try {
    return localOffsetMs(ms, zone);
  } catch (cause) {
    throw new CelError(`unknown time zone ${zone}`, { cause });
  }
}
