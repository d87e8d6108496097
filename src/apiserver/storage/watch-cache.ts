import type { Backend, LogEvent, Subscription } from '../../datastore/backend.ts';
import { StorageError } from '../../datastore/storage-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { CacheEvent, Change } from './cache-event.ts';
import type { CacheList, CacheListOptions, CacheWatchOptions } from './cache-options.ts';
import { ChangeLog } from './change-log.ts';
import { type EncodedObject, toBytes, toBytesOf } from './object-bytes.ts';
import { SortedKeys } from './sorted-keys.ts';
import { type IndexOf, StoredObject } from './stored-object.ts';

/** Objects that a fill reads before requests get their turn. */
const FILL_PAGE = 1_000;

export interface WatchCacheOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `/registry/<storage prefix>/`. */
  readonly root: string;
  readonly indexOf: IndexOf;
  /** Reads a stored value: JSON or protobuf. */
  decode(value: Buffer): AnyObject;
  /** The newest revision that the log has delivered, of any key. */
  revision(): bigint;
}

export type { CacheList, CacheListOptions, CacheWatchOptions };

/** Objects whose size stands for that of all. */
const MOST_WEIGHED = 100;

/** Numbers of a cache, the counts since it was made. */
export interface CacheFigures {
  /** Objects and about how many bytes they take; undefined while it is not filled. */
  readonly size: number | undefined;
  readonly bytes: number | undefined;
  /** Changes that are kept. */
  readonly changes: number;
  readonly fills: number;
  readonly received: number;
  /** Objects with which watches began. */
  readonly initial: number;
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
  readonly #changes = new ChangeLog();
  readonly #watchers = new Set<Watcher>();
  /** Objects of writes under way by key: their bytes come back with the log, and need not be parsed again. */
  readonly #drafts = new Map<string, { readonly encoded: EncodedObject; readonly object: AnyObject }>();
  /** Values that cannot be decoded. Like upstream, reads that would have to show one fail, and others do not. */
  readonly #broken = new Map<string, StorageError>();
  #loading: Promise<void> | undefined;
  #early: LogEvent[] | undefined;
  #loaded = false;
  /** Raised by {@link reset}: a fill that began before it is void. */
  #generation = 0;
  #fills = 0;
  #received = 0;
  #initial = 0;

  constructor(options: WatchCacheOptions) {
    this.#options = options;
  }

