import type { Change } from './cache-event.ts';
import type { StoredObject } from './stored-object.ts';

/** Source: apiserver `pkg/storage/cacher/watch_cache.go` (eventFreshDuration and capacity bounds). */
const FRESH_MS = 75_000;
const LEAST_CHANGES = 100;
const MOST_CHANGES = 102_400;

/** The latest changes of a cache in order: what watches replay, and what takes a list back in time. */
export class ChangeLog {
  readonly #changes: Change[] = [];
  #floor = 0n;

  /** Changes up to this revision are not kept. */
  get floor(): bigint {
    return this.#floor;
  }

  get size(): number {
    return this.#changes.length;
  }

  /** Forgets everything and begins behind `floor`. */
  reset(floor: bigint): void {
    this.#changes.length = 0;
    this.#floor = floor;
  }

  push(change: Change): void {
    this.#changes.push(change);
  }

  /** Changes behind a revision, oldest first. */
  after(revision: bigint): readonly Change[] {
    return this.#changes.slice(this.#firstAfter(revision));
  }

  /** What changed since: each key with its state at the revision, undefined where it did not live. */
  statesAt(revision: bigint): ReadonlyMap<string, StoredObject | undefined> {
    const states = new Map<string, StoredObject | undefined>();
    const first = this.#firstAfter(revision);
    // The oldest change of a key behind the revision knows its state before.
    for (let at = this.#changes.length - 1; at >= first; at--) {
      const change = this.#changes[at] as Change;
      states.set(change.key, change.previous);
    }
    return states;
  }

  /** Forgets changes that are old or too many. Done in blocks, so that it costs next to nothing per change. */
  trim(nowMs: number): void {
    const changes = this.#changes;
    if (changes.length <= LEAST_CHANGES * 2) return;
    const oldestMs = nowMs - FRESH_MS;
    let drop = Math.max(0, changes.length - MOST_CHANGES);
    while (drop < changes.length - LEAST_CHANGES && (changes[drop] as Change).atMs < oldestMs) drop++;
    if (drop < LEAST_CHANGES) return;
    this.#floor = (changes[drop - 1] as Change).revision;
    changes.splice(0, drop);
  }

  #firstAfter(revision: bigint): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle] as Change).revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
