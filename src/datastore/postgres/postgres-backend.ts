import type { Clock } from '../../std/clock.ts';
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
import { type LeasedColumns, toLeasedRow } from '../leased-rows.ts';
import { endOfPrefix } from '../prefix-range.ts';
import { StorageError } from '../storage-error.ts';
import { Subscribers } from '../subscribers.ts';
import { compactStep } from './compact-step.ts';
import { whereOf } from './connect.ts';
import { Connections, closedError, OUTAGE_LIMIT_MS, retryWhilePassing } from './connections.ts';
import { Follower, type FollowerOptions } from './follower.ts';
import { JoiningSubscriber } from './joining-subscriber.ts';
import { Listener } from './listener.ts';
import { ensureDatabase, type OpenedTable, openTable } from './open-schema.ts';
import { toStorageError } from './postgres-error.ts';
import type { PostgresSettings } from './settings.ts';
import { type Statements, statementsFor } from './statements.ts';
import { Vacuum } from './vacuum.ts';
import { type Write, Writer } from './writer.ts';

/** Writes that one transaction takes at most. */
const GROUP_LIMIT = 256;
/** Rows that one page of the past takes. */
const PAST_ROWS = 500;
/** Rows that one look for leases takes. */
const LEASED_ROWS = 20_000;
const NO_LIMIT = Number.MAX_SAFE_INTEGER;
/** Rows before the newest that are looked at again when the table is opened. */
const LOOK_BACK_ROWS = 100;
/** Behind every key. */
const LAST_KEY = '\u{10ffff}';

