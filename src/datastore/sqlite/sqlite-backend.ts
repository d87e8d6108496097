import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Clock, Timer } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type {
  Backend,
  KeyValue,
  ListOptions,
  ListResult,
  LogEvent,
  Revision,
  Subscriber,
  Subscription,
  WriteOptions,
} from '../backend.ts';
import { endOfPrefix } from '../prefix-range.ts';
import { StorageError } from '../storage-error.ts';
import { Subscribers } from '../subscribers.ts';
import { type Row, toEvent, toKeyValue } from './rows.ts';
import { COMPACT_KEY, GAP_PREFIX, HEALTH_KEY, HEALTH_VALUE, SCHEMA } from './schema.ts';
import { toStorageError } from './sqlite-error.ts';

/** Another process that shares the file is noticed this often. Source: kine's poll loop. */
const POLL_MS = 1_000;
/** Writes that one transaction takes; more wait for the next, so that none waits long. */
const GROUP_LIMIT = 500;

export interface SqliteOptions {
  /** Path of the database file; its folder is made. */
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface PendingWrite {
  readonly kind: 'create' | 'update' | 'delete';
  readonly key: string;
  readonly value: Uint8Array | null;
  readonly expected: Revision;
  readonly leaseSeconds: number;
  resolve(revision: Revision): void;
  reject(error: unknown): void;
}

/**
 * Opens kine's table in a SQLite file: WAL, `synchronous=FULL`, so that an acknowledged write is on the disk.
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
    return new SqliteBackend(options);
  } catch (error) {
    throw toStorageError(error, options.path);
  }
}

/**
 * One writer, many readers in one process. Writes are grouped: those that arrive in one turn of the event loop, or while
 * a commit runs, share a transaction, and each is acknowledged after that transaction is durable. Conflicts are found
 * write by write against the newest row, so one loser does not spoil the group.
 */
class SqliteBackend implements Backend {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #logger: Logger;
  readonly #subscribers = new Subscribers();
  readonly #statements: Record<keyof typeof SQL, StatementSync>;
  readonly #poll: Timer;
  #pending: PendingWrite[] = [];
  #flushing = false;
  #current: number;
  #closed = false;

