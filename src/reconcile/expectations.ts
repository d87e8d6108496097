import type { Clock } from '../std/clock.ts';

/** After so long a missing watch event is taken as lost. Source: `pkg/controller/controller_utils.go` (ExpectationsTimeout). */
const TIMEOUT_MS = 300_000;

interface Expected {
  creations: number;
  /** Identities of objects whose deletion was asked for and not yet seen. */
  readonly deletions: Set<string>;
  readonly sinceMs: number;
}

/**
 * What a controller has asked the server for and not yet seen in its cache. Before all of it is seen, the cache is
 * stale: acting on it would create or delete too many.
 */
export class Expectations {
  readonly #clock: Clock;
  readonly #expected = new Map<string, Expected>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts anew for a key; call it before the requests go out, as their events may come at once. */
  expect(key: string, wanted: { readonly creations?: number; readonly deletions?: Iterable<string> }): void {
    const { creations = 0, deletions = [] } = wanted;
    this.#expected.set(key, { creations, deletions: new Set(deletions), sinceMs: this.#clock.nowMs() });
  }

  /** A creation was seen, or its request failed. */
  creationSeen(key: string, count = 1): void {
    const expected = this.#expected.get(key);
    if (expected !== undefined) expected.creations -= count;
  }

  /** A deletion (or its mark on the object) was seen, or its request failed. `id` names the object, such as by its key. */
  deletionSeen(key: string, id: string): void {
    this.#expected.get(key)?.deletions.delete(id);
  }

  /** Whether the cache shows all that was asked for, or it was too long ago. */
  isMet(key: string): boolean {
    const expected = this.#expected.get(key);
    if (expected === undefined) return true;
    if (expected.creations <= 0 && expected.deletions.size === 0) return true;
    return this.#clock.nowMs() - expected.sinceMs > TIMEOUT_MS;
  }

  forget(key: string): void {
    this.#expected.delete(key);
  }
}
