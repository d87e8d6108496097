import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock, Timer } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type {
  Backend,
  KeyValue,
  LeasedRow,
  ListOptions,
  ListResult,
  LogEvent,
  Revision,
  Subscriber,
  Subscription,
  WriteOptions,
} from '../backend.ts';
import { isInternal } from '../kine-keys.ts';
import { type Row, toEvent, toKeyValue } from '../kine-rows.ts';
import { rangeOf } from '../prefix-range.ts';
import { StorageError } from '../storage-error.ts';
import { Subscribers } from '../subscribers.ts';
import { append, type Write } from './append.ts';
import { compactedRevision, compactStep, sweepStep } from './compact-step.ts';
import { shrinkStep, sizeBytes } from './free-pages.ts';
import { openDatabase, rollBack } from './open-database.ts';
import { readLeased, readPage } from './read-rows.ts';
import { closedError, isBusy, isSyncFault, toStorageError } from './sqlite-error.ts';
import type { Statements } from './statements.ts';
import { WriteAheadLog } from './write-ahead-log.ts';

/** Another process that shares the file is noticed this often. Source: kine's poll loop. */
const POLL_MS = 1_000;
/** Writes that one transaction takes, some 10 ms; more wait for the next, and requests get their turn in between. */
const GROUP_LIMIT = 128;
/** Revisions that one step of compaction takes. kine takes 1,000, which here would hold up requests for some 10 ms. */
const COMPACT_ROWS = 200;
/** How long a statement waits at a stand; then the event loop goes on and the write is tried again. */
const BUSY_MS = 20;
const BUSY_RETRY_MS = 25;
/** After this a write is refused. Source: kine's busy timeout. */
const BUSY_LIMIT_MS = 30_000;

export interface SqliteOptions {
  /** Path of the database file; its folder is made. */
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface PendingWrite extends Write {
  resolve(revision: Revision): void;
  reject(error: unknown): void;
}

interface OpenFiles {
  readonly db: DatabaseSync;
  readonly statements: Statements;
  readonly wal: WriteAheadLog;
}

interface Committed {
  /** One for each write of the group. */
  readonly outcomes: readonly (Revision | StorageError)[];
  readonly events: readonly LogEvent[];
  readonly newest: number;
}

/**
 * Opens kine's table in a SQLite file: WAL, and each group of writes is synced before it is acknowledged or shown, as
 * `synchronous=FULL` would, but off the event loop (docs/design/0002-sqlite-group-commit.md).
 *
 * @throws StorageError `unavailable` or `corrupt`, with what to do about it.
 */
export async function openSqliteBackend(options: SqliteOptions): Promise<Backend> {
  try {
    mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 });
  } catch (cause) {
    const message = `${dirname(options.path)} cannot be made: ${(cause as Error).message}; choose a folder that this user may write`;
    throw new StorageError('unavailable', options.path, 0n, { cause, message });
  }
  try {
    const { db, statements } = openDatabase(options.path);
    const wal = new WriteAheadLog(db, options.path);
    // What a killed process had handed to the system but not synced is shown from here on.
    await wal.sync();
    return new SqliteBackend(options, { db, statements, wal });
  } catch (error) {
    throw toStorageError(error, options.path);
  }
}

/**
 * One writer, many readers in one process. Writes are grouped: those that arrive in one turn of the event loop, or while
 * a group is on its way to the disk, share a transaction. Conflicts are found write by write against the newest row, so
 * one loser does not spoil the group.
 *
 *     write, write -> queue -> BEGIN, inserts, COMMIT -> fdatasync (the event loop goes on) -> subscribers -> writers
 *
 * Reads end at `#current`, the newest durable row: nobody sees what a power cut could still take back.
 */
class SqliteBackend implements Backend {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #subscribers = new Subscribers();
  readonly #statements: Statements;
  readonly #wal: WriteAheadLog;
  readonly #poll: Timer;
  #pending: PendingWrite[] = [];
  #writing: Promise<void> | undefined;
  /** The newest durable revision. */
  #current: number;
  /** Up to it no rows of deletions are left among what was compacted. */
  #swept = 0;
  #closing: Promise<void> | undefined;
  #closed = false;
  /** Set when the disk refused to sync: what it holds is unknown from then on. */
  #lost: StorageError | undefined;

  constructor({ path, clock, logger }: SqliteOptions, { db, statements, wal }: OpenFiles) {
    this.#path = path;
    this.#clock = clock;
    this.#logger = logger;
    this.#db = db;
    this.#statements = statements;
    this.#wal = wal;
    // The newest row may have been a deletion that compaction removed: the revision never steps back for it.
    this.#current = Math.max(this.#maxId(), this.#compacted());
    db.exec(`PRAGMA busy_timeout=${BUSY_MS}`);
    this.#poll = clock.every(POLL_MS, () => this.#catchUp());
  }

