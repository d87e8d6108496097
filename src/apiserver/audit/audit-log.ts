import {
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type AuditEvent, toJsonLine, toLegacyLine } from './audit-event.ts';
import type { AuditSink } from './auditor.ts';

export interface AuditLogSettings {
  /** `-`: standard output. */
  readonly path: string;
  /** Days after which older files go. 0: never. */
  readonly maxAgeDays: number;
  /** Older files that are kept. 0: all. */
  readonly maxBackups: number;
  /** Megabytes at which a file is put aside. 0: never. */
  readonly maxMegabytes: number;
  readonly format: 'json' | 'legacy';
  /** Whether older files are zipped. */
  readonly compress: boolean;
}

const MEGABYTE = 1024 * 1024;
const DAY_MS = 24 * 60 * 60 * 1000;
const STANDARD_OUTPUT = 1;

/**
 * Writes events to a file, each before its request goes on, and puts the file aside once it is large: `audit.log` becomes
 * `audit-2026-01-31T10-00-00.000.log`. Source: `pkg/server/options/audit.go` and the library that it rotates with.
 */
export class AuditLog implements AuditSink {
  readonly #settings: AuditLogSettings;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #file: number;
  #bytes = 0;

  /** @throws Error where the file cannot be written. */
  constructor(settings: AuditLogSettings, clock: Clock, logger: Logger) {
    this.#settings = settings;
    this.#clock = clock;
    this.#logger = logger;
    this.#file = this.#open();
  }

  write(event: AuditEvent): void {
    const { format, maxMegabytes, path } = this.#settings;
    const line = Buffer.from(format === 'json' ? toJsonLine(event) : toLegacyLine(event));
    const isFull = maxMegabytes > 0 && this.#bytes + line.length > maxMegabytes * MEGABYTE;
    if (isFull && this.#bytes > 0) this.#rotate();
    if (path === '-') {
      // The stream, not the file: a reader that lags must not cost events.
      process.stdout.write(line);
      return;
    }
    for (let written = 0; written < line.length; ) written += writeSync(this.#file, line, written);
    this.#bytes += line.length;
  }

  close(): void {
    if (this.#file !== STANDARD_OUTPUT) closeSync(this.#file);
  }

  #open(): number {
    const { path } = this.#settings;
    if (path === '-') return STANDARD_OUTPUT;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const file = openSync(path, 'a', 0o600);
    this.#bytes = fstatSync(file).size;
    return file;
  }

  #rotate(): void {
    const { path, compress } = this.#settings;
    closeSync(this.#file);
    const aside = `${stemOf(path)}-${toStamp(this.#clock.nowMs())}${extname(path)}`;
    renameSync(path, aside);
    this.#file = this.#open();
    const fail = (error: unknown): void => this.#logger.warn('older audit logs could not be put in order', { error });
    if (compress) zip(aside).then(() => this.#clear(), fail);
    else
      try {
        this.#clear();
      } catch (error) {
        fail(error);
      }
  }

  /** Removes files that are too many or too old. */
  #clear(): void {
    const { path, maxBackups, maxAgeDays } = this.#settings;
    const folder = dirname(path);
    const [stem, extension] = [`${basename(stemOf(path))}-`, extname(path)];
    const asides = readdirSync(folder)
      .map((name) => ({
        name,
        atMs: name.startsWith(stem) ? fromStamp(name.slice(stem.length), extension) : undefined,
      }))
      .filter((each): each is { name: string; atMs: number } => each.atMs !== undefined)
      .sort((one, other) => other.atMs - one.atMs);
    const oldestMs = this.#clock.nowMs() - maxAgeDays * DAY_MS;
    for (const [index, { name, atMs }] of asides.entries()) {
      const isTooMany = maxBackups > 0 && index >= maxBackups;
      if (isTooMany || (maxAgeDays > 0 && atMs < oldestMs)) unlinkSync(join(folder, name));
    }
  }
}

function stemOf(path: string): string {
  return path.slice(0, path.length - extname(path).length);
}

/** `2026-01-31T10-00-00.000`, in UTC. */
function toStamp(ms: number): string {
  return new Date(ms).toISOString().slice(0, -1).replaceAll(':', '-');
}

function fromStamp(rest: string, extension: string): number | undefined {
  const text = rest.replace(/\.gz$/, '');
  if (!text.endsWith(extension)) return undefined;
  const found = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(text.slice(0, text.length - extension.length));
  if (found === null) return undefined;
  const [, date, hours, minutes, seconds] = found;
  return Date.parse(`${date}T${hours}:${minutes}:${seconds}Z`);
}

async function zip(path: string): Promise<void> {
  const { createGzip } = await import('node:zlib');
  await pipeline(createReadStream(path), createGzip(), createWriteStream(`${path}.gz`, { mode: 0o600 }));
  unlinkSync(path);
}
