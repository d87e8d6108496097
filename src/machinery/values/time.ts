/** RFC 3339 in whole seconds, as `metav1.Time` is written. */
export function toTimeText(ms: number): string {
  return `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
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

/** Reads RFC 3339; undefined for any other text. */
export function parseTime(text: string): ParsedTime | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, date, time, fraction = '.0', zone] = match;
  const ms = Date.parse(`${date}T${time}${zone}`);
  if (Number.isNaN(ms)) return undefined;
  return { seconds: ms / 1000, nanos: Number(fraction.slice(1).padEnd(9, '0').slice(0, 9)) };
}

/** Whole seconds in UTC, from any RFC 3339 text. */
export function canonicalTime(text: string): string | undefined {
  const parsed = parseTime(text);
  return parsed === undefined ? undefined : toTimeText(parsed.seconds * 1000);
}

/** Microseconds in UTC, from any RFC 3339 text. */
export function canonicalMicroTime(text: string): string | undefined {
  const parsed = parseTime(text);
  if (parsed === undefined) return undefined;
  const micros = String(Math.floor(parsed.nanos / 1000)).padStart(6, '0');
  return `${toTimeText(parsed.seconds * 1000).slice(0, -1)}.${micros}Z`;
}
