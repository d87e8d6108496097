import type { CacheEvent } from './cache-event.ts';
import type { Selector, StoredObject } from './stored-object.ts';

export interface CacheListOptions {
  /** Keys below it; default: all of the cache. */
  readonly prefix?: string | undefined;
  readonly selector?: Selector | undefined;
  readonly limit?: number | undefined;
  /** Key behind which the page begins. */
  readonly startAfter?: string | undefined;
}

export interface CacheList {
  readonly items: readonly StoredObject[];
  readonly revision: bigint;
  /** The last key of the page where more follow. */
  readonly continueAfter?: string | undefined;
  /** How many follow; only known without a selector. */
  readonly remaining?: number | undefined;
}

export interface CacheWatchOptions {
  /** Events behind this revision. Undefined: from now on. */
  readonly after?: bigint | undefined;
  readonly prefix?: string | undefined;
  readonly selector?: Selector | undefined;
  /** Begins with ADDED for everything that is there; `after` is then ignored. */
  readonly initial?: boolean | undefined;
  onEvents(events: readonly CacheEvent[]): void;
  onEnd(): void;
}
