import type { Status } from '../generated/api/meta/v1.ts';
import { isExpired, StatusError } from '../machinery/errors/status-error.ts';
import { type KubeObject, keyOf, type ResourceType, toKeyText } from '../machinery/object/object.ts';
import { Backoff } from '../std/backoff.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Client } from './client.ts';
import { deepFreeze } from './freeze.ts';
import { type IndexFunction, Store } from './store.ts';

/** Called in order, synchronously, after the store has changed. A throw is logged and stops nothing. */
export interface InformerHandler<T> {
  added?(object: T): void;
  /** `previous` may be another object of the same name (see its uid) where the deletion between was missed. */
  updated?(next: T, previous: T): void;
  /** The last state known; not always the final one. */
  deleted?(object: T): void;
}

/** What controllers read: the objects of one resource as last seen. */
export interface Lister<T extends KubeObject> {
  /** The object under `namespace/name`. */
  get(key: string): T | undefined;
  list(namespace?: string): readonly T[];
  byIndex(name: string, value: string): readonly T[];
}

export interface InformerOptions<T extends KubeObject> {
  readonly client: Client;
  readonly type: ResourceType<T>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /**
   * What is kept of an object that came over the wire; it may change the object. Default: all of it. Objects that are
   * frozen are somebody else's and cost nothing: they are kept as they are.
   */
  readonly keep?: KeepPart | undefined;
}

/** Leaves out of an object what nobody in this process reads. */
export type KeepPart = (type: ResourceType, object: KubeObject) => KubeObject;

/** Name of the index that `list(namespace)` uses; made when first asked for. */
const NAMESPACE_INDEX = 'namespace';

/**
 * Keeps a copy of a collection current by a list and then a watch. Objects are the transport's own where these are
 * frozen (in-process: the server's), else frozen here; nobody may change them.
 *
 * The first list takes whatever the server has in memory; lists after a lost watch ask for the newest state. An expired
 * revision (410) lists again; other failures wait 0.8 s to 30 s, as client-go's reflector.
 */
export class Informer<T extends KubeObject> implements Lister<T> {
  readonly type: ResourceType<T>;
  /** Resolves with the first complete list; rejects never: a stopped informer leaves it pending. */
  readonly synced: Promise<void>;
  readonly #options: InformerOptions<T>;
  readonly #store = new Store<T>();
  readonly #handlers = new Set<InformerHandler<T>>();
  readonly #backoff = new Backoff({ firstMs: 800, maxMs: 30_000, jitter: 1 });
  #markSynced: () => void = () => {};
  #hasSynced = false;
  #revision = '';

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.type = options.type;
    this.synced = new Promise((resolve) => {
      this.#markSynced = resolve;
    });
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** resourceVersion of the last event or list; empty before the first. */
  get resourceVersion(): string {
    return this.#revision;
  }

  get size(): number {
    return this.#store.size;
  }

  get(key: string): T | undefined {
    return this.#store.get(key);
  }

  list(namespace?: string): readonly T[] {
    if (namespace === undefined) return [...this.#store.values()];
    this.#store.addIndex(NAMESPACE_INDEX, (object) => [object.metadata.namespace ?? '']);
    return this.#store.byIndex(NAMESPACE_INDEX, namespace);
  }

  byIndex(name: string, value: string): readonly T[] {
    return this.#store.byIndex(name, value);
  }

  /** Adds an index at any time; a name that is taken keeps its first function. */
  addIndex(name: string, valuesOf: IndexFunction<T>): void {
    this.#store.addIndex(name, valuesOf);
  }

  /** Calls the handler for each change from now on, and at once `added` for what is there. Returns how to stop it. */
  addHandler(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of [...this.#store.values()]) this.#notify(() => handler.added?.(object));
    return () => this.#handlers.delete(handler);
  }

  /** Lists and watches until aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, type } = this.#options;
    let first = true;
    while (!signal.aborted) {
      try {
        await this.#list(first ? '0' : '', signal);
        first = false;
        await this.#watchUntilExpired(signal);
      } catch (error) {
        if (signal.aborted) return;
        const delayMs = this.#backoff.nextMs();
        logger.warn('watching a resource failed, listing again', { resource: type.plural, error, delayMs });
        await clock.sleep(delayMs, signal).catch(() => {});
      }
    }
  }

  async #list(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { client, type, namespace, labelSelector, fieldSelector } = this.#options;
    const list = await client.list(type, { namespace, labelSelector, fieldSelector, resourceVersion, signal });
    signal.throwIfAborted();
    const left = new Set(this.#store.keys());
    for (const object of list.items) {
      left.delete(toKeyText(keyOf(object)));
      this.#upsert(object);
    }
    for (const key of left) this.#remove(key, undefined);
    this.#revision = list.metadata.resourceVersion ?? '';
    if (this.#hasSynced) return;
    this.#hasSynced = true;
    this.#markSynced();
  }

  /** Watches from the last revision, again and again, until that revision is no longer kept. */
  async #watchUntilExpired(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const startMs = clock.nowMs();
      let events = 0;
      try {
        for await (const { type, object } of this.#watch(signal)) {
          if (signal.aborted) return;
          if (type === 'ERROR') throw StatusError.fromStatus(object as Status, 500);
          this.#accept(type, object);
          if (events++ === 0) this.#backoff.reset();
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!isExpired(error)) throw error;
        // Nothing seen at all: a server that answers 410 to a fresh revision must not be hammered.
        if (events === 0 && clock.nowMs() - startMs < 1000) await clock.sleep(this.#backoff.nextMs(), signal);
        return;
      }
      // A watch that ends at once and empty is a sick server; a normal end comes after minutes.
      if (events === 0 && clock.nowMs() - startMs < 1000) await clock.sleep(this.#backoff.nextMs(), signal);
    }
  }

  #watch(signal: AbortSignal): AsyncIterable<{ type: string; object: unknown }> {
    const { client, type, namespace, labelSelector, fieldSelector } = this.#options;
    return client.watch(type, {
      namespace,
      labelSelector,
      fieldSelector,
      resourceVersion: this.#revision,
      allowWatchBookmarks: true,
      signal,
    });
  }

  #accept(type: string, value: unknown): void {
    const object = value as T;
    if (type === 'ADDED' || type === 'MODIFIED') this.#upsert(object);
    else if (type === 'DELETED') this.#remove(toKeyText(keyOf(object)), object);
    const revision = object.metadata.resourceVersion;
    if (revision !== undefined) this.#revision = revision;
  }

  #upsert(seen: T): void {
    const previous = this.#store.get(toKeyText(keyOf(seen)));
    if (previous !== undefined && sameRevision(previous, seen)) return;
    const { keep } = this.#options;
    const object = keep === undefined || Object.isFrozen(seen) ? seen : (keep(this.type, seen) as T);
    this.#store.set(deepFreeze(object));
    for (const handler of this.#handlers) {
      this.#notify(() => (previous === undefined ? handler.added?.(object) : handler.updated?.(object, previous)));
    }
  }

  #remove(key: string, final: T | undefined): void {
    const previous = this.#store.delete(key);
    if (previous === undefined) return;
    const last = final === undefined ? previous : deepFreeze(final);
    for (const handler of this.#handlers) this.#notify(() => handler.deleted?.(last));
  }

  #notify(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#options.logger.error('a handler of changes failed', { resource: this.type.plural, error });
    }
  }
}

function sameRevision(a: KubeObject, b: KubeObject): boolean {
  return a.metadata.resourceVersion === b.metadata.resourceVersion && a.metadata.uid === b.metadata.uid;
}
