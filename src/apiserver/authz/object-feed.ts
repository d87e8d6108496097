import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';

/** One change of one object. `gone` carries the last state. Objects are frozen and shared. */
export interface ObjectChange<T> {
  readonly change: 'set' | 'gone';
  readonly object: T;
}

/** Tells of all objects of a kind and of every change, before the writer of the change gets its answer. */
export interface ObjectFeed {
  /** Resolves once everything that is there already has been handed over. */
  follow<T extends KubeObject>(
    type: ResourceType<T>,
    onChange: (change: ObjectChange<T>) => void,
  ): Promise<{ close(): void }>;
}

/** Several subscriptions as one. */
export function closeAll(subscriptions: readonly { close(): void }[]): { close(): void } {
  return {
    close: () => {
      for (const subscription of subscriptions) subscription.close();
    },
  };
}
