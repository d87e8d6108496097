import type { Backend, LogEvent, Subscription } from '../../datastore/backend.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { prefixesOf, toPrefix } from './keys.ts';
import type { IndexOf } from './stored-object.ts';
import { WatchCache } from './watch-cache.ts';

/** How long a read waits for a revision that has not been seen. Source: apiserver `watch_cache.go` (blockTimeout). */
const WAIT_MS = 3_000;
const FOLLOW_RETRY_MS = 1_000;

export interface StorageDeps {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The datastore as the cache of a storage prefix sees it. Default: as it is. */
  readonly backendFor?: ((storagePrefix: string) => Backend) | undefined;
  /** Reads a stored value: JSON or protobuf. */
  decodeStored(value: Buffer): AnyObject;
}

/** All watch caches of a server over one subscription to the log. */
export class Storage {
  readonly #deps: StorageDeps;
  readonly #caches = new Map<string, WatchCache>();
  readonly #waiters = new Set<{ readonly revision: bigint; readonly wake: () => void }>();
  #revision = 0n;
  #subscription: Subscription | undefined;
  #closed = false;

  constructor(deps: StorageDeps) {
    this.#deps = deps;
  }

  /** Begins to follow the log, until the signal aborts or {@link close} is called. Call before anything else. */
  async start(signal?: AbortSignal): Promise<void> {
    signal?.addEventListener('abort', () => this.close(), { once: true });
    await this.#follow();
  }

  /** The newest revision that was seen, of any key: the resourceVersion of lists and bookmarks. */
  get revision(): bigint {
    return this.#revision;
  }

  /** The cache of a storage prefix; made when first asked for. */
  cache(storagePrefix: string, indexOf: IndexOf): WatchCache {
    const known = this.#caches.get(storagePrefix);
    if (known !== undefined) return known;
    const { backend, backendFor, clock, logger, decodeStored } = this.#deps;
    const cache = new WatchCache({
      backend: backendFor?.(storagePrefix) ?? backend,
      clock,
      logger,
      root: toPrefix(storagePrefix),
      indexOf,
      decode: decodeStored,
      revision: () => this.#revision,
    });
    this.#caches.set(storagePrefix, cache);
    return cache;
  }

  /** The cache of a storage prefix, where somebody has asked for it already. */
  existing(storagePrefix: string): WatchCache | undefined {
    return this.#caches.get(storagePrefix);
  }

  /** Storage prefixes that have a cache. */
  prefixes(): Iterable<string> {
    return this.#caches.keys();
  }

  /** Ends the watches of a prefix and forgets its objects, for a custom kind that is gone or reads otherwise now. */
  drop(storagePrefix: string): void {
    this.#caches.get(storagePrefix)?.endWatches();
    this.#caches.delete(storagePrefix);
  }

  /** Resolves to whether the revision was seen within three seconds. */
  async seen(revision: bigint): Promise<boolean> {
    if (this.#revision >= revision) return true;
    return await new Promise((resolve) => {
      const waiter = {
        revision,
        wake: () => {
          timer.cancel();
          this.#waiters.delete(waiter);
          resolve(true);
        },
      };
      const timer = this.#deps.clock.after(WAIT_MS, () => {
        this.#waiters.delete(waiter);
        resolve(this.#revision >= revision);
      });
      this.#waiters.add(waiter);
    });
  }

  /** Ends every watch. */
  close(): void {
    this.#closed = true;
    this.#subscription?.close();
    for (const cache of this.#caches.values()) cache.endWatches();
  }

  async #follow(): Promise<void> {
    const { backend } = this.#deps;
    const revision = await backend.currentRevision();
    const subscription = await backend.subscribe(revision, {
      events: (events) => this.#dispatch(events),
      failed: (error) => void this.#followAgain(error),
    });
    if (this.#closed) subscription.close();
    this.#subscription = subscription;
    // Events may have come meanwhile, and they count.
    if (revision > this.#revision) this.#revision = revision;
  }

  /** Nothing that is cached can be trusted without the log: clients come back, and caches fill again. */
  async #followAgain(error: unknown): Promise<void> {
    const { clock, logger } = this.#deps;
    logger.error('the log is no longer followed, trying again', { error });
    for (const cache of this.#caches.values()) cache.reset();
    while (!this.#closed) {
      try {
        await clock.sleep(FOLLOW_RETRY_MS);
        await this.#follow();
        break;
      } catch (cause) {
        logger.warn('the log cannot be followed yet', { error: cause });
      }
    }
    // What was filled meanwhile may lack what happened before the log was followed again.
    for (const cache of this.#caches.values()) cache.reset();
  }

  #dispatch(events: readonly LogEvent[]): void {
    const last = events.at(-1);
    // Raised first: whoever is told of an event may list at once and must not get an older revision.
    if (last !== undefined && last.revision > this.#revision) this.#revision = last.revision;
    const groups = new Map<WatchCache, LogEvent[]>();
    for (const event of events) {
      const cache = this.#cacheOf(event.key);
      if (cache === undefined) continue;
      const group = groups.get(cache);
      if (group === undefined) groups.set(cache, [event]);
      else group.push(event);
    }
    for (const [cache, group] of groups) cache.accept(group);
    for (const waiter of [...this.#waiters]) if (waiter.revision <= this.#revision) waiter.wake();
  }

  #cacheOf(key: string): WatchCache | undefined {
    for (const prefix of prefixesOf(key)) {
      const cache = this.#caches.get(prefix);
      if (cache !== undefined) return cache;
    }
    return undefined;
  }
}
