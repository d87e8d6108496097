import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { ObjectFeed } from '../authz/object-feed.ts';

/** The objects of a kind, filed under their namespaces as they come and go: what no namespace has costs nothing. */
export class NamespaceIndex<T extends KubeObject> {
  readonly #feed: ObjectFeed;
  readonly #type: ResourceType<T>;
  readonly #byNamespace = new Map<string, Map<string, T>>();
  #synced: Promise<unknown> | undefined;
  #isSynced = false;

  /** Follows the kind from the first question on. */
  constructor(feed: ObjectFeed, type: ResourceType<T>) {
    this.#feed = feed;
    this.#type = type;
  }

  /** By name. */
  async list(namespace: string): Promise<readonly T[]> {
    if (!this.#isSynced) await this.#sync();
    const found = this.#byNamespace.get(namespace);
    return found === undefined ? [] : [...found.keys()].sort().map((name) => found.get(name) as T);
  }

  async #sync(): Promise<void> {
    this.#synced ??= this.#feed.follow(this.#type, ({ change, object }) =>
      this.#place(object, change === 'set' ? object : undefined),
    );
    try {
      await this.#synced;
      this.#isSynced = true;
    } catch (error) {
      this.#synced = undefined;
      throw error;
    }
  }

  #place({ metadata }: T, object: T | undefined): void {
    const { namespace = '', name = '' } = metadata;
    const known = this.#byNamespace.get(namespace);
    if (object !== undefined) {
      if (known === undefined) this.#byNamespace.set(namespace, new Map([[name, object]]));
      else known.set(name, object);
      return;
    }
    known?.delete(name);
    if (known?.size === 0) this.#byNamespace.delete(namespace);
  }
}
