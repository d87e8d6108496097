import type { ParsedTime } from './time.ts';

/** The layouts of `metav1.Time` and `metav1.MicroTime`. Source: apimachinery `pkg/apis/meta/v1`. */
export type TimeLayout = 'time' | 'micro-time';

const layouts: Readonly<Record<TimeLayout, string>> = {
  time: '2006-01-02T15:04:05Z07:00',
  'micro-time': '2006-01-02T15:04:05.000000Z07:00',
};

/** Thrown with the sentence of Go's `time.Parse`. */
export class GoTimeError extends Error {
  override readonly name = 'GoTimeError';
}

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Reads a time as Go does: it takes commas for points, fractions where the layout has none, and offsets of 24 hours.
 * @throws GoTimeError
 *
 * Source: Go `time/format.go` (parse).
 */
export function parseGoTime(text: string, layout: TimeLayout): ParsedTime {
  const reader = new Reader(text, layouts[layout]);
  const year = reader.take('2006', /^\d{4}/);
  reader.skip('-');
  const month = reader.ranged('01', 'month', 1, 12);
  reader.skip('-');
  const day = reader.ranged('02', 'day', 0, 99);
  reader.skip('T');
  const hour = reader.ranged('15', 'hour', 0, 23, /^\d\d?/);
  reader.skip(':');
  const minute = reader.ranged('04', 'minute', 0, 59);
  reader.skip(':');
  const second = reader.ranged('05', 'second', 0, 59);
  const nanos = layout === 'time' ? reader.anyFraction() : reader.fraction();
  const offset = reader.zone();
  reader.end();
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 1 : 0;
  if (day < 1 || day > (DAYS[month - 1] ?? 0) + leap) reader.refuse(': day out of range');
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  return { seconds: date.getTime() / 1000 - offset, nanos };
}

class Reader {
  readonly #text: string;
  readonly #layout: string;
  #rest: string;

  constructor(text: string, layout: string) {
    this.#text = text;
    this.#layout = layout;
    this.#rest = text;
  }

  refuse(why: string): never {
    throw new GoTimeError(`parsing time ${quote(this.#text)}${why}`);
  }

  #fail(element: string, at: string): never {
    this.refuse(` as ${quote(this.#layout)}: cannot parse ${quote(at)} as ${quote(element)}`);
  }

  skip(sign: string): void {
    if (!this.#rest.startsWith(sign)) this.#fail(sign, this.#rest);
    this.#rest = this.#rest.slice(sign.length);
  }

  take(element: string, pattern: RegExp): number {
    const found = pattern.exec(this.#rest)?.[0];
    if (found === undefined) this.#fail(element, this.#rest);
    this.#rest = this.#rest.slice(found.length);
    return Number(found);
  }

  ranged(element: string, name: string, first: number, last: number, pattern = /^\d\d/): number {
    const value = this.take(element, pattern);
    if (value < first || value > last) this.refuse(`: ${name} out of range`);
    return value;
  }

  /** A fraction that the layout does not ask for; of more than nine digits the first nine count. */
  anyFraction(): number {
    const found = /^[.,](\d+)/.exec(this.#rest);
    if (found === null) return 0;
    this.#rest = this.#rest.slice(found[0].length);
    return toNanos(found[1] ?? '');
  }

  /** Exactly six digits. */
  fraction(): number {
    const found = /^[.,](\d{6})/.exec(this.#rest);
    if (found === null) this.#fail('.000000', this.#rest);
    this.#rest = this.#rest.slice(7);
    return toNanos(found[1] ?? '');
  }

  /** Seconds ahead of UTC. */
  zone(): number {
    const at = this.#rest;
    if (at.startsWith('Z')) {
      this.#rest = at.slice(1);
      return 0;
    }
    if (at.length < 6 || at[3] !== ':') this.#fail('Z07:00', at);
    const hours = at.slice(1, 3);
    const minutes = at.slice(4, 6);
    const hasHours = /^\d\d$/.test(hours);
    const hasMinutes = hasHours && /^\d\d$/.test(minutes);
    if (hasHours && Number(hours) > 24) this.refuse(': time zone offset hour out of range');
    if (hasMinutes && Number(minutes) > 60) this.refuse(': time zone offset minute out of range');
    if (!hasMinutes || !/^[+-]/.test(at)) this.#fail('Z07:00', at);
    this.#rest = at.slice(6);
    const seconds = (Number(hours) * 60 + Number(minutes)) * 60;
    return at[0] === '-' ? -seconds : seconds;
  }

  end(): void {
    if (this.#rest !== '') this.refuse(`: extra text: ${quote(this.#rest)}`);
  }
}

function toNanos(digits: string): number {
  return Number(digits.slice(0, 9).padEnd(9, '0'));
}

/** Source: Go `time/format.go` (quote): all but printable ASCII byte by byte. */
function quote(text: string): string {
  let quoted = '"';
  for (const char of text) {
    if (char === '"' || char === '\\') quoted += `\\${char}`;
    else if (char >= ' ' && char < '\u0080') quoted += char;
    else for (const byte of Buffer.from(char)) quoted += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return `${quoted}"`;
}
