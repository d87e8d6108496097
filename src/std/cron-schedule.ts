import { localOffsetMs } from './time-zone.ts';

/** A schedule in cron's notation. */
export interface Schedule {
  /** The first time after `ms`; undefined where there is none within five years. */
  next(ms: number): number | undefined;
}

interface Field {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const HORIZON_MS = 5 * 366 * DAY_MS;

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const fields: readonly Field[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: months },
  { min: 0, max: 6, names: days },
];

const macros: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/**
 * Reads a schedule: five fields with lists, ranges, steps and names, `@hourly` and the like, `@every 1h30m`, and a
 * leading `TZ=…` or `CRON_TZ=…`.
 *
 * @throws Error that says what is wrong, also for an unknown time zone.
 * Source: robfig/cron v3 `parser.go`.
 */
export function parseSchedule(text: string, timeZone?: string): Schedule {
  const zone = /^(?:CRON_TZ|TZ)=(\S+)\s+/.exec(text);
  const rest = zone === null ? text.trim() : text.slice(zone[0].length).trim();
  const zoneName = zone?.[1] ?? timeZone;
  if (zoneName !== undefined) localOffsetMs(0, zoneName);
  if (rest.startsWith('@every ')) return every(parsePeriodMs(rest.slice('@every '.length)));
  const parts = (macros[rest] ?? rest).split(/\s+/);
  if (parts.length !== 5) {
    throw new Error(`expected exactly 5 fields, found ${rest === '' ? 0 : parts.length}: [${parts.join(' ')}]`);
  }
  const sets = parts.map((part, i) => parseField(part, fields[i] as Field));
  const isStar = (part: string | undefined): boolean => part !== undefined && /^[*?]/.test(part);
  return fromSets(sets, isStar(parts[2]) || isStar(parts[4]), zoneName);
}

function every(periodMs: number): Schedule {
  return { next: (ms) => Math.floor(ms / 1000) * 1000 + periodMs };
}

function parsePeriodMs(text: string): number {
  const units: Readonly<Record<string, number>> = { h: HOUR_MS, m: MINUTE_MS, s: 1000, ms: 1, us: 0.001, ns: 1e-6 };
  const matches = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|us|ns|h|m|s)/g)];
  if (matches.length === 0 || matches.map((match) => match[0]).join('') !== text.trim()) {
    throw new Error(`failed to parse duration @every ${text}: time: invalid duration "${text}"`);
  }
  const ms = matches.reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit ?? ''] ?? 0), 0);
  return Math.max(1000, Math.floor(ms / 1000) * 1000);
}

function parseField(text: string, field: Field): ReadonlySet<number> {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const [range = '', stepText, ...more] = part.split('/');
    if (more.length > 0) throw new Error(`too many slashes: ${part}`);
    const step = stepText === undefined ? 1 : parseNumber(stepText, undefined);
    if (step === 0) throw new Error(`step of range should be a positive number: ${part}`);
    const [first, last] = parseRange(range, stepText !== undefined, field);
    if (first < field.min) throw new Error(`beginning of range (${first}) below minimum (${field.min}): ${part}`);
    if (last > field.max) throw new Error(`end of range (${last}) above maximum (${field.max}): ${part}`);
    if (first > last) throw new Error(`beginning of range (${first}) beyond end of range (${last}): ${part}`);
    for (let value = first; value <= last; value += step) values.add(value);
  }
  return values;
}

function parseRange(text: string, hasStep: boolean, field: Field): [number, number] {
  if (text === '*' || text === '?') return [field.min, field.max];
  const [low = '', high, ...more] = text.split('-');
  if (more.length > 0) throw new Error(`too many hyphens: ${text}`);
  const first = parseNumber(low, field);
  if (high !== undefined) return [first, parseNumber(high, field)];
  return [first, hasStep ? field.max : first];
}

function parseNumber(text: string, field: Field | undefined): number {
  const named = field?.names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + (field?.min ?? 0);
  if (!/^\d+$/.test(text)) throw new Error(`failed to parse int from ${text}`);
  return Number(text);
}

function fromSets(sets: readonly ReadonlySet<number>[], bothDays: boolean, zone: string | undefined): Schedule {
  const [minutes, hours, monthDays, monthSet, weekDays] = sets;
  const has = (set: ReadonlySet<number> | undefined, value: number): boolean => set?.has(value) ?? false;
  const isDay = (date: Date): boolean => {
    const inMonth = has(monthDays, date.getUTCDate());
    const inWeek = has(weekDays, date.getUTCDay());
    // With both days restricted either one will do; this is cron's oldest surprise.
    return bothDays ? inMonth && inWeek : inMonth || inWeek;
  };
  return {
    next(ms) {
      let atMs = (Math.floor(ms / MINUTE_MS) + 1) * MINUTE_MS;
      while (atMs - ms < HORIZON_MS) {
        const offsetMs = zone === undefined ? 0 : localOffsetMs(atMs, zone);
        // Local time as if it were UTC, to read its fields.
        const date = new Date(atMs + offsetMs);
        if (!has(monthSet, date.getUTCMonth() + 1)) {
          atMs = toInstant(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1), atMs, zone);
        } else if (!isDay(date)) {
          const midnight = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
          atMs = toInstant(midnight + DAY_MS, atMs, zone);
        } else if (!has(hours, date.getUTCHours())) {
          atMs += HOUR_MS - ((atMs + offsetMs) % HOUR_MS);
        } else if (!has(minutes, date.getUTCMinutes())) atMs += MINUTE_MS;
        else return atMs;
      }
      return undefined;
    },
  };
}

/** The instant of a local time after `afterMs`; a time that a change of clocks skips becomes the one after. */
function toInstant(localMs: number, afterMs: number, zone: string | undefined): number {
  if (zone === undefined) return localMs;
  let instant = localMs - localOffsetMs(localMs, zone);
  instant = localMs - localOffsetMs(instant, zone);
  return instant > afterMs ? instant : afterMs + HOUR_MS;
}

/** The latest scheduled time up to `nowMs` and after `sinceMs`, and whether more than 100 were missed. */
export function latestBefore(
  schedule: Schedule,
  sinceMs: number,
  nowMs: number,
): { readonly ms: number | undefined; readonly manyMissed: boolean } {
  let missed = 0;
  for (let at = schedule.next(sinceMs); at !== undefined && at <= nowMs && missed <= 101; at = schedule.next(at))
    missed++;
  if (missed === 0) return { ms: undefined, manyMissed: false };
  // Looking back ever further finds the last one without walking through all that were missed.
  for (const backMs of [HOUR_MS, DAY_MS, 31 * DAY_MS, 366 * DAY_MS, HORIZON_MS]) {
    let at = schedule.next(Math.max(sinceMs, nowMs - backMs));
    if (at === undefined || at > nowMs) continue;
    for (let after = schedule.next(at); after !== undefined && after <= nowMs; after = schedule.next(at)) at = after;
    return { ms: at, manyMissed: missed > 100 };
  }
  return { ms: undefined, manyMissed: false };
}