  /** Resolves once the cache holds everything. */
  load(): Promise<void> {
    if (this.#loaded) return Promise.resolve();
    this.#loading ??= this.#fill().finally(() => {
      this.#loading = undefined;
      this.#early = undefined;
    });
    return this.#loading;
  }

  /** Ends every watch and forgets everything, for when the log was lost; the next read fills it again. */
  reset(): void {
    this.#generation++;
    this.#loaded = false;
    this.#objects.clear();
    this.#broken.clear();
    this.#keys.load([]);
    this.endWatches();
  }

  get size(): number {
    return this.#objects.size;
  }

  /** What it holds and has seen, for metrics. */
  figures(): CacheFigures {
    let bytes = 0;
    let looked = 0;
    for (const stored of this.#objects.values()) {
      if (looked === MOST_WEIGHED) break;
      bytes += stored.json.length;
      looked++;
    }
    return {
      size: this.#loaded ? this.#objects.size : undefined,
      bytes: this.#loaded ? Math.round((bytes / Math.max(looked, 1)) * this.#objects.size) : undefined,
      changes: this.#changes.size,
      fills: this.#fills,
      received: this.#received,
      initial: this.#initial,
    };
  }

  /** The object as of the newest revision that this process knows. Call after {@link load}. */
  peek(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  /** @throws StorageError `corrupt` where the stored value cannot be read */
  async get(key: string): Promise<StoredObject | undefined> {
    if (!this.#loaded) await this.load();
    const broken = this.#broken.get(key);
    if (broken !== undefined) throw broken;
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
   * Replaces `previous`. Where the bytes are the same nothing is written, and `previous` comes back, unless the datastore
   * would keep them in another form today. Source: apiserver `pkg/storage/etcd3/store.go` (GuaranteedUpdate).
   * @throws StorageError `revision-moved`, `key-missing`
   */
  async update(
    previous: StoredObject,
    object: AnyObject,
    options: { leaseSeconds?: number | undefined } = {},
  ): Promise<StoredObject> {
    const encoded = toBytes(object);
    const { key, revision } = previous;
    if (previous.isSame(object, encoded) && !(await this.#options.backend.isStale?.(key))) return previous;
    const send = (value: Buffer) => this.#options.backend.update(key, value, revision, options);
    return await this.#write(key, object, send, encoded);
  }

  /** @returns the last state at the revision of its deletion. @throws StorageError `revision-moved`, `key-missing` */
  async delete(previous: StoredObject): Promise<StoredObject> {
    if (!this.#loaded) await this.load();
    const revision = await this.#options.backend.delete(previous.key, previous.revision);
    return previous.at(revision);
  }

  /** A page of the newest state. @throws StorageError `corrupt` where a stored value cannot be read */
  async list(options: CacheListOptions = {}): Promise<CacheList> {
    if (!this.#loaded) await this.load();
    const { prefix = this.#options.root, selector, limit, startAfter } = options;
    this.#demandReadable(prefix, startAfter);
    const range = this.#keys.range(prefix, startAfter);
    const items: StoredObject[] = [];
    let at = range.start;
    for (; at < range.end && (limit === undefined || items.length < limit); at++) {
      const stored = this.#objects.get(this.#keys.at(at) as string) as StoredObject;
      if (selector === undefined || selector.matches(stored.labels, stored.fields)) items.push(stored);
    }
    const revision = this.#options.revision();
    // As upstream: keys that follow are reason enough to go on, whether their objects match or not.
    if (at >= range.end || selector?.isSingle === true) return { items, revision };
    const continueAfter = items.at(-1)?.key;
    return { items, revision, continueAfter, ...(selector === undefined ? { remaining: range.end - at } : {}) };
  }

  /**
   * A page of the state at an exact revision: from memory where the changes since are kept, else from the datastore.
   * @throws StorageError `compacted`, `future`
   */
  async listAt(revision: bigint, options: CacheListOptions = {}): Promise<CacheList> {
    if (!this.#loaded) await this.load();
    const { prefix = this.#options.root, selector, limit, startAfter } = options;
    const remembered = revision >= this.#changes.floor && revision <= this.#options.revision();
    const all = remembered ? this.#statesAt(revision, prefix, startAfter) : await this.#readStates(revision, options);
    const matching = selector === undefined ? all : all.filter((item) => selector.matches(item.labels, item.fields));
    const isWhole = matching.length < (limit ?? 0) || matching.at((limit ?? 0) - 1) === all.at(-1);
    if (limit === undefined || isWhole || selector?.isSingle === true) return { items: matching, revision };
    const items = matching.slice(0, limit);
    const continueAfter = items.at(-1)?.key;
    if (selector !== undefined) return { items, revision, continueAfter };
    const remaining = remembered
      ? matching.length - limit
      : await this.#options.backend.count(prefix, { revision, startAfter: continueAfter });
    return { items, revision, continueAfter, remaining };
  }

  /**
   * Follows changes; what is due already is delivered within the call.
   * @throws StorageError `compacted` where `after` is older than what is kept.
   */
  async watch(options: CacheWatchOptions): Promise<Subscription> {
    if (!this.#loaded) await this.load();
    const { after, selector, initial } = options;
    const watcher: Watcher = { ...options, under: options.prefix ?? this.#options.root };
    if (initial) this.#demandReadable(watcher.under);
    const first: CacheEvent[] = [];
    if (initial) {
      const range = this.#keys.range(watcher.under);
      for (let at = range.start; at < range.end; at++) {
        const stored = this.#objects.get(this.#keys.at(at) as string) as StoredObject;
        if (selector === undefined || selector.matches(stored.labels, stored.fields))
          first.push(new CacheEvent('ADDED', stored));
      }
      this.#initial += first.length;
    } else if (after !== undefined) {
      const { floor } = this.#changes;
      if (after < floor) throw new StorageError('compacted', watcher.under, floor);
      first.push(...this.#seen(this.#changes.after(after), watcher));
    }
    this.#watchers.add(watcher);
    if (first.length > 0) watcher.onEvents(first);
    return { close: () => this.#watchers.delete(watcher) };
  }

  /** Ends every watch, so that clients come back and see what has changed (the end of a kind, or of the server). */
  endWatches(): void {
    for (const watcher of [...this.#watchers]) this.#end(watcher);
  }

  /** Takes events of this prefix from the log, in order. */
  accept(events: readonly LogEvent[]): void {
    if (!this.#loaded) {
      this.#early?.push(...events);
      return;
    }
    this.#received += events.length;
    const changes = events.map((event) => this.#applyEvent(event)).filter((change) => change !== undefined);
    if (changes.length > 0) for (const watcher of [...this.#watchers]) this.#deliver(watcher, changes);
    this.#changes.trim(this.#options.clock.nowMs());
  }

  /** A watcher that throws is ended: the others, and the log itself, must not stop for it. */
  #deliver(watcher: Watcher, changes: readonly Change[]): void {
    if (!this.#watchers.has(watcher)) return;
    try {
      const seen = this.#seen(changes, watcher);
      if (seen.length > 0) watcher.onEvents(seen);
    } catch (error) {
      this.#options.logger.error('a watch failed', { prefix: watcher.under, error });
      this.#end(watcher);
    }
  }

  #end(watcher: Watcher): void {
    if (!this.#watchers.delete(watcher)) return;
    try {
      watcher.onEnd();
    } catch (error) {
      this.#options.logger.error('a watch failed to end', { prefix: watcher.under, error });
    }
  }

  async #fill(): Promise<void> {
    const generation = this.#generation;
    const early: LogEvent[] = [];
    this.#early = early;
    const { backend, root } = this.#options;
    const found: StoredObject[] = [];
    const broken = new Map<string, StorageError>();
    let revision: bigint | undefined;
    for (let startAfter: string | undefined; ; ) {
      const page = await backend.list(root, { limit: FILL_PAGE, startAfter, revision });
      revision ??= page.revision;
      for (const { key, modRevision, value } of page.items) {
        const stored = this.#tryStore(key, modRevision, value);
        if (stored instanceof StorageError) broken.set(key, stored);
        else found.push(stored);
      }
      startAfter = page.items.at(-1)?.key;
      if (!page.more) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const filledAt = revision;
    if (generation !== this.#generation) throw new StorageError('unavailable', root, filledAt, { message: LOST });
    for (const stored of found) this.#objects.set(stored.key, stored);
    for (const [key, error] of broken) this.#broken.set(key, error);
    this.#keys.load(found.map(({ key }) => key));
    this.#changes.reset(filledAt);
    this.#loaded = true;
    this.#fills++;
    const missed = early.filter((event) => event.revision > filledAt);
    if (missed.length > 0) this.accept(missed);
  }

  /** States at a revision that the kept changes reach back to. */
  #statesAt(revision: bigint, prefix: string, startAfter: string | undefined): StoredObject[] {
    this.#demandReadable(prefix, startAfter);
    const changed = this.#changes.statesAt(revision);
    const range = this.#keys.range(prefix, startAfter);
    const found: StoredObject[] = [];
    for (let at = range.start; at < range.end; at++) {
      const key = this.#keys.at(at) as string;
      const stored = changed.has(key) ? changed.get(key) : this.#objects.get(key);
      if (stored !== undefined) found.push(stored);
    }
    const gone = [...changed.values()].filter(
      (stored) =>
        stored !== undefined &&
        !this.#objects.has(stored.key) &&
        stored.key.startsWith(prefix) &&
        (startAfter === undefined || stored.key > startAfter),
    ) as StoredObject[];
    // Two runs that are sorted, or nearly so, which costs little to join.
    return gone.length === 0 ? found : [...found, ...gone].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** States at a revision from the datastore; a page and one more, so that the caller sees whether more follow. */
  async #readStates(revision: bigint, options: CacheListOptions): Promise<StoredObject[]> {
    const { prefix = this.#options.root, selector, limit, startAfter } = options;
    const most = limit === undefined || selector !== undefined ? undefined : limit + 1;
    const page = await this.#options.backend.list(prefix, { revision, startAfter, limit: most });
    return page.items.map((item) => this.#store(item.key, item.modRevision, item.value));
  }

  async #write(
    key: string,
    object: AnyObject,
    send: (value: Buffer) => Promise<bigint>,
    ready?: EncodedObject,
  ): Promise<StoredObject> {
    if (!this.#loaded) await this.load();
    const encoded = ready ?? toBytes(object);
    const draft = { encoded, object };
    this.#drafts.set(key, draft);
    try {
      const revision = await send(encoded.value);
      const cached = this.#objects.get(key);
      if (cached?.revision === revision) return cached;
      return StoredObject.create(key, revision, encoded, object, this.#options.indexOf);
    } finally {
      if (this.#drafts.get(key) === draft) this.#drafts.delete(key);
    }
  }

  /** Undefined where there is nothing to show: a value that cannot be read, or its end. */
  #applyEvent(event: LogEvent): Change | undefined {
    const { key, revision } = event;
    const previous = this.#objects.get(key);
    this.#broken.delete(key);
    let next: StoredObject | undefined;
    if (event.kind !== 'delete') {
      const stored = this.#fromDraft(event) ?? this.#tryStore(key, revision, event.value);
      if (stored instanceof StorageError) this.#broken.set(key, stored);
      else next = stored;
    }
    if (next === undefined) {
      this.#objects.delete(key);
      this.#keys.delete(key);
    } else {
      this.#objects.set(key, next);
      if (previous === undefined) this.#keys.add(key);
    }
    if (next === undefined && previous === undefined) return undefined;
    const change = new Change(revision, this.#options.clock.nowMs(), next, previous);
    this.#changes.push(change);
    return change;
  }

  #fromDraft({ key, revision, value }: LogEvent): StoredObject | undefined {
    const draft = this.#drafts.get(key);
    if (draft === undefined) return undefined;
    const sent = draft.encoded.value;
    // The very bytes, or equal ones: the memory backend keeps a copy.
    if (sent.length !== value.length) return undefined;
    if ((sent.buffer !== value.buffer || sent.byteOffset !== value.byteOffset) && !sent.equals(value)) return undefined;
    return StoredObject.create(key, revision, draft.encoded, draft.object, this.#options.indexOf);
  }

  #store(key: string, revision: bigint, value: Buffer): StoredObject {
    const object = this.#options.decode(value);
    return StoredObject.create(key, revision, toBytesOf(value, object), object, this.#options.indexOf);
  }

  #tryStore(key: string, revision: bigint, value: Buffer): StoredObject | StorageError {
    try {
      return this.#store(key, revision, value);
    } catch (cause) {
      const message = `the stored value of ${key} cannot be read: ${cause instanceof Error ? cause.message : cause}`;
      const error = new StorageError('corrupt', key, revision, { cause, message });
      this.#options.logger.error('a stored value cannot be read', { key, revision, error });
      return error;
    }
  }

  #demandReadable(prefix: string, startAfter = ''): void {
    for (const [key, error] of this.#broken) if (key.startsWith(prefix) && key > startAfter) throw error;
  }

  #seen(changes: readonly Change[], watcher: Watcher): CacheEvent[] {
    const events: CacheEvent[] = [];
    for (const change of changes) {
      const event = change.key.startsWith(watcher.under) ? change.seenBy(watcher.selector) : undefined;
      if (event !== undefined) events.push(event);
    }
    return events;
  }
}

const LOST = 'the log of changes was lost; try again';
