import type { KubeObject, ObjectKey, ResourceType } from '../../machinery/object/object.ts';
import type { ObjectChange, ObjectFeed } from '../authz/object-feed.ts';
import type { ObjectReader } from '../object-reader.ts';
import { toPrefix, toStorageKey } from '../storage/keys.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import type { VersionView } from './version-view.ts';

/** Where the objects of a kind are, and how they look in its version. */
export interface ReadableResource {
  readonly cache: WatchCache;
  readonly view: VersionView;
  readonly storagePrefix: string;
}

/** Reads objects of any kind from the watch caches, without authorization: for the server's own use. */
export class CacheReader implements ObjectReader, ObjectFeed {
  readonly #find: (type: ResourceType) => ReadableResource | undefined;

  constructor(find: (type: ResourceType) => ReadableResource | undefined) {
    this.#find = find;
  }

  async get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Promise<T | undefined> {
    const { cache, view, storagePrefix } = this.#require(type);
    const stored = await cache.get(toStorageKey(storagePrefix, key));
    return stored === undefined ? undefined : ((await view.show(stored)).object as unknown as T);
  }

  async list<T extends KubeObject>(type: ResourceType<T>, namespace?: string): Promise<readonly T[]> {
    const { cache, view, storagePrefix } = this.#require(type);
    const { items } = await cache.list({ prefix: toPrefix(storagePrefix, namespace) });
    await view.prepare(items);
    return items.map((item) => view.toServed(item).object as unknown as T);
  }

  async follow<T extends KubeObject>(
    type: ResourceType<T>,
    onChange: (change: ObjectChange<T>) => void,
  ): Promise<{ close(): void }> {
    const { cache, view } = this.#require(type);
    return await cache.watch({
      initial: true,
      onEvents: (events) => {
        for (const event of events) {
          const object = view.toServed(event.item).object as unknown as T;
          onChange({ change: event.type === 'DELETED' ? 'gone' : 'set', object });
        }
      },
      onEnd: () => {},
    });
  }

  #require(type: ResourceType): ReadableResource {
    const found = this.#find(type);
    if (found === undefined) throw new Error(`${type.plural} of ${type.group}/${type.version} are not served here`);
    return found;
  }
}
