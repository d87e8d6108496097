import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Readable, Transform } from 'node:stream';
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

/** Writes a backup; the file appears under its name only when it is whole and on the disk. */
export async function writeBackup(
  path: string,
  content: { header: BackupHeader; files: readonly BackupEntry[]; rows: AsyncIterable<Row> | Iterable<Row> },
): Promise<BackupCounts> {
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
  const unfinished = `${path}.unfinished`;
  const hash = createHash('sha256').update(FIRST_LINE);
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      done(null, hash.digest());
    },
  });
  try {
    const file = await open(unfinished, 'w', 0o600);
    await file.write(FIRST_LINE);
    const sink = file.createWriteStream({ flush: true });
    await pipeline(Readable.from(lines()), createGzip({ level: 3 }), hashing, sink);
    await rename(unfinished, path);
  } catch (cause) {
    await rm(unfinished, { force: true });
    throw isSystemError(cause) ? new BackupError(`${path} cannot be written: ${cause.message}`, { cause }) : cause;
  }
  return counts;
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
