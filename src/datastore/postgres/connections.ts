import type { Client, QueryResultRow } from 'pg';
import { toBackoffMs } from '../../std/backoff.ts';
import type { Clock } from '../../std/clock.ts';
import { Queue } from '../../std/queue.ts';
import { StorageError } from '../storage-error.ts';
import { connect, whereOf } from './connect.ts';
import { isFromServer, isPassing, toStorageError } from './postgres-error.ts';
import type { PostgresSettings } from './settings.ts';

/** How long a request is held while the server restarts or fails over; then it is told. */
export const OUTAGE_LIMIT_MS = 15_000;
/** Beyond the first, connections that rest for so long are closed. */
const IDLE_MS = 60_000;

export interface ConnectionsOptions {
  readonly settings: PostgresSettings;
  readonly clock: Clock;
}

/** Delay before try `failures` + 1 of something that a restart of the server broke, in milliseconds. */
export function retryDelayMs(failures: number): number {
  return toBackoffMs({ firstMs: 50, maxMs: 2_000, jitter: 0.3 }, failures);
}

/** Tries again while errors are passing ones and the time lasts. */
export async function retryWhilePassing<T>(
  work: () => Promise<T>,
  options: { readonly clock: Clock; readonly limitMs: number; onRetry?(error: unknown): void },
): Promise<T> {
  const { clock, limitMs } = options;
  const deadlineMs = clock.nowMs() + limitMs;
  for (let failures = 0; ; failures++) {
    try {
      return await work();
    } catch (error) {
      const delayMs = retryDelayMs(failures);
      if (!isPassing(error) || clock.nowMs() + delayMs > deadlineMs) throw error;
      options.onRetry?.(error);
      await clock.sleep(delayMs);
    }
  }
}

/** A few connections that statements share: a statement waits for a free one, and is tried again through a restart. */
export class Connections {
  readonly where: string;
  readonly #settings: PostgresSettings;
  readonly #clock: Clock;
  readonly #idle: { readonly client: Client; readonly sinceMs: number }[] = [];
  readonly #waiting = new Queue<() => void>();
  #open = 0;
  #closed = false;

  constructor({ settings, clock }: ConnectionsOptions) {
    this.where = whereOf(settings);
    this.#settings = settings;
    this.#clock = clock;
  }

  /**
   * Runs one statement that changes nothing, or that may run twice. Text that is asked for often gets a name, so that
   * the server plans it once a connection.
   */
  async query<Row extends QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
    options: { readonly name?: string; readonly limitMs?: number } = {},
  ): Promise<Row[]> {
    const { name, limitMs } = options;
    const config = { text, values: [...values], ...(name === undefined ? {} : { name }) };
    return await this.use(async (client) => (await client.query<Row>(config)).rows, { limitMs });
  }

  /**
   * Runs work on a connection of its own, again from its beginning while errors are passing ones.
   * @param options.limitMs - Milliseconds in which it is tried again. Default {@link OUTAGE_LIMIT_MS}.
   */
  async use<T>(
    work: (client: Client) => Promise<T>,
    options: { readonly limitMs?: number | undefined } = {},
  ): Promise<T> {
    const { limitMs = OUTAGE_LIMIT_MS } = options;
    try {
      return await retryWhilePassing(() => this.#useOnce(work), { clock: this.#clock, limitMs });
    } catch (error) {
      throw toStorageError(error, this.where);
    }
  }

  /** Closes what is open; what runs fails. */
  async close(): Promise<void> {
    this.#closed = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) next();
    await Promise.all(this.#idle.splice(0).map(({ client }) => client.end().catch(() => {})));
  }

  async #useOnce<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.#take();
    try {
      const result = await work(client);
      this.#giveBack(client);
      return result;
    } catch (error) {
      // After an answer of the server the connection is as good as before, but not after one that ends it.
      if (isFromServer(error) && !isPassing(error)) this.#giveBack(client);
      else this.#drop(client);
      throw error;
    }
  }

  async #take(): Promise<Client> {
    while (this.#idle.length === 0 && this.#open >= this.#settings.maxConnections && !this.#closed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#closed) throw closedError(this.where);
    const found = this.#idle.pop();
    if (found !== undefined) return found.client;
    this.#open++;
    try {
      return await connect(this.#settings);
    } catch (error) {
      this.#open--;
      this.#waiting.shift()?.();
      throw error;
    }
  }

  #giveBack(client: Client): void {
    if (this.#closed) {
      this.#drop(client);
      return;
    }
    const nowMs = this.#clock.nowMs();
    this.#idle.push({ client, sinceMs: nowMs });
    // The last one that was used is taken first, so the first of the list has rested longest.
    const oldest = this.#idle[0];
    if (this.#idle.length > 1 && oldest !== undefined && nowMs - oldest.sinceMs > IDLE_MS) {
      this.#idle.shift();
      this.#drop(oldest.client);
    }
    this.#waiting.shift()?.();
  }

  #drop(client: Client): void {
    this.#open--;
    client.end().catch(() => {});
    this.#waiting.shift()?.();
  }
}

export function closedError(where: string): StorageError {
  return new StorageError('unavailable', '', 0n, { message: `${where}: the datastore is closed` });
}
