import { type BackoffOptions, toBackoffMs } from '../std/backoff.ts';
import type { Clock, Timer } from '../std/clock.ts';
import { Queue } from '../std/queue.ts';

/** Source: client-go `util/workqueue/default_rate_limiters.go` (DefaultTypedControllerRateLimiter). */
const defaultBackoff: BackoffOptions = { firstMs: 5, maxMs: 1_000_000 };

/** After so many others a patient key has its turn. */
const TURNS = 8;

export interface QueueBackoff {
  /** Delay after the first failure, in milliseconds. Default 5; doubles with every further one. */
  readonly firstMs?: number | undefined;
  /** The longest delay, in milliseconds. Default 1,000,000. */
  readonly maxMs?: number | undefined;
}

/** Hears what happens to a queue's keys. */
export interface QueueObserver {
  added(): void;
  /** After it waited so long, in milliseconds. */
  taken(waitedMs: number): void;
  retried(): void;
}

interface Delayed {
  readonly atMs: number;
  readonly timer: Timer;
}

/**
 * Keys to work on. A key waits at most once; one that is added while it is worked on waits again as soon as that is
 * `done`, so no two workers ever hold the same key. Patient keys let others go first, most of the time.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #backoff: BackoffOptions;
  readonly #ready = new Queue<string>();
  /** Those that may let others go first. */
  readonly #patient = new Queue<string>();
  /** Waiting or to wait again. */
  readonly #dirty = new Set<string>();
  /** Of these, those that may let others go first. */
  readonly #patience = new Set<string>();
  #takenInRow = 0;
  readonly #processing = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #observer: QueueObserver | undefined;
  /** Since when keys wait; kept only where somebody listens. */
  readonly #sinceMs = new Map<string, number>();
  #onReady: () => void = () => {};
  #closed = false;

  constructor(clock: Clock, backoff: QueueBackoff = {}, observer?: QueueObserver) {
    this.#clock = clock;
    this.#observer = observer;
    const { firstMs = defaultBackoff.firstMs, maxMs = defaultBackoff.maxMs } = backoff;
    this.#backoff = { firstMs, maxMs };
  }

  /** Keys that wait for a worker now. */
  get depth(): number {
    return this.#dirty.size - this.#again;
  }

  /** Keys that wait for a turn of their own to end. */
  get #again(): number {
    let count = 0;
    for (const key of this.#processing) if (this.#dirty.has(key)) count += 1;
    return count;
  }

  /** Calls `run` whenever a key becomes ready to be taken. */
  onReady(run: () => void): void {
    this.#onReady = run;
  }

  /** @param isPatient - It lets others go first, but for one in a few. */
  add(key: string, isPatient = false): void {
    if (this.#closed) return;
    if (this.#dirty.has(key)) {
      // It need not be patient any more. Where it stands among the patient, it is passed over then.
      if (isPatient || !this.#patience.delete(key) || this.#processing.has(key)) return;
      this.#ready.push(key);
      return;
    }
    this.#dirty.add(key);
    if (isPatient) this.#patience.add(key);
    if (this.#observer !== undefined) {
      this.#observer.added();
      this.#sinceMs.set(key, this.#clock.nowMs());
    }
    if (this.#processing.has(key)) return;
    (isPatient ? this.#patient : this.#ready).push(key);
    this.#onReady();
  }

  /** Adds the key after a while; where it waits for a time already, the earlier one counts. */
  addAfter(key: string, delayMs: number, isPatient = false): void {
    if (this.#closed) return;
    if (delayMs <= 0) {
      this.add(key, isPatient);
      return;
    }
    const atMs = this.#clock.nowMs() + delayMs;
    const waiting = this.#delayed.get(key);
    if (waiting !== undefined && waiting.atMs <= atMs) return;
    waiting?.timer.cancel();
    const timer = this.#clock.after(delayMs, () => {
      this.#delayed.delete(key);
      // Longer than a timer may run: the clock capped it.
      this.addAfter(key, atMs - this.#clock.nowMs(), isPatient);
    });
    this.#delayed.set(key, { atMs, timer });
  }

  /** Adds the key after its back-off, and not before `atLeastMs`, and counts a failure. */
  addRateLimited(key: string, atLeastMs = 0): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#observer?.retried();
    this.addAfter(key, Math.max(atLeastMs, toBackoffMs(this.#backoff, failures)));
  }

  /** Failures in a row that the back-off counts. */
  failuresOf(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Ends the count of failures: the next one starts small again. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** Takes the next key; undefined where none is ready. Each key taken must be given back with `done`. */
  take(): string | undefined {
    if (this.#closed) return undefined;
    const key = this.#next();
    if (key === undefined) return undefined;
    this.#processing.add(key);
    this.#dirty.delete(key);
    this.#patience.delete(key);
    if (this.#observer !== undefined) {
      this.#observer.taken(this.#clock.nowMs() - (this.#sinceMs.get(key) ?? this.#clock.nowMs()));
      this.#sinceMs.delete(key);
    }
    return key;
  }

  done(key: string): void {
    this.#processing.delete(key);
    if (this.#closed || !this.#dirty.has(key)) return;
    (this.#patience.has(key) ? this.#patient : this.#ready).push(key);
    this.#onReady();
  }

  #next(): string | undefined {
    const isTurn = this.#takenInRow >= TURNS;
    const key = (isTurn ? this.#nextPatient() : undefined) ?? this.#ready.shift();
    if (key !== undefined) {
      this.#takenInRow = isTurn ? 0 : this.#takenInRow + 1;
      return key;
    }
    this.#takenInRow = 0;
    return this.#nextPatient();
  }

  #nextPatient(): string | undefined {
    for (;;) {
      const key = this.#patient.shift();
      // The others have lost their patience, and stand among the ready, or were taken from there.
      if (key === undefined || (this.#patience.has(key) && !this.#processing.has(key))) return key;
    }
  }

  /** Forgets all that waits; nothing is taken or added any more. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#dirty.clear();
    this.#sinceMs.clear();
    this.#ready.clear();
    this.#patient.clear();
    this.#patience.clear();
    this.#failures.clear();
  }
}
