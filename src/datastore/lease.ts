import type { Clock, Timer } from '../std/clock.ts';
import { Queue } from '../std/queue.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Backend, LogEvent, Revision } from './backend.ts';
import { StorageError } from './storage-error.ts';

/** Source: kine `pkg/logstructured/logstructured.go` (ttl: retryInterval). */
const RETRY_MS = 250;

interface Lease {
  readonly key: string;
  readonly revision: Revision;
  readonly dueMs: number;
}

/** Rows of one time to live, in the order in which they are due. */
interface Line {
  head: Lease;
  readonly rest: Queue<Lease>;
}

/** Keys that expire. */
export interface Expiry {
  /** Resolves once every key that was there at the beginning has been seen. */
  readonly seen: Promise<void>;
  stop(): void;
}

/**
 * Deletes keys whose seconds to live are over. They count from when this process first sees the row, so a restart gives
 * each a new life, as with kine. A key that was written again lives on by its newer row.
 *
 * New rows are seen from when the promise resolves; older ones are looked for beside whatever else is done.
 */
export async function expireLeases(backend: Backend, deps: { clock: Clock; logger: Logger }): Promise<Expiry> {
  const leases = new Leases(backend, deps);
  const revision = await backend.currentRevision();
  const subscription = await backend.subscribe(revision, {
    events: (events: readonly LogEvent[]) => {
      for (const event of events) leases.take(event.key, event.revision, event.leaseSeconds);
    },
    failed: (error) => deps.logger.error('keys no longer expire', { error }),
  });
  return {
    seen: leases.scan(),
    stop() {
      subscription.close();
      leases.stop();
    },
  };
}

/**
 * What is due when. There are few different times to live, and rows of one arrive in the order in which they are due:
 * a line for each is sorted by itself, and one timer waits for the first of their heads.
 */
class Leases {
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** The newest leased revision of each key. */
  readonly #newest = new Map<string, Revision>();
  readonly #lines = new Map<number, Line>();
  #timer: Timer | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(backend: Backend, { clock, logger }: { clock: Clock; logger: Logger }) {
    this.#backend = backend;
    this.#clock = clock;
    this.#logger = logger;
  }

  take(key: string, revision: Revision, leaseSeconds: number): void {
    if (leaseSeconds <= 0) {
      this.#newest.delete(key);
      return;
    }
    this.#newest.set(key, revision);
    this.#enqueue(key, revision, leaseSeconds * 1000);
  }

  /** Looks through what was there before; what the log has told meanwhile is newer. Never rejects. */
  async scan(): Promise<void> {
    for (let after: Revision | undefined = 0n; after !== undefined && !this.#stopped; ) {
      try {
        const { rows, next } = await this.#backend.leased(after);
        for (const { key, revision, leaseSeconds } of rows) {
          if (revision > (this.#newest.get(key) ?? 0n)) this.take(key, revision, leaseSeconds);
        }
        after = next;
      } catch (error) {
        if (this.#stopped) return;
        this.#logger.warn('keys that expire are not all known yet, trying again', { error });
        await this.#clock.sleep(RETRY_MS);
      }
      // Requests go first.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #enqueue(key: string, revision: Revision, afterMs: number): void {
    const dueMs = this.#clock.nowMs() + afterMs;
    const lease: Lease = { key, revision, dueMs };
    const line = this.#lines.get(afterMs);
    if (line === undefined) this.#lines.set(afterMs, { head: lease, rest: new Queue() });
    else line.rest.push(lease);
    this.#wakeAt(dueMs);
  }

  #wakeAt(dueMs: number): void {
    if (this.#stopped || dueMs >= this.#dueMs) return;
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    this.#timer = this.#clock.after(dueMs - this.#clock.nowMs(), () => this.#expire());
  }

  #expire(): void {
    const nowMs = this.#clock.nowMs();
    this.#dueMs = Number.POSITIVE_INFINITY;
    for (const [afterMs, line] of this.#lines) {
      let next: Lease | undefined = line.head;
      for (; next !== undefined && next.dueMs <= nowMs; next = line.rest.shift()) {
        if (this.#newest.get(next.key) === next.revision) this.#remove(next.key, next.revision);
      }
      if (next === undefined) this.#lines.delete(afterMs);
      else {
        line.head = next;
        this.#wakeAt(next.dueMs);
      }
    }
  }

  #remove(key: string, revision: Revision): void {
    this.#backend.delete(key, revision).catch((error) => {
      const settled = error instanceof StorageError && error.fault !== 'unavailable';
      if (settled || this.#stopped) return;
      this.#logger.warn('a key did not expire, trying again', { key, error });
      this.#enqueue(key, revision, RETRY_MS);
    });
  }
}
