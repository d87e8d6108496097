import type { Client } from 'pg';
import type { Clock } from '../../std/clock.ts';
import type { LogEvent, Revision } from '../backend.ts';
import { StorageError } from '../storage-error.ts';
import { connect, whereOf } from './connect.ts';
import { retryDelayMs } from './connections.ts';
import type { OpenedTable } from './open-schema.ts';
import { codeOf, isPassing, toStorageError } from './postgres-error.ts';
import type { PostgresSettings } from './settings.ts';
import type { Statements } from './statements.ts';

export interface Write {
  readonly kind: 'create' | 'update' | 'delete';
  readonly key: string;
  readonly value: Uint8Array | null;
  /** The revision that the writer knows; not looked at for a creation. */
  readonly expected: Revision;
  readonly leaseSeconds: number;
}

/** What became of a group. */
export interface Written {
  /** One for each write. */
  readonly outcomes: readonly (Revision | StorageError)[];
  readonly events: readonly LogEvent[];
}

interface AppendedRow {
  readonly id: number | null;
  readonly newest_id: number | null;
  readonly newest_deleted: number | null;
  readonly begin: number | null;
  readonly old_value: Buffer | null;
}

export interface WriterOptions {
  readonly settings: PostgresSettings;
  readonly table: OpenedTable;
  readonly statements: Statements;
  readonly clock: Clock;
}

const KINDS = { create: 0, update: 1, delete: 2 } as const;
/** A kine that fills holes may take ids of ours. Source: kine `pkg/drivers/generic/generic.go` (insert retry). */
const MOST_COLLISIONS = 20;
const UNIQUE_VIOLATION = '23505';
const EMPTY = Buffer.alloc(0);

/**
 * The one connection of a server that writes. A group of writes is one transaction under a lock that all servers of the
 * table share, so that ids become visible in their order:
 *
 *     BEGIN, lock, wake the others | judge and insert        (sent together)
 *     COMMIT                                                 (once the ids are known)
 *
 * A connection that breaks before COMMIT is sent has written nothing, and the group is tried again. Afterwards the answer may
 * be lost: whoever gets the lock next knows that the old transaction has ended, and looks whether its ids are there.
 */
export class Writer {
  readonly #options: WriterOptions;
  readonly #where: string;
  #client: Client | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#where = whereOf(options.settings);
  }

  /** The server's number of our connection, by which we know our own calls. */
  get processId(): number | undefined {
    const id: unknown = Reflect.get(this.#client ?? {}, 'processID');
    return typeof id === 'number' ? id : undefined;
  }

  /**
   * Writes a group with each key once, all or nothing, through restarts of the server until the deadline.
   * @throws StorageError
   */
  async write(group: readonly Write[], deadlineMs: number): Promise<Written> {
    const { clock } = this.#options;
    let doubtful: Written | undefined;
    for (let failures = 0, collisions = 0; ; ) {
      try {
        const client = await this.#connected();
        if (doubtful !== undefined && (await this.#isPresent(client, doubtful))) return doubtful;
        doubtful = undefined;
        const written = await this.#append(client, group);
        if (written.events.length === 0) {
          await client.query('ROLLBACK');
          return written;
        }
        doubtful = written;
        const { command } = await client.query('COMMIT');
        if (command === 'COMMIT') return written;
        throw new Error(`the transaction ended with ${command}`);
      } catch (error) {
        const isCollision = codeOf(error) === UNIQUE_VIOLATION && collisions++ < MOST_COLLISIONS;
        if (!isCollision) this.#drop();
        if (isCollision) continue;
        const delayMs = retryDelayMs(failures++);
        if (isPassing(error) && clock.nowMs() + delayMs <= deadlineMs) await clock.sleep(delayMs);
        else throw doubtful === undefined ? toStorageError(error, this.#where) : this.#unknown(error);
      }
    }
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }

  async #connected(): Promise<Client> {
    this.#client ??= await connect(this.#options.settings, { pipeline: true });
    return this.#client;
  }

  #drop(): void {
    this.#client?.end().catch(() => {});
    this.#client = undefined;
  }

  async #append(client: Client, group: readonly Write[]): Promise<Written> {
    const { statements, table } = this.#options;
    const begun = client.query(`BEGIN; ${table.lockSql}; NOTIFY ${table.channel}`);
    const appended = client.query<AppendedRow>({
      name: 'kine-append',
      text: statements.append,
      values: toParameters(group),
    });
    const [first, second] = await Promise.allSettled([begun, appended]);
    const failed = [first, second].find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      await client.query('ROLLBACK');
      throw failed.reason;
    }
    return toWritten(group, second.status === 'fulfilled' ? second.value.rows : []);
  }

  /**
   * Whether a commit came through whose answer was lost. One row stands for all: a transaction is whole. After a crash the
   * server may hand out ids again that it had not written down, even for the same key: only the same value is ours.
   */
  async #isPresent(client: Client, { events }: Written): Promise<boolean> {
    const { statements, table } = this.#options;
    const [event] = events;
    const begun = client.query(`BEGIN; ${table.lockSql}`);
    const isDeletion = event?.kind === 'delete';
    const values = [Number(event?.revision), event?.key, isDeletion ? 1 : 0, isDeletion ? null : event?.value];
    const found = client.query(statements.present, values);
    const results = await Promise.allSettled([begun, found, client.query('ROLLBACK')]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    return ((await found).rowCount ?? 0) > 0;
  }

  #unknown(cause: unknown): StorageError {
    const message = `${this.#where}: the connection broke in the middle of a commit, and whether it came through is not known (${(cause as Error).message}); read before trying again`;
    return new StorageError('unavailable', '', 0n, { cause, message });
  }
}

function toParameters(group: readonly Write[]): unknown[] {
  const starts: number[] = [];
  const lengths: number[] = [];
  let at = 0;
  for (const { value } of group) {
    starts.push(at);
    lengths.push(value?.length ?? 0);
    at += value?.length ?? 0;
  }
  return [
    group.map(({ kind }) => KINDS[kind]),
    group.map(({ key }) => key),
    group.map(({ expected }) => Number(expected)),
    group.map(({ leaseSeconds }) => leaseSeconds),
    starts,
    lengths,
    Buffer.concat(group.map(({ value }) => value ?? EMPTY)),
  ];
}

function toWritten(group: readonly Write[], rows: readonly AppendedRow[]): Written {
  const events: LogEvent[] = [];
  const outcomes = group.map((write, index) => {
    const row = rows[index];
    if (row === undefined || row.id === null) return refusal(write, row);
    const revision = BigInt(row.id);
    events.push({
      kind: write.kind,
      key: write.key,
      revision,
      createRevision: write.kind === 'create' ? revision : BigInt(row.begin ?? 0),
      leaseSeconds: write.kind === 'delete' ? 0 : write.leaseSeconds,
      value:
        write.value === null ? EMPTY : Buffer.from(write.value.buffer, write.value.byteOffset, write.value.byteLength),
      previousValue: write.kind === 'create' ? undefined : (row.old_value ?? EMPTY),
    });
    return revision;
  });
  return { outcomes, events };
}

function refusal({ kind, key }: Write, row: AppendedRow | undefined): StorageError {
  const newest = BigInt(row?.newest_id ?? 0);
  if (kind === 'create') return new StorageError('key-exists', key, newest);
  const isLiving = row !== undefined && row.newest_id !== null && row.newest_deleted === 0;
  return new StorageError(isLiving ? 'revision-moved' : 'key-missing', key, newest);
}
