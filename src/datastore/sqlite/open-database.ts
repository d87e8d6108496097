import { DatabaseSync } from 'node:sqlite';
import { COMPACT_KEY, HEALTH_KEY, HEALTH_VALUE } from '../kine-keys.ts';
import { StorageError } from '../storage-error.ts';
import { allowShrinking } from './free-pages.ts';
import { SCHEMA } from './schema.ts';
import { toStorageError } from './sqlite-error.ts';
import { prepareStatements, type Statements } from './statements.ts';

/** How long opening waits, at a stand, for another process that holds the file. */
const OPEN_BUSY_MS = 5_000;
/** The write-ahead log is cut back to it once a burst of writes is folded in. */
const LOG_LIMIT_BYTES = 16 * 1024 * 1024;

/** Opens the file and makes what kine would have made in it. */
export function openDatabase(path: string): { readonly db: DatabaseSync; readonly statements: Statements } {
  const db = new DatabaseSync(path, { timeout: OPEN_BUSY_MS });
  try {
    tryShrinking(db);
    // A page cache of 2 MB: what is hot is in the watch caches.
    const mode = db.prepare('PRAGMA journal_mode=WAL').get()?.['journal_mode'];
    if (mode !== 'wal') throw new StorageError('unavailable', path, 0n, { message: withoutWal(path) });
    db.exec(`PRAGMA synchronous=NORMAL; PRAGMA cache_size=-2000; PRAGMA temp_store=MEMORY`);
    db.exec(`PRAGMA journal_size_limit=${LOG_LIMIT_BYTES}`);
    db.exec(`BEGIN IMMEDIATE; ${SCHEMA.join('; ')}`);
    const statements = prepareStatements(db);
    seed(statements);
    db.exec('COMMIT');
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    return { db, statements };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** A file that cannot be written anew just now, for want of space or because others use it, stays as it is. */
function tryShrinking(db: DatabaseSync): void {
  try {
    allowShrinking(db);
  } catch (error) {
    const { fault } = toStorageError(error, '') as { fault?: unknown };
    if (fault !== 'unavailable') throw error;
  }
}

/** Ends a transaction that failed. */
export function rollBack(db: DatabaseSync): void {
  try {
    db.exec('ROLLBACK');
  } catch {
    // SQLite has rolled back by itself, as it does for a full disk, or the transaction had not begun.
  }
}

/** The rows that kine makes in a new database, in its order. */
function seed({ newest, insert }: Statements): void {
  const present = newest.get(COMPACT_KEY, Number.MAX_SAFE_INTEGER);
  if (present === undefined) insert.run(COMPACT_KEY, 1, 0, 0, 0, 0, Buffer.alloc(0), null);
  const health = newest.get(HEALTH_KEY, Number.MAX_SAFE_INTEGER);
  if (health === undefined) insert.run(HEALTH_KEY, 1, 0, 0, 0, 0, Buffer.from(HEALTH_VALUE), null);
}

function withoutWal(path: string): string {
  return `${path}: this file system cannot share memory between processes, which a write-ahead log needs; choose a local disk`;
}