export interface PostgresOptions {
  readonly settings: PostgresSettings;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface PendingWrite extends Write {
  readonly deadlineMs: number;
  resolve(revision: Revision): void;
  reject(error: unknown): void;
}

/**
 * Opens kine's table in PostgreSQL; several servers may share it, a kine among them.
 *
 * A server that is starting is waited for; one that refuses us is not.
 *
 * @throws StorageError `unavailable` or `corrupt`, with what to do about it.
 */
export async function openPostgresBackend(options: PostgresOptions): Promise<Backend> {
  const { settings, clock, logger } = options;
  const connections = new Connections({ settings, clock });
  try {
    const open = async (): Promise<OpenedTable> => {
      await ensureDatabase(settings);
      return await connections.use((client) => openTable(client, settings), { limitMs: 0 });
    };
    const onRetry = (error: unknown): void => logger.warn('waiting for the datastore', { error });
    const table = await retryWhilePassing(open, { clock, limitMs: 2 * OUTAGE_LIMIT_MS, onRetry });
    const statements = statementsFor(table.nameColumn);
    const [newest] = await connections.query<{ id: number }>(statements.maxId);
    const [compaction] = await connections.query<{ revision: number }>(statements.compacted);
    const id = newest?.id ?? 0;
    // Compaction may have removed the newest row, a deletion.
    const told = compaction?.revision ?? 0;
    // What a kine has under way may still become visible below the newest.
    const from = Math.max(told, id - LOOK_BACK_ROWS);
    const backend = new PostgresBackend(options, { connections, statements, table, from, told });
    await backend.reach(id);
    return backend;
  } catch (error) {
    await connections.close();
    throw toStorageError(error, whereOf(settings));
  }
}

/**
 * Writes are grouped as in the SQLite backend; PostgreSQL decides between servers. Reads of the newest state ask the
 * database how far it is, then wait until everything up to there has been told to the subscribers: who reads through
 * this server sees what was acknowledged by another one.
 */
class PostgresBackend implements Backend {
  readonly #where: string;
  readonly #clock: Clock;
  readonly #connections: Connections;
  readonly #statements: Statements;
  readonly #subscribers = new Subscribers();
  readonly #follower: Follower;
  readonly #listener: Listener;
  readonly #vacuum: Vacuum;
  readonly #writer: Writer;
  #pending: PendingWrite[] = [];
  #writing: Promise<void> | undefined;
  /** The question for the newest revision that is under way, and the one that follows it. */
  #asked: Promise<number> | undefined;
  #next: Promise<number> | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    { settings, clock, logger }: PostgresOptions,
    opened: Pick<FollowerOptions, 'connections' | 'statements' | 'table' | 'from' | 'told'>,
  ) {
    const { connections, statements, table } = opened;
    this.#where = connections.where;
    this.#clock = clock;
    this.#connections = connections;
    this.#vacuum = new Vacuum(connections, logger);
    this.#statements = statements;
    this.#follower = new Follower({ ...opened, subscribers: this.#subscribers, clock, logger });
    this.#writer = new Writer({ settings, table, statements, clock });
    this.#listener = new Listener({
      settings,
      channel: table.channel,
      clock,
      logger,
      onWrite: (processId) => {
        if (processId === undefined || processId !== this.#writer.processId) this.#follower.wake();
      },
    });
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
    const at = revision === undefined ? NO_LIMIT : await this.#known(revision, key);
    const [row] = await this.#query<Row>('newest', [key, at]);
    await this.#demandKept(revision, key);
    return row === undefined || row.deleted === 1 ? undefined : toKeyValue(row);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    const { limit, revision, startAfter = '' } = options;
    const at = revision === undefined ? await this.#newest() : await this.#known(revision, prefix);
    const most = limit === undefined ? NO_LIMIT : limit + 1;
    const rows = await this.#query<Row>('list', [prefix, endOfPrefix(prefix) ?? LAST_KEY, startAfter, at, most]);
    await this.#demandKept(BigInt(at), prefix);
    const more = limit !== undefined && rows.length > limit;
    return { revision: BigInt(at), items: (more ? rows.slice(0, limit) : rows).map(toKeyValue), more };
  }

  async count(
    prefix: string,
    options: { revision?: Revision | undefined; startAfter?: string | undefined } = {},
  ): Promise<number> {
    const { revision, startAfter = '' } = options;
    const at = revision === undefined ? NO_LIMIT : await this.#known(revision, prefix);
    const [row] = await this.#query<{ count: number }>('count', [
      prefix,
      endOfPrefix(prefix) ?? LAST_KEY,
      startAfter,
      at,
    ]);
    await this.#demandKept(revision, prefix);
    return row?.count ?? 0;
  }

  async leased(after: Revision): Promise<{ rows: LeasedRow[]; next: Revision | undefined }> {
    const [run] = await this.#query<{ id: number | null }>('endOfRun', [Number(after), LEASED_ROWS]);
    if (run === undefined || run.id === null) return { rows: [], next: undefined };
    const rows = await this.#query<LeasedColumns>('leased', [Number(after), run.id]);
    return { rows: rows.map(toLeasedRow), next: BigInt(run.id) };
  }

  async currentRevision(): Promise<Revision> {
    return BigInt(await this.#newest());
  }

  async compactedRevision(): Promise<Revision> {
    return BigInt(await this.#compacted());
  }

  async subscribe(after: Revision, subscriber: Subscriber): Promise<Subscription> {
    this.#demandOpen();
    const until = this.#follower.seen;
    const joining = new JoiningSubscriber(subscriber, after);
    const subscription = this.#subscribers.add(joining);
    try {
      const past = await this.#past(Number(after), until);
      const compacted = BigInt(await this.#compacted());
      if (after < compacted) throw new StorageError('compacted', '', compacted);
      joining.start(past);
      return subscription;
    } catch (error) {
      subscription.close();
      throw error;
    }
  }

  async compact(
    target: Revision,
    options: { batchRows?: number; keepRevisions?: number; signal?: AbortSignal } = {},
  ): Promise<{ readonly revision: Revision; readonly rowsRemoved: bigint }> {
    const { batchRows = 1000, keepRevisions = 1000, signal } = options;
    const goal = Math.min(Number(target), this.#follower.seen - keepRevisions);
    let reached = await this.#compacted();
    let deletedFrom = 0;
    let rowsRemoved = 0;
    while (reached < goal && signal?.aborted !== true && this.#closing === undefined) {
      const range = { from: reached, to: Math.min(reached + batchRows, goal), deletedFrom };
      // Never twice: after a lost answer the pointer tells that somebody was here.
      rowsRemoved += await this.#connections.use((client) => compactStep(client, this.#statements, range), {
        limitMs: 0,
      });
      reached = range.to;
      deletedFrom = reached;
    }
    await this.#vacuum.removed(rowsRemoved);
    return { revision: BigInt(reached), rowsRemoved: BigInt(rowsRemoved) };
  }

  async sizeBytes(): Promise<number> {
    const [row] = await this.#query<{ size: number }>('size', []);
    return row?.size ?? 0;
  }

  /** Resolves once a revision has been told to the subscribers. @throws StorageError `unavailable` */
  reach(revision: number): Promise<void> {
    return this.#follower.reach(revision, OUTAGE_LIMIT_MS);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    await this.#writing;
    this.#follower.stop(closedError(this.#where));
    await Promise.all([this.#listener.close(), this.#writer.close()]);
    await this.#connections.close();
  }

  #write(write: Write): Promise<Revision> {
    if (this.#closing !== undefined) return Promise.reject(closedError(this.#where));
    return new Promise((resolve, reject) => {
      const deadlineMs = this.#clock.nowMs() + OUTAGE_LIMIT_MS;
      this.#pending.push({ ...write, deadlineMs, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#pending.length > 0) {
      // After the input of this turn has been read: what came together is written together.
      await new Promise((resolve) => setImmediate(resolve));
      await this.#writeGroup(this.#takeGroup());
    }
    this.#writing = undefined;
  }

  /** The writes that wait, in their order, up to the second one of a key: a group judges each key once. */
  #takeGroup(): PendingWrite[] {
    const keys = new Set<string>();
    let size = 0;
    for (const { key } of this.#pending) {
      if (size === GROUP_LIMIT || keys.has(key)) break;
      keys.add(key);
      size++;
    }
    return this.#pending.splice(0, size);
  }

  /** Never rejects. */
  async #writeGroup(group: readonly PendingWrite[]): Promise<void> {
    try {
      const [first] = group;
      const { outcomes, events } = await this.#writer.write(group, first?.deadlineMs ?? 0);
      this.#follower.accept(events);
      const last = events.at(-1);
      // It is durable whatever happens: a log that cannot be read any more only delays the answer.
      if (last !== undefined) await this.#follower.reach(Number(last.revision)).catch(() => {});
      group.forEach((write, index) => {
        const outcome = outcomes[index];
        if (outcome instanceof StorageError) write.reject(outcome);
        else write.resolve(outcome as Revision);
      });
    } catch (error) {
      for (const write of group) write.reject(error);
    }
  }

  /**
   * The newest revision of the database at some time after the call, once it has been told to the subscribers. Those who
   * ask at the same time share the question.
   */
  async #newest(): Promise<number> {
    // The question under way may have been answered before what the caller knows of was written.
    const ask = (): Promise<number> => this.#ask();
    if (this.#asked !== undefined) this.#next ??= this.#asked.then(ask, ask);
    const id = await (this.#next ?? this.#ask());
    await this.#follower.reach(id, OUTAGE_LIMIT_MS);
    // Compaction may have removed the newest row, a deletion: the revision never steps back for it.
    return Math.max(id, this.#follower.told);
  }

  #ask(): Promise<number> {
    this.#next = undefined;
    const question = this.#query<{ id: number }>('newestId', [])
      .then(([row]) => row?.id ?? 0)
      .finally(() => {
        if (this.#asked === question) this.#asked = undefined;
      });
    this.#asked = question;
    return question;
  }

  async #past(after: number, until: number): Promise<LogEvent[]> {
    const events: LogEvent[] = [];
    for (let from = after; from < until; ) {
      const rows = await this.#query<Row>('after', [from, until, PAST_ROWS]);
      for (const row of rows) if (!isInternal(row.name)) events.push(toEvent(row));
      from = rows.length < PAST_ROWS ? until : (rows.at(-1)?.id ?? until);
    }
    return events;
  }

  async #compacted(): Promise<number> {
    const [row] = await this.#query<{ revision: number }>('compacted', []);
    return row?.revision ?? 0;
  }

  /** A revision that was asked for, as a number. @throws StorageError `future` */
  async #known(revision: Revision, key: string): Promise<number> {
    if (revision <= BigInt(this.#follower.seen)) return Number(revision);
    const newest = BigInt(await this.#newest());
    if (revision > newest) throw new StorageError('future', key, newest);
    return Number(revision);
  }

  /** After the read: what was kept then was kept during it. @throws StorageError `compacted` */
  async #demandKept(revision: Revision | undefined, key: string): Promise<void> {
    if (revision === undefined) return;
    const compacted = BigInt(await this.#compacted());
    if (revision < compacted) throw new StorageError('compacted', key, compacted);
  }

  async #query<R extends object>(name: Exclude<keyof Statements, 'append'>, values: readonly unknown[]): Promise<R[]> {
    this.#demandOpen();
    return await this.#connections.query<R>(this.#statements[name], values, { name: `kine-${name}` });
  }

  #demandOpen(): void {
    if (this.#closing !== undefined) throw closedError(this.#where);
  }
}
