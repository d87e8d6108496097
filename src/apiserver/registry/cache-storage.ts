import type { AnyObject, ObjectKey } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { toStorageKey } from '../storage/keys.ts';
import type { IndexOf, StoredObject } from '../storage/stored-object.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import type { ResourceStorage, StoredItem } from './resource-storage.ts';

/** The storage of one resource: a watch cache, addressed by names. */
export class CacheStorage implements ResourceStorage {
  readonly #cache: WatchCache;
  readonly #prefix: string;
  readonly #lease: { readonly leaseSeconds?: number | undefined };

  constructor(cache: WatchCache, definition: ResourceDefinition) {
    this.#cache = cache;
    this.#prefix = definition.storagePrefix;
    this.#lease = { leaseSeconds: definition.leaseSeconds };
  }

  get(key: ObjectKey): Promise<StoredItem | undefined> {
    return this.#cache.get(this.#pathOf(key));
  }

  getNewest(key: ObjectKey): Promise<StoredItem | undefined> {
    return this.#cache.getNewest(this.#pathOf(key));
  }

  create(key: ObjectKey, object: AnyObject): Promise<StoredItem> {
    return this.#cache.create(this.#pathOf(key), object, this.#lease);
  }

  update(previous: StoredItem, object: AnyObject): Promise<StoredItem> {
    return this.#cache.update(previous as StoredObject, object, this.#lease);
  }

  delete(previous: StoredItem): Promise<StoredItem> {
    return this.#cache.delete(previous as StoredObject);
  }

  #pathOf(key: ObjectKey): string {
    return toStorageKey(this.#prefix, key);
  }
}

/**
 * Reads what selectors look at, for all versions that share a storage prefix: each has selectable fields of its own, as
 * seen in that version.
 */
export function indexFor(definitions: readonly ResourceDefinition[]): IndexOf {
  // What others convert is matched when it is shown.
  const readers = definitions
    .filter(({ remote }) => remote === undefined)
    .map(({ selectableFields, convert }) => ({ fields: Object.entries(selectableFields), convert }));
  return (object) => {
    const { labels = {}, name = '', namespace } = object.metadata;
    const fields: Record<string, string> = { 'metadata.name': name };
    if (namespace !== undefined) fields['metadata.namespace'] = namespace;
    for (const reader of readers) {
      if (reader.fields.length === 0) continue;
      const shown = reader.convert === undefined ? object : reader.convert.fromStorage(object);
      for (const [field, read] of reader.fields) fields[field] = read(shown);
    }
    return { labels, fields };
  };
}
