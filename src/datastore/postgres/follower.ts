import type { Clock, Timer } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { LogEvent } from '../backend.ts';
import { isInternal } from '../kine-keys.ts';
import { type Row, toEvent } from '../kine-rows.ts';
import { StorageError } from '../storage-error.ts';
import type { Subscribers } from '../subscribers.ts';
import { type Connections, retryDelayMs } from './connections.ts';
import type { OpenedTable } from './open-schema.ts';
import type { Statements } from './statements.ts';

/** Rows that one look takes. Source: kine's `poll-batch-size`. */
const BATCH_ROWS = 500;
/** What another kine wrote is noticed this often. Source: kine's poll loop. */
const POLL_MS = 1_000;
/** Rows that fill holes in one statement. */
const FILL_ROWS = 1_000;
/** A hole that is longer was made by hand, such as by raising the sequence: filling it would only make rows. */
const LONGEST_HOLE = 100_000;
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

export interface FollowerOptions {
  readonly connections: Connections;
  readonly statements: Statements;
  readonly table: OpenedTable;
  readonly subscribers: Subscribers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The id from which on rows are looked at. */
  readonly from: number;
  /** The revision that a client may know already. */
  readonly told: number;
}

interface Waiter {
  readonly revision: number;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Hands the rows of the table to the subscribers in the order of their ids, without a hole. Our own rows are handed on
 * at once; others' are read when a notification, a reader or the clock says so.
 *
 *     seen 10; rows 11, 13 -> 11 is told, 12 is a hole:
 *       compacted >= 12  -> rows were forgotten before we saw them: subscribers fail and begin anew
 *       else             -> under the lock of all writers, a filler `gap-12` is inserted; a writer without that lock
 *                           (a kine) that is about to commit 12 is waited for, and then its row stands; one that has
 *                           not inserted yet collides with the filler and takes another id
 *
 * Source: kine `pkg/logstructured/sqllog/sql.go` (poll).
 */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #poll: Timer;
  /** Events of ours that are committed and whose turn has not come, by id. */
  readonly #own = new Map<number, LogEvent>();
  readonly #waiters = new Set<Waiter>();
  #seen: number;
  #told: number;
  #running = false;
  #again = false;
  #stopped = false;
  /** Whether the table can be read, to tell of a change only. */
  #healthy = true;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#seen = options.from;
    this.#told = options.told;
    this.#poll = options.clock.every(POLL_MS, () => this.wake());
  }

  /** Everything up to it has been handed on. */
  get seen(): number {
    return this.#seen;
  }

  /** The revision of the newest event that was handed on; fillers of holes and kine's own rows make none. */
  get told(): number {
    return this.#told;
  }

  /** Looks for rows of others. */
  wake(): void {
    if (this.#running) this.#again = true;
    else void this.#run();
  }

  /** Takes events that this server has committed. */
  accept(events: readonly LogEvent[]): void {
    for (const event of events) this.#own.set(Number(event.revision), event);
    this.#drain();
    if (this.#own.size > 0) this.wake();
  }

  /**
   * Resolves once a revision has been handed on.
   * @param limitMs - Milliseconds after which it rejects. Default: never, until {@link stop}.
   */
  reach(revision: number, limitMs?: number): Promise<void> {
    if (this.#seen >= revision) return Promise.resolve();
    const { clock, connections } = this.#options;
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        revision,
        resolve: () => {
          timer?.cancel();
          this.#waiters.delete(waiter);
          resolve();
        },
        reject: (error) => {
          timer?.cancel();
          this.#waiters.delete(waiter);
          reject(error);
        },
      };
      const message = `${connections.where}: the log could not be read up to revision ${revision} in time`;
      const late = (): void => waiter.reject(new StorageError('unavailable', '', BigInt(this.#seen), { message }));
      const timer = limitMs === undefined ? undefined : clock.after(limitMs, late);
      this.#waiters.add(waiter);
      this.wake();
    });
  }

  stop(error: unknown): void {
    this.#stopped = true;
    this.#poll.cancel();
    for (const waiter of [...this.#waiters]) waiter.reject(error);
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#options;
    this.#running = true;
    for (let failures = 0; !this.#stopped; ) {
      this.#again = false;
      try {
        await this.#advance();
        failures = 0;
        if (!this.#healthy) logger.info('the log is followed again');
        this.#healthy = true;
        if (!this.#again && this.#own.size === 0) break;
      } catch (error) {
        if (this.#healthy && !this.#stopped) logger.warn('the log cannot be read, trying again', { error });
        this.#healthy = false;
        await clock.sleep(retryDelayMs(failures++));
      }
    }
    this.#running = false;
  }

  /** Reads until nothing is left. */
  async #advance(): Promise<void> {
    const { connections, statements } = this.#options;
    for (;;) {
      const values = [this.#seen, NO_LIMIT, BATCH_ROWS];
      const rows = await connections.query<Row>(statements.after, values, { name: 'kine-after', limitMs: 0 });
      const isFilled = await this.#take(rows);
      if (isFilled && rows.length < BATCH_ROWS) return;
    }
  }

  /** Hands rows on up to the first hole, which it closes; false where rows have to be read again for that. */
  async #take(rows: readonly Row[]): Promise<boolean> {
    const events: LogEvent[] = [];
    let next = this.#seen + 1;
    let hole: number | undefined;
    for (const row of rows) {
      if (row.id < next) continue;
      if (row.id > next) {
        hole = row.id;
        break;
      }
      next++;
      if (!isInternal(row.name)) events.push(this.#own.get(row.id) ?? toEvent(row));
    }
    this.#moveTo(next - 1, events);
    this.#drain();
    if (hole === undefined || this.#seen >= hole - 1) return hole === undefined;
    await this.#close(this.#seen + 1, hole - 1);
    return false;
  }

  /** Hands on what is ours and next. */
  #drain(): void {
    const events: LogEvent[] = [];
    let next = this.#seen + 1;
    for (let own = this.#own.get(next); own !== undefined; own = this.#own.get(++next)) events.push(own);
    this.#moveTo(next - 1, events);
  }

  #moveTo(revision: number, events: readonly LogEvent[]): void {
    if (revision <= this.#seen) return;
    this.#seen = revision;
    if (this.#own.size > 0) for (const id of [...this.#own.keys()]) if (id <= revision) this.#own.delete(id);
    this.#told = Number(events.at(-1)?.revision ?? this.#told);
    this.#options.subscribers.deliver(events);
    for (const waiter of [...this.#waiters]) if (waiter.revision <= revision) waiter.resolve();
  }

  /** Closes the hole `from` to `to`, both included. */
  async #close(from: number, to: number): Promise<void> {
    const { connections, logger, statements, subscribers, table } = this.#options;
    const [row] = await connections.query<{ revision: number }>(statements.compacted, [], { limitMs: 0 });
    const compacted = row?.revision ?? 0;
    if (compacted >= from) {
      // Changes of others are gone unseen: whoever follows has to read the state anew.
      logger.warn('the log was compacted beyond what was read of it', { compacted, seen: this.#seen });
      this.#moveTo(compacted, []);
      subscribers.fail(new StorageError('compacted', '', BigInt(compacted)));
      return;
    }
    if (to - from >= LONGEST_HOLE) {
      logger.warn('ids were skipped by hand', { from, to });
      this.#moveTo(to, []);
      return;
    }
    await connections.use(
      async (client) => {
        await client.query(`BEGIN; ${table.lockSql}`);
        for (let first = from; first <= to; first += FILL_ROWS) {
          await client.query(statements.fill, [first, Math.min(first + FILL_ROWS - 1, to)]);
        }
        await client.query('COMMIT');
      },
      { limitMs: 0 },
    );
    logger.debug('a hole in the log is filled', { from, to });
  }
}
