import type { ObjectChange, ObjectFeed } from '../apiserver/authz/object-feed.ts';
import type { KubeObject, ResourceType } from '../machinery/object/object.ts';

/** A feed for tests: tells of the objects given, by plural, and of later changes. */
export class FakeFeed implements ObjectFeed {
  readonly #objects: Readonly<Record<string, readonly unknown[]>>;
  readonly #followers = new Map<string, (change: ObjectChange<never>) => void>();

  constructor(objects: Readonly<Record<string, readonly unknown[]>>) {
    this.#objects = objects;
  }

  async follow<T extends KubeObject>(
    type: ResourceType<T>,
    onChange: (change: ObjectChange<T>) => void,
  ): Promise<{ close(): void }> {
    for (const object of this.#objects[type.plural] ?? []) onChange({ change: 'set', object: object as T });
    this.#followers.set(type.plural, onChange as (change: ObjectChange<never>) => void);
    return { close: () => this.#followers.delete(type.plural) };
  }

  tell(plural: string, change: 'set' | 'gone', object: unknown): void {
    this.#followers.get(plural)?.({ change, object: object as never });
  }
}
