import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { compose, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { Row } from '../kine-rows.ts';

/**
 * A backup in one file: a line with the version of the format, then gzip of one JSON text a line (what is in it, the
 * files, the rows in the order of their ids, and how many there were), then the SHA-256 of all that.
 */
const VERSION = 1;
const MAGIC = 'warren-backup ';
const FIRST_LINE = `${MAGIC}${VERSION}\n`;
const DIGEST_BYTES = 32;

/** What a backup tells of itself. */
export interface BackupHeader {
  /** When it was made, in milliseconds since 1970. */
  readonly madeMs: number;
  /** The highest id that was given out: later ones must lie above it. */
  readonly sequence: number;
}

/** A file that belongs to a tenant beside its table, by its path below the tenant's folder. */
export interface BackupEntry {
  readonly path: string;
  readonly mode: number;
  readonly content: Buffer;
}

export interface BackupCounts {
  readonly rows: number;
  readonly files: number;
}

/** A backup cannot be used: one line, with what to do. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}

type Line =
  | { readonly header: BackupHeader }
  | { readonly file: { readonly path: string; readonly mode: number; readonly content: string } }
  | { readonly row: readonly (number | string | null)[] }
  | { readonly end: BackupCounts };

interface BackupContent {
  readonly header: BackupHeader;
  readonly files: readonly BackupEntry[];
  readonly rows: AsyncIterable<Row> | Iterable<Row>;
}

/** The bytes of a backup as they are made; `counts` is right once they have ended. */
export function backupBytes(content: BackupContent): { readonly bytes: Readable; readonly counts: BackupCounts } {
  const counts = { rows: 0, files: 0 };
  const lines = async function* (): AsyncGenerator<string> {
    const line = (value: Line): string => `${JSON.stringify(value)}\n`;
    yield line({ header: content.header });
    for (const { content: bytes, ...file } of content.files) {
      counts.files++;
      yield line({ file: { ...file, content: bytes.toString('base64') } });
    }
    for await (const row of content.rows) {
      counts.rows++;
      yield line({ row: toCells(row) });
    }
    yield line({ end: counts });
  };
  const hash = createHash('sha256').update(FIRST_LINE);
  const framing = new Transform({
    construct(done) {
      this.push(FIRST_LINE);
      done();
    },
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      done(null, hash.digest());
    },
  });
  const bytes = compose(Readable.from(lines()), createGzip({ level: 3 }), framing);
  return { bytes, counts };
}

/** Writes a backup; the file appears under its name only when it is whole and on the disk. */
export async function writeBackup(path: string, content: BackupContent): Promise<BackupCounts> {
  const unfinished = `${path}.unfinished`;
  try {
    const { bytes, counts } = backupBytes(content);
    const file = await open(unfinished, 'w', 0o600);
    await pipeline(bytes, file.createWriteStream({ flush: true }));
    await rename(unfinished, path);
    return counts;
  } catch (cause) {
    await rm(unfinished, { force: true });
    throw isSystemError(cause) ? new BackupError(`${path} cannot be written: ${cause.message}`, { cause }) : cause;
  }
}

/**
 * Passes the bytes of a backup on, and throws at their end where they were cut off or damaged: whoever keeps them does so
 * only after that.
 *
 * @throws BackupError
 */
export async function* checkedBytes(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  // The last bytes that were seen may be the checksum of all others.
  let held: Buffer = Buffer.alloc(0);
  let first: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    const all = Buffer.concat([held, chunk]);
    const passed = all.subarray(0, Math.max(0, all.length - DIGEST_BYTES));
    held = all.subarray(passed.length);
    hash.update(passed);
    if (first.length < FIRST_LINE.length) {
      first = Buffer.concat([first, passed]).subarray(0, FIRST_LINE.length);
      if (!FIRST_LINE.startsWith(first.toString('latin1'))) throw new BackupError('what came is no backup');
    }
    if (passed.length > 0) yield passed;
  }
  if (!hash.digest().equals(held)) throw new BackupError('the backup was cut off or damaged on its way');
  yield held;
}

/** A backup whose checksum is right. */
export interface Backup {
  readonly header: BackupHeader;
  files(): AsyncIterable<BackupEntry>;
  rows(): AsyncIterable<Row>;
}

/** Opens a backup and reads it once from end to end. @throws BackupError where it is foreign, newer, cut or damaged. */
export async function openBackup(path: string): Promise<Backup> {
  const size = await checkedSize(path);
  const lines = (): AsyncGenerator<Line> => readLines(path, size);
  for await (const line of lines()) {
    if (!('header' in line)) break;
    const { header } = line;
    return {
      header,
      async *files() {
        for await (const line of lines()) {
          if ('row' in line) return;
          if ('file' in line) yield { ...line.file, content: Buffer.from(line.file.content, 'base64') };
        }
      },
      async *rows() {
        for await (const line of lines()) if ('row' in line) yield fromCells(line.row);
      },
    };
  }
  throw new BackupError(`${path}: the backup has no beginning`);
}

async function checkedSize(path: string): Promise<number> {
  try {
    const { size } = await stat(path);
    const hash = createHash('sha256');
    const file = await open(path);
    try {
      const first = (await file.read(Buffer.alloc(64), 0, 64, 0)).buffer.toString('latin1').split('\n')[0] ?? '';
      if (!first.startsWith(MAGIC)) throw new BackupError(`${path} is no backup that "warren backup" made`);
      const version = Number(first.slice(MAGIC.length));
      if (version !== VERSION)
        throw new BackupError(
          `${path} has format ${version}, and this program reads ${VERSION}: use the one that made it`,
        );
      const end = size - DIGEST_BYTES;
      if (end <= FIRST_LINE.length) throw new BackupError(`${path} is cut off: take another backup`);
      for await (const chunk of createReadStream(path, { end: end - 1 })) hash.update(chunk as Buffer);
      const { buffer: digest } = await file.read(Buffer.alloc(DIGEST_BYTES), 0, DIGEST_BYTES, end);
      if (!hash.digest().equals(digest))
        throw new BackupError(`${path} is damaged or cut off: its checksum is wrong; take another backup`);
    } finally {
      await file.close();
    }
    return size;
  } catch (cause) {
    throw isSystemError(cause) ? new BackupError(`${path} cannot be read: ${cause.message}`, { cause }) : cause;
  }
}

async function* readLines(path: string, size: number): AsyncGenerator<Line> {
  const packed = createReadStream(path, { start: FIRST_LINE.length, end: size - DIGEST_BYTES - 1 });
  const text = createInterface({ input: packed.pipe(createGunzip()), crlfDelay: Number.POSITIVE_INFINITY });
  try {
    for await (const line of text) yield JSON.parse(line) as Line;
  } finally {
    text.close();
    packed.destroy();
  }
}

function toCells(row: Row): (number | string | null)[] {
  const { id, name, created, deleted, create_revision, prev_revision, lease, value, old_value } = row;
  return [id, name, created, deleted, create_revision, prev_revision, lease, toText(value), toText(old_value)];
}

function fromCells(cells: readonly (number | string | null)[]): Row {
  const [id, name, created, deleted, createRevision, prevRevision, lease, value, oldValue] = cells;
  return {
    id: Number(id),
    name: String(name),
    created: Number(created),
    deleted: Number(deleted),
    create_revision: Number(createRevision),
    prev_revision: Number(prevRevision),
    lease: Number(lease),
    value: typeof value === 'string' ? Buffer.from(value, 'base64') : null,
    old_value: typeof oldValue === 'string' ? Buffer.from(oldValue, 'base64') : null,
  };
}

function toText(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