  create(key: string, value: Uint8Array, options: WriteOptions = {}): Promise<Revision> {
    return this.#write({ kind: 'create', key, value, expected: 0n, leaseSeconds: options.leaseSeconds ?? 0 });
  }

  update(key: string, value: Uint8Array, expected: Revision, options: WriteOptions = {}): Promise<Revision> {
    return this.#write({ kind: 'update', key, value, expected, leaseSeconds: options.leaseSeconds ?? 0 });
  }

  delete(key: string, expected: Revision): Promise<Revision> {
    return this.#write({ kind: 'delete', key, value: null, expected, leaseSeconds: 0 });
  }

  async get(key: string, revision?: Revision): Promise<KeyValue | undefined> {
    return this.#guard(() => {
      const at = this.#checked(revision, key);
      const row = this.#statements.newest.get(key, at) as Row | undefined;
      return row === undefined || row.deleted === 1 ? undefined : toKeyValue(row);
    });
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    return this.#guard(() => readPage(this.#statements, prefix, this.#checked(options.revision, prefix), options));
  }

  async count(
    prefix: string,
    options: { revision?: Revision | undefined; startAfter?: string | undefined } = {},
  ): Promise<number> {
    return this.#guard(() => {
      const at = this.#checked(options.revision, prefix);
      const { from, end } = rangeOf(prefix, options.startAfter);
      const row = this.#statements.count.get(from, end, at);
      return Number(row?.['count'] ?? 0);
    });
  }

  async leased(after: Revision): Promise<{ rows: LeasedRow[]; next: Revision | undefined }> {
    return this.#guard(() => readLeased(this.#statements, after));
  }

  async currentRevision(): Promise<Revision> {
    return BigInt(this.#current);
  }

  async compactedRevision(): Promise<Revision> {
    return this.#guard(() => BigInt(this.#compacted()));
  }

  async subscribe(after: Revision, subscriber: Subscriber): Promise<Subscription> {
    return this.#guard(() => {
      this.#catchUp();
      const compacted = BigInt(this.#compacted());
      if (after < compacted) throw new StorageError('compacted', '', compacted);
      // Nothing can be written between the read and the subscription: both happen in this one turn.
      const past = this.#eventsAfter(Number(after), this.#current);
      const subscription = this.#subscribers.add(subscriber);
      if (past.length > 0) subscriber.events(past);
      return subscription;
    });
  }

  async compact(
    target: Revision,
    options: { batchRows?: number; keepRevisions?: number; signal?: AbortSignal } = {},
  ): Promise<{ readonly revision: Revision; readonly rowsRemoved: bigint }> {
    const { batchRows = COMPACT_ROWS, keepRevisions = 1000, signal } = options;
    const isOver = (): boolean => signal?.aborted === true || this.#closing !== undefined;
    const goal = Math.min(Number(target), this.#current - keepRevisions);
    const begin = this.#guard(() => this.#compacted());
    let reached = begin;
    let rowsRemoved = 0n;
    while (reached < goal && !isOver()) {
      const range = { from: reached, to: Math.min(reached + batchRows, goal) };
      rowsRemoved += BigInt(await this.#unhurried(() => compactStep(this.#db, this.#statements, range)));
      reached = range.to;
    }
    while (this.#swept < begin && !isOver()) {
      const range = { from: this.#swept, to: begin };
      this.#swept = await this.#unhurried(() => sweepStep(this.#statements, range));
    }
    while (!isOver() && (await this.#unhurried(() => shrinkStep(this.#db))));
    if (rowsRemoved > 0n && !isOver()) await this.#fold();
    return { revision: BigInt(reached), rowsRemoved };
  }

  /** A step that takes a few milliseconds; requests go first afterwards. */
  async #unhurried<T>(step: () => T): Promise<T> {
    await this.#wal.untilWritable();
    const result = this.#guard(step);
    if (this.#wal.isLong) await this.#fold();
    await new Promise((resolve) => setImmediate(resolve));
    return result;
  }

  async sizeBytes(): Promise<number> {
    return this.#guard(() => sizeBytes(this.#db));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#poll.cancel();
    await this.#writing;
    await this.#wal.untilWritable();
    this.#closed = true;
    try {
      this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch (error) {
      this.#logger.warn('the log is not folded into the database; the next start does it', { error });
    }
    this.#db.close();
    await this.#wal.close();
  }

  #write(write: Write): Promise<Revision> {
    if (this.#closing !== undefined) return Promise.reject(closedError(write.key));
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    return new Promise((resolve, reject) => {
      this.#pending.push({ ...write, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#pending.length > 0) {
      // After the input of this turn has been read: what came together is written together.
      await new Promise((resolve) => setImmediate(resolve));
      await this.#writeGroup(this.#pending.splice(0, GROUP_LIMIT));
    }
    this.#writing = undefined;
  }

  /** Writes one group and makes it durable, then tells the subscribers and after them the writers. Never rejects. */
  async #writeGroup(group: readonly PendingWrite[]): Promise<void> {
    let committed: Committed;
    try {
      committed = await this.#commit(group);
      await this.#wal.sync().catch((cause) => {
        throw this.#lose(cause);
      });
    } catch (error) {
      const failure = toStorageError(error, this.#path);
      for (const write of group) write.reject(failure);
      return;
    }
    if (this.#wal.isLong) void this.#fold();
    this.#current = Math.max(this.#current, committed.newest);
    this.#subscribers.deliver(committed.events);
    group.forEach((write, index) => {
      const outcome = committed.outcomes[index];
      if (outcome instanceof StorageError) write.reject(outcome);
      else write.resolve(outcome as Revision);
    });
  }

  /** Runs the transaction, again and again while another process holds the file. */
  async #commit(group: readonly PendingWrite[]): Promise<Committed> {
    const deadlineMs = this.#clock.nowMs() + BUSY_LIMIT_MS;
    for (;;) {
      await this.#wal.untilWritable();
      try {
        return this.#transact(group);
      } catch (error) {
        if (!isBusy(error) || this.#clock.nowMs() >= deadlineMs) throw error;
        await this.#clock.sleep(BUSY_RETRY_MS);
      }
    }
  }

  /** One transaction, in one turn of the event loop: nothing else of this process comes in between. */
  #transact(group: readonly PendingWrite[]): Committed {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const before = this.#maxId();
      // What another process wrote comes first: subscribers see no hole.
      const events = this.#eventsAfter(this.#current, before);
      const outcomes = group.map((write) => append(this.#statements, write, events));
      this.#db.exec('COMMIT');
      return { outcomes, events, newest: Number(events.at(-1)?.revision ?? before) };
    } catch (error) {
      rollBack(this.#db);
      throw error;
    }
  }

  /** A log that cannot be folded now, for want of space, grows until it can. Never rejects. */
  async #fold(): Promise<void> {
    await this.#wal.fold().catch((error) => {
      if (isSyncFault(error)) this.#lose(error);
      else this.#logger.warn('the log is not folded into the database', { error: toStorageError(error, this.#path) });
    });
  }

  /**
   * A disk that failed to sync may have dropped the pages, and a second try would wrongly succeed: only reading the
   * file anew shows what is there.
   */
  #lose(cause: unknown): StorageError {
    const message = `${this.#path}: the disk failed to keep what was written (${(cause as Error).message}); check it, then restart this server`;
    this.#lost = new StorageError('unavailable', this.#path, BigInt(this.#current), { cause, message });
    this.#logger.error('the datastore stops', { error: this.#lost });
    for (const write of this.#pending.splice(0)) write.reject(this.#lost);
    this.#subscribers.fail(this.#lost);
    return this.#lost;
  }

  /** Takes in what another process wrote to the same file. */
  #catchUp(): void {
    // A group that is on its way to the disk shows foreign rows too, in their place.
    if (this.#closed || this.#writing !== undefined) return;
    try {
      const newest = this.#maxId();
      if (newest <= this.#current) return;
      const events = this.#eventsAfter(this.#current, newest);
      this.#current = newest;
      this.#subscribers.deliver(events);
    } catch (error) {
      this.#logger.warn('the datastore cannot be read', { error: toStorageError(error, this.#path) });
    }
  }

  #eventsAfter(after: number, until: number): LogEvent[] {
    if (until <= after) return [];
    const rows = this.#statements.after.all(after, until) as unknown as Row[];
    return rows.filter(({ name }) => !isInternal(name)).map(toEvent);
  }

  #compacted(): number {
    return compactedRevision(this.#statements);
  }

  #maxId(): number {
    return Number(this.#statements.maxId.get()?.['id'] ?? 0);
  }

  /** The revision to read at. @throws StorageError `compacted`, `future` */
  #checked(revision: Revision | undefined, key: string): number {
    if (revision === undefined) return this.#current;
    if (revision > BigInt(this.#current)) throw new StorageError('future', key, BigInt(this.#current));
    const compacted = BigInt(this.#compacted());
    if (revision < compacted) throw new StorageError('compacted', key, compacted);
    return Number(revision);
  }

  #guard<T>(read: () => T): T {
    if (this.#closed) throw closedError(this.#path);
    if (this.#lost !== undefined) throw this.#lost;
    try {
      return read();
    } catch (error) {
      throw toStorageError(error, this.#path);
    }
  }
}
