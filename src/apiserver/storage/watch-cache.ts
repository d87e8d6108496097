import type { Backend, LogEvent, Subscription } from '../../datastore/backend.ts';
import { StorageError } from '../../datastore/storage-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { Clock } from '../../std/clock.ts';
import { CacheEvent, Change } from './cache-event.ts';
import { type ObjectBytes, toBytes } from './object-bytes.ts';
import { SortedKeys } from './sorted-keys.ts';
import { type IndexOf, type Selector, StoredObject } from './stored-object.ts';

/** Source: apiserver `pkg/storage/cacher/watch_cache.go` (eventFreshDuration and capacity bounds). */
const FRESH_MS = 75_000;
const LEAST_EVENTS = 100;
const MOST_EVENTS = 102_400;

export interface WatchCacheOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  /** `/registry/<storage prefix>/`. */
  readonly root: string;
  readonly indexOf: IndexOf;
  /** Reads a stored value: JSON or protobuf. */
  decode(value: Buffer): AnyObject;
  /** The newest revision that the log has delivered, of any key. */
  revision(): bigint;
}

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

interface Watcher extends CacheWatchOptions {
  readonly under: string;
}

/**
 * All objects of one storage prefix in memory, with the latest changes. Filled by one scan when first needed and kept
 * current by the log. A write is in the cache before its promise resolves, so whoever was told of it also reads it.
 */
export class WatchCache {
  readonly #options: WatchCacheOptions;
  readonly #objects = new Map<string, StoredObject>();
  readonly #keys = new SortedKeys();
  readonly #changes: Change[] = [];
  readonly #watchers = new Set<Watcher>();
  /** Objects of writes under way by key: their bytes come back with the log, and need not be parsed again. */
  readonly #drafts = new Map<
    string,
    { readonly value: Buffer; readonly bytes: ObjectBytes; readonly object: AnyObject }
  >();
  #loading: Promise<void> | undefined;
  #early: LogEvent[] | undefined;
  #loaded = false;
  /** Changes up to it are not kept. */
  #floor = 0n;

  constructor(options: WatchCacheOptions) {
    this.#options = options;
  }