  constructor({ path, clock, logger }: SqliteOptions) {
    this.#path = path;
    this.#logger = logger;
    this.#db = new DatabaseSync(path, { timeout: 5_000 });
    this.#db.exec(
      'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-2000; PRAGMA temp_store=MEMORY',
    );
    for (const statement of SCHEMA) this.#db.exec(statement);
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#statements = Object.fromEntries(
      Object.entries(SQL).map(([name, text]) => [name, this.#db.prepare(text)]),
    ) as Record<keyof typeof SQL, StatementSync>;
    this.#seed();
    this.#current = this.#maxId();
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
    return this.#guard(() => {
      const at = this.#checked(options.revision, prefix);
      const after = options.startAfter ?? '';
      const limit = options.limit ?? -1;
      const rows = this.#statements.list.all(
        prefix,
        endOfPrefix(prefix) ?? '\u{10ffff}',
        after,
        at,
        limit < 0 ? -1 : limit + 1,
      ) as unknown as Row[];
      const more = limit >= 0 && rows.length > limit;
      const items = (more ? rows.slice(0, limit) : rows).map(toKeyValue);
      return { revision: BigInt(at), items, more };
    });
  }

  async count(
    prefix: string,
    options: { revision?: Revision | undefined; startAfter?: string | undefined } = {},
  ): Promise<number> {
    return this.#guard(() => {
      const at = this.#checked(options.revision, prefix);
      const row = this.#statements.count.get(prefix, endOfPrefix(prefix) ?? '\u{10ffff}', options.startAfter ?? '', at);
      return Number(row?.['count'] ?? 0);
    });
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
      const compacted = this.#compacted();
      if (after < BigInt(compacted)) throw new StorageError('compacted', '', BigInt(compacted));
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
    const { batchRows = 1000, keepRevisions = 1000, signal } = options;
    const goal = Math.min(Number(target), this.#current - keepRevisions);
    let reached = this.#compacted();
    let rowsRemoved = 0n;
    while (reached < goal && signal?.aborted !== true && !this.#closed) {
      const next = Math.min(reached + batchRows, goal);
      rowsRemoved += BigInt(this.#guard(() => this.#compactStep(reached, next)));
      reached = next;
      // Requests go first: a batch is a few milliseconds, and then it is their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (rowsRemoved > 0n && !this.#closed) this.#guard(() => this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)'));
    return { revision: BigInt(reached), rowsRemoved };
  }

  async sizeBytes(): Promise<number> {
    return this.#guard(() => {
      const pages = Number(this.#db.prepare('PRAGMA page_count').get()?.['page_count'] ?? 0);
      const size = Number(this.#db.prepare('PRAGMA page_size').get()?.['page_size'] ?? 0);
      return pages * size;
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#poll.cancel();
    while (this.#pending.length > 0) this.#flush();
    this.#closed = true;
    try {
      this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch (error) {
      this.#logger.warn('the log is not folded into the database; the next start does it', { error });
    }
    this.#db.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #write(write: Omit<PendingWrite, 'resolve' | 'reject'>): Promise<Revision> {
    if (this.#closed)
      return Promise.reject(new StorageError('unavailable', write.key, 0n, { message: 'the datastore is closed' }));
    return new Promise((resolve, reject) => {
      this.#pending.push({ ...write, resolve, reject });
      if (this.#flushing) return;
      this.#flushing = true;
      // After the input of this turn has been read: what came together is written together.
      setImmediate(() => {
        this.#flushing = false;
        if (!this.#closed) this.#flush();
      });
    });
  }

  /** Writes one group and makes it durable, then tells the subscribers and after them the writers. */
  #flush(): void {
    const group = this.#pending.splice(0, GROUP_LIMIT);
    if (group.length === 0) return;
    if (this.#pending.length > 0) {
      this.#flushing = true;
      setImmediate(() => {
        this.#flushing = false;
        if (!this.#closed) this.#flush();
      });
    }
    const before = this.#current;
    const outcomes: (Revision | StorageError)[] = [];
    const events: LogEvent[] = [];
    let foreign: LogEvent[] = [];
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      foreign = this.#eventsAfter(before, this.#maxId());
      for (const write of group) outcomes.push(this.#insert(write, events));
      this.#db.exec('COMMIT');
    } catch (error) {
      this.#rollBack();
      const failure = toStorageError(error, this.#path);
      for (const write of group) write.reject(failure);
      return;
    }
    this.#current = Number(events.at(-1)?.revision ?? foreign.at(-1)?.revision ?? before);
    this.#subscribers.deliver(foreign.length === 0 ? events : [...foreign, ...events]);
    group.forEach((write, index) => {
      const outcome = outcomes[index];
      if (outcome instanceof StorageError) write.reject(outcome);
      else write.resolve(outcome as Revision);
    });
  }

  #insert(write: PendingWrite, events: LogEvent[]): Revision | StorageError {
    const { kind, key, value, leaseSeconds } = write;
    const newest = this.#statements.newest.get(key, Number.MAX_SAFE_INTEGER) as Row | undefined;
    const living = newest !== undefined && newest.deleted !== 1;
    const expected = Number(write.expected);
    if (kind === 'create' && living) return new StorageError('key-exists', key, BigInt(newest.id));
    if (kind !== 'create' && !living) return new StorageError('key-missing', key, BigInt(newest?.id ?? 0));
    if (kind !== 'create' && newest !== undefined && newest.id !== expected) {
      return new StorageError('revision-moved', key, BigInt(newest.id));
    }
    const previousId = newest?.id ?? 0;
    const createRevision = kind === 'update' ? Number(toKeyValue(newest as Row).createRevision) : 0;
    const oldValue = kind === 'create' ? null : (newest?.value ?? null);
    const { lastInsertRowid } = this.#statements.insert.run(
      key,
      kind === 'create' ? 1 : 0,
      kind === 'delete' ? 1 : 0,
      createRevision,
      previousId,
      leaseSeconds,
      value,
      oldValue,
    );
    const revision = BigInt(lastInsertRowid);
    events.push({
      kind,
      key,
      revision,
      createRevision: kind === 'create' ? revision : BigInt(createRevision),
      leaseSeconds,
      value: value === null ? Buffer.alloc(0) : Buffer.from(value.buffer, value.byteOffset, value.byteLength),
      previousValue:
        oldValue === null ? undefined : Buffer.from(oldValue.buffer, oldValue.byteOffset, oldValue.byteLength),
    });
    return revision;
  }

  #rollBack(): void {
    try {
      this.#db.exec('ROLLBACK');
    } catch {
      // SQLite has rolled back by itself, as it does for a full disk.
    }
  }

  /** Takes in what another process wrote to the same file. */
  #catchUp(): void {
    if (this.#closed) return;
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
    return rows.filter(({ name }) => name !== COMPACT_KEY && !name.startsWith(GAP_PREFIX)).map(toEvent);
  }

  /** Source: kine `pkg/logstructured/sqllog/sql.go` (compact) and its CompactSQL. */
  #compactStep(from: number, to: number): number {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      if (this.#compacted() !== from) throw new StorageError('revision-moved', COMPACT_KEY, BigInt(this.#compacted()));
      const superseded = this.#statements.removeSuperseded.run(from, to).changes;
      const deleted = this.#statements.removeDeleted.run(to).changes;
      this.#statements.setCompacted.run(to);
      this.#db.exec('COMMIT');
      return Number(superseded) + Number(deleted);
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  #compacted(): number {
    return Number(this.#statements.compacted.get()?.['revision'] ?? 0);
  }

  #maxId(): number {
    return Number(this.#statements.maxId.get()?.['id'] ?? 0);
  }

  /** The rows that kine makes in a new database, in its order. */
  #seed(): void {
    const present = this.#statements.newest.get(COMPACT_KEY, Number.MAX_SAFE_INTEGER);
    if (present === undefined) this.#statements.insert.run(COMPACT_KEY, 1, 0, 0, 0, 0, Buffer.alloc(0), null);
    const health = this.#statements.newest.get(HEALTH_KEY, Number.MAX_SAFE_INTEGER);
    if (health === undefined) this.#statements.insert.run(HEALTH_KEY, 1, 0, 0, 0, 0, Buffer.from(HEALTH_VALUE), null);
  }

  /** The revision to read at. @throws StorageError `compacted`, `future` */
  #checked(revision: Revision | undefined, key: string): number {
    if (revision === undefined) return this.#current;
    if (revision > BigInt(this.#current)) throw new StorageError('future', key, BigInt(this.#current));
    const compacted = this.#compacted();
    if (revision < BigInt(compacted)) throw new StorageError('compacted', key, BigInt(compacted));
    return Number(revision);
  }

  #guard<T>(read: () => T): T {
    if (this.#closed) throw new StorageError('unavailable', this.#path, 0n, { message: 'the datastore is closed' });
    try {
      return read();
    } catch (error) {
      throw toStorageError(error, this.#path);
    }
  }
}

const COLUMNS = 'id, name, created, deleted, create_revision, prev_revision, lease, value, old_value';

const SQL = {
  newest: `SELECT ${COLUMNS} FROM kine WHERE name = ? AND id <= ? ORDER BY id DESC LIMIT 1`,
  list: `SELECT kv.id, kv.name, kv.created, kv.deleted, kv.create_revision, kv.prev_revision, kv.lease, kv.value, NULL AS old_value
    FROM (SELECT MAX(id) AS id FROM kine WHERE name >= ?1 AND name < ?2 AND name > ?3 AND id <= ?4 GROUP BY name) AS newest
    JOIN kine AS kv ON kv.id = newest.id WHERE kv.deleted = 0 ORDER BY kv.name LIMIT ?5`,
  count: `SELECT COUNT(*) AS count
    FROM (SELECT MAX(id) AS id FROM kine WHERE name >= ?1 AND name < ?2 AND name > ?3 AND id <= ?4 GROUP BY name) AS newest
    JOIN kine AS kv ON kv.id = newest.id WHERE kv.deleted = 0`,
  after: `SELECT ${COLUMNS} FROM kine WHERE id > ? AND id <= ? ORDER BY id`,
  maxId: 'SELECT MAX(id) AS id FROM kine',
  insert:
    'INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  compacted: `SELECT MAX(prev_revision) AS revision FROM kine WHERE name = '${COMPACT_KEY}'`,
  setCompacted: `UPDATE kine SET prev_revision = ? WHERE name = '${COMPACT_KEY}'`,
  removeSuperseded: `DELETE FROM kine WHERE id IN (
    SELECT kp.prev_revision FROM kine AS kp
    WHERE kp.name != '${COMPACT_KEY}' AND kp.prev_revision != 0 AND kp.id > ? AND kp.id <= ?)`,
  removeDeleted: 'DELETE FROM kine WHERE deleted != 0 AND id <= ?',
} as const;
