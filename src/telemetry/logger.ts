export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Structured facts of one line; keys equal the names of the variables they come from. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes structured lines. Secrets never go in: name a Secret, do not print it. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each of its lines. */
  with(fields: LogFields): Logger;
}

const order: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface LoggerOptions {
  /** Lines below it are dropped. Default `info`. */
  level?: LogLevel;
  /** `text` for people, `json` for collectors. Default `text`. */
  format?: 'text' | 'json';
  /** Takes each finished line, without a line break. */
  write(line: string): void;
  nowMs(): number;
}

/** Makes a logger over a line writer. */
export function createLogger(options: LoggerOptions, bound: LogFields = {}): Logger {
  const least = order[options.level ?? 'info'];
  const log = (level: LogLevel, message: string, fields?: LogFields): void => {
    if (order[level] < least) return;
    const all = { ...bound, ...fields };
    const time = new Date(options.nowMs()).toISOString();
    options.write(
      options.format === 'json' ? toJsonLine(time, level, message, all) : toTextLine(time, level, message, all),
    );
  };
  return {
    debug: (message, fields) => log('debug', message, fields),
    info: (message, fields) => log('info', message, fields),
    warn: (message, fields) => log('warn', message, fields),
    error: (message, fields) => log('error', message, fields),
    with: (fields) => createLogger(options, { ...bound, ...fields }),
  };
}

/** Drops everything. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silentLogger,
};

function toJsonLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  return JSON.stringify({ time, level, message, ...plain(fields) });
}

function toTextLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const facts = Object.entries(plain(fields)).map(([key, value]) => ` ${key}=${toWord(value)}`);
  return `${time} ${level.toUpperCase().padEnd(5)} ${message}${facts.join('')}`;
}

function toWord(value: unknown): string {
  if (typeof value === 'string') return /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? 'undefined';
}

function plain(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, describe(value)]));
}

/** An error as the chain of its messages: the cause is what helps. */
function describe(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (!(value instanceof Error)) return value;
  const messages: string[] = [];
  for (let error: unknown = value; error instanceof Error && messages.length < 5; error = error.cause) {
    messages.push(error.message);
  }
  return messages.join(': ');
}