  /** Resolves once the cache holds everything. */
  load(): Promise<void> {
    if (this.#loaded) return Promise.resolve();
    this.#loading ??= this.#fill().catch((error) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  get size(): number {
    return this.#objects.size;
  }

  /** The object as of the newest revision that this process knows. Call after {@link load}. */
  peek(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  async get(key: string): Promise<StoredObject | undefined> {
    if (!this.#loaded) await this.load();
    return this.#objects.get(key);
  }

  /** The object as the datastore has it now: also what another server wrote a moment ago. */
  async getNewest(key: string): Promise<StoredObject | undefined> {
    if (!this.#loaded) await this.load();
    const found = await this.#options.backend.get(key);
    const cached = this.#objects.get(key);
    if (found === undefined || cached?.revision === found.modRevision) return found === undefined ? undefined : cached;
    return this.#store(key, found.modRevision, found.value);
  }

  /** @throws StorageError `key-exists` */
  async create(
    key: string,
    object: AnyObject,
    options: { leaseSeconds?: number | undefined } = {},
  ): Promise<StoredObject> {
    return await this.#write(key, object, (value) => this.#options.backend.create(key, value, options));
  }

  /**
   * Replaces `previous`. Where the bytes are the same nothing is written, and `previous` comes back.
   * @throws StorageError `revision-moved`, `key-missing`
   */
  async update(
    previous: StoredObject,
    object: AnyObject,
    options: { leaseSeconds?: number | undefined } = {},
  ): Promise<StoredObject> {
    const bytes = toBytes(object);
    if (previous.hasBytes(bytes)) return previous;
    const { key, revision } = previous;
    return await this.#write(
      key,
      object,
      (value) => this.#options.backend.update(key, value, revision, options),
      bytes,
    );
  }

  /** @returns the last state at the revision of its deletion. @throws StorageError `revision-moved`, `key-missing` */
  async delete(previous: StoredObject): Promise<StoredObject> {
    if (!this.#loaded) await this.load();
    const revision = await this.#options.backend.delete(previous.key, previous.revision);
    return previous.at(revision);
  }

  /** A page of the newest state. */
  async list(options: CacheListOptions = {}): Promise<CacheList> {
    if (!this.#loaded) await this.load();
    const { prefix = this.#options.root, selector, limit, startAfter } = options;
    const range = this.#keys.range(prefix);
    const start =
      startAfter === undefined ? range.start : Math.max(range.start, this.#keys.firstFrom(`${startAfter}\0`));
    const items: StoredObject[] = [];
    let at = start;
    for (; at < range.end && (limit === undefined || items.length < limit); at++) {
      const stored = this.#objects.get(this.#keys.at(at) as string) as StoredObject;
      if (selector === undefined || selector.matches(stored.labels, stored.fields)) items.push(stored);
    }
    const revision = this.#options.revision();
    if (!this.#hasMore(at, range.end, selector)) return { items, revision };
    const continueAfter = items.at(-1)?.key;
    return { items, revision, continueAfter, ...(selector === undefined ? { remaining: range.end - at } : {}) };
  }

  /** The state at an exact revision. @throws StorageError `compacted`, `future` */
  async listAt(revision: bigint, options: CacheListOptions = {}): Promise<CacheList> {
    const { prefix = this.#options.root, selector, limit, startAfter } = options;
    if (selector === undefined) {
      const page = await this.#options.backend.list(prefix, { revision, startAfter, limit });
      const items = page.items.map((item) => this.#store(item.key, item.modRevision, item.value));
      const continueAfter = page.more ? items.at(-1)?.key : undefined;
      const remaining =
        continueAfter === undefined
          ? undefined
          : await this.#options.backend.count(prefix, { revision, startAfter: continueAfter });
      return { items, revision, continueAfter, remaining };
    }
    const all = await this.#options.backend.list(prefix, { revision, startAfter });
    const stored = all.items.map((item) => this.#store(item.key, item.modRevision, item.value));
    const matching = stored.filter((item) => selector.matches(item.labels, item.fields));
    const more = limit !== undefined && matching.length > limit;
    const items = more ? matching.slice(0, limit) : matching;
    return { items, revision, ...(more ? { continueAfter: items.at(-1)?.key } : {}) };
  }

  /**
   * Follows changes; what is due already is delivered within the call.
   * @throws StorageError `compacted` where `after` is older than what is kept.
   */
  async watch(options: CacheWatchOptions): Promise<Subscription> {
    if (!this.#loaded) await this.load();
    const { after, selector, initial } = options;
    const watcher: Watcher = { ...options, under: options.prefix ?? this.#options.root };
    const first: CacheEvent[] = [];
    if (initial) {
      const range = this.#keys.range(watcher.under);
      for (let at = range.start; at < range.end; at++) {
        const stored = this.#objects.get(this.#keys.at(at) as string) as StoredObject;
        if (selector === undefined || selector.matches(stored.labels, stored.fields))
          first.push(new CacheEvent('ADDED', stored));
      }
    } else if (after !== undefined) {
      if (after < this.#floor) throw new StorageError('compacted', watcher.under, this.#floor);
      for (let at = this.#firstChangeAfter(after); at < this.#changes.length; at++) {
        const event = this.#seen(this.#changes[at] as Change, watcher);
        if (event !== undefined) first.push(event);
      }
    }
    this.#watchers.add(watcher);
    if (first.length > 0) watcher.onEvents(first);
    return { close: () => this.#watchers.delete(watcher) };
  }

  /** Ends every watch, so that clients come back and see what has changed (the end of a kind, or of the server). */
  endWatches(): void {
    for (const watcher of [...this.#watchers]) {
      this.#watchers.delete(watcher);
      watcher.onEnd();
    }
  }

  /** Takes events of this prefix from the log, in order. */
  accept(events: readonly LogEvent[]): void {
    if (!this.#loaded) {
      this.#early?.push(...events);
      return;
    }
    const changes = events.map((event) => this.#applyEvent(event));
    for (const watcher of this.#watchers) {
      const seen = changes.map((change) => this.#seen(change, watcher)).filter((event) => event !== undefined);
      if (seen.length > 0) watcher.onEvents(seen);
    }
    this.#trim();
  }

  async #fill(): Promise<void> {
    this.#early = [];
    const { items, revision } = await this.#options.backend.list(this.#options.root);
    for (const item of items) this.#objects.set(item.key, this.#store(item.key, item.modRevision, item.value));
    this.#keys.load(items.map(({ key }) => key));
    this.#floor = revision;
    this.#loaded = true;
    const missed = this.#early.filter((event) => event.revision > revision);
    this.#early = undefined;
    if (missed.length > 0) this.accept(missed);
  }

  async #write(
    key: string,
    object: AnyObject,
    send: (value: Buffer) => Promise<bigint>,
    ready?: ObjectBytes,
  ): Promise<StoredObject> {
    if (!this.#loaded) await this.load();
    const bytes = ready ?? toBytes(object);
    // Upstream's encoder ends objects with a line break, and so do the rows of a real cluster.
    const value = Buffer.concat([bytes.bytes, NEWLINE]);
    const draft = { value, bytes, object };
    this.#drafts.set(key, draft);
    try {
      const revision = await send(value);
      const cached = this.#objects.get(key);
      if (cached?.revision === revision) return cached;
      return StoredObject.create(key, revision, bytes, object, this.#options.indexOf);
    } finally {
      if (this.#drafts.get(key) === draft) this.#drafts.delete(key);
    }
  }

  #applyEvent(event: LogEvent): Change {
    const { key, revision } = event;
    const previous = this.#objects.get(key);
    const nowMs = this.#options.clock.nowMs();
    let next: StoredObject | undefined;
    if (event.kind === 'delete') {
      this.#objects.delete(key);
      this.#keys.delete(key);
    } else {
      next = this.#fromDraft(event) ?? this.#store(key, revision, event.value);
      this.#objects.set(key, next);
      if (previous === undefined) this.#keys.add(key);
    }
    const change = new Change(revision, nowMs, next, previous);
    if (next !== undefined || previous !== undefined) this.#changes.push(change);
    return change;
  }

  #fromDraft({ key, revision, value }: LogEvent): StoredObject | undefined {
    const draft = this.#drafts.get(key);
    if (draft === undefined || draft.value.buffer !== value.buffer || draft.value.byteOffset !== value.byteOffset)
      return undefined;
    return StoredObject.create(key, revision, draft.bytes, draft.object, this.#options.indexOf);
  }

  #store(key: string, revision: bigint, value: Buffer): StoredObject {
    const object = this.#options.decode(value);
    return StoredObject.create(key, revision, toBytes(object), object, this.#options.indexOf);
  }

  #seen(change: Change, watcher: Watcher): CacheEvent | undefined {
    if (change.next === undefined && change.previous === undefined) return undefined;
    return change.key.startsWith(watcher.under) ? change.seenBy(watcher.selector) : undefined;
  }

  #hasMore(from: number, end: number, selector: Selector | undefined): boolean {
    if (selector === undefined) return from < end;
    for (let at = from; at < end; at++) {
      const stored = this.#objects.get(this.#keys.at(at) as string) as StoredObject;
      if (selector.matches(stored.labels, stored.fields)) return true;
    }
    return false;
  }

  #firstChangeAfter(revision: bigint): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle] as Change).revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Forgets changes that are old or too many. Done in blocks, so that it costs next to nothing per event. */
  #trim(): void {
    const changes = this.#changes;
    if (changes.length <= LEAST_EVENTS * 2) return;
    const oldestMs = this.#options.clock.nowMs() - FRESH_MS;
    let drop = Math.max(0, changes.length - MOST_EVENTS);
    while (drop < changes.length - LEAST_EVENTS && (changes[drop] as Change).atMs < oldestMs) drop++;
    if (drop < LEAST_EVENTS) return;
    this.#floor = (changes[drop - 1] as Change).revision;
    changes.splice(0, drop);
  }
}

const NEWLINE = Buffer.from('\n');
