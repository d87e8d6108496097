import { close, fdatasync, openSync, readSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';

const syncData = promisify(fdatasync);
const closeFile = promisify(close);

/** A log of so many pages is folded into the database: SQLite's own `wal_autocheckpoint`. */
const FOLD_PAGES = 1_000;
/** Where the index of the log tells its length and how much of it is in the database. Source: https://sqlite.org/walformat.html */
const LENGTH_OFFSET = 16;
const FOLDED_OFFSET = 96;

/**
 * Syncs for SQLite, without holding up the event loop: waits for the disk happen on libuv's threads.
 *
 * **Commits.** With `synchronous=NORMAL` a commit ends with its frames in the write-ahead log, handed to the system but
 * not yet on the disk. Syncing that file is the one step by which `synchronous=FULL` differs.
 *
 * **Checkpoints.** SQLite would sync the log, copy its pages into the database and sync that, all at a stand. Here are the
 * same steps in the same order, with nobody writing in between:
 *
 *     sync log -> copy pages, without a sync -> sync database -> the next commit begins the log anew
 *
 * At each point a power cut finds either a log that holds all, or a database that does: half-copied pages do not matter
 * while the log is whole, and it is written over only once the database is on the disk. SQLite syncs the new beginning
 * of the log by itself.
 *
 * SQLite holds its locks on the database and on the index by POSIX rules: closing any descriptor of them drops these, so
 * ours are closed after SQLite's. The log stays one file while a connection is open.
 *
 * Source: https://sqlite.org/pragma.html#pragma_synchronous, sqlite3 `wal.c` (walCheckpoint, walRestartLog).
 */
export class WriteAheadLog {
  readonly #db: DatabaseSync;
  readonly #log: number;
  readonly #index: number;
  readonly #database: number;
  readonly #word = new Uint32Array(1);
  /** Pages that could not be folded the last time. */
  #stuckPages = 0;
  #folding: Promise<void> | undefined;

  /** The log has to be there: a connection in WAL mode that has written once. */
  constructor(db: DatabaseSync, path: string) {
    this.#db = db;
    this.#log = openSync(`${path}-wal`, 'r+');
    this.#index = openSync(`${path}-shm`, 'r');
    this.#database = openSync(path, 'r+');
    db.exec('PRAGMA wal_autocheckpoint=0');
  }

  /** Resolves once everything that was committed before the call is on the disk. */
  async sync(): Promise<void> {
    await syncData(this.#log);
  }

  /** Resolves when a transaction may begin, in the same turn. */
  async untilWritable(): Promise<void> {
    while (this.#folding !== undefined) await this.#folding.catch(() => {});
  }

  /** Whether the log has become long. */
  get isLong(): boolean {
    return this.#folding === undefined && this.#pages > this.#stuckPages + FOLD_PAGES;
  }

  /** Brings what the log holds into the database. Transactions wait meanwhile, reads do not. */
  fold(): Promise<void> {
    this.#folding ??= this.#fold().finally(() => {
      this.#folding = undefined;
    });
    return this.#folding;
  }

  /** After SQLite has closed the database. */
  async close(): Promise<void> {
    for (const file of [this.#log, this.#index, this.#database]) await closeFile(file);
  }

  async #fold(): Promise<void> {
    await this.sync();
    this.#db.exec('PRAGMA synchronous=OFF');
    try {
      this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)');
    } finally {
      this.#db.exec('PRAGMA synchronous=NORMAL');
      // Somebody reads an older state of the file: the rest is tried again later.
      this.#stuckPages = this.#pages;
    }
    await syncData(this.#database);
  }

  /** Pages of the log that are not in the database. */
  get #pages(): number {
    return this.#readIndex(LENGTH_OFFSET) - this.#readIndex(FOLDED_OFFSET);
  }

  #readIndex(offset: number): number {
    readSync(this.#index, this.#word, 0, 4, offset);
    return this.#word[0] ?? 0;
  }
}
