import type { Informer } from '../client/informer.ts';
import {
  controllerOf,
  type KubeObject,
  keyOf,
  parseApiVersion,
  type ResourceType,
  toKeyText,
} from '../machinery/object/object.ts';
import type { Clock } from '../std/clock.ts';

/** Adds a key to a controller's queue, now or after a while; a patient one lets changes go first. */
export type Enqueue = (key: string, delayMs?: number, isPatient?: boolean) => void;

/** Something that yields keys to reconcile. */
export interface Source {
  /** The controller reconciles nothing before. */
  readonly synced: Promise<void>;
  /** Yields keys from now on, what is there already included. Returns how to stop. */
  start(enqueue: Enqueue): () => void;
}

/** A change as a source's mapping sees it; `previous` is set on updates only. */
export interface Change<T> {
  readonly type: 'added' | 'updated' | 'deleted';
  readonly object: T;
  readonly previous?: T;
}

/** Keys to reconcile after a change; a pair gives a delay in milliseconds too. */
export type MapToKeys<T> = (change: Change<T>) => Iterable<string | readonly [key: string, delayMs: number]>;

/** The object's own key. */
export function ownKey<T extends KubeObject>(change: Change<T>): string[] {
  return [toKeyText(keyOf(change.object))];
}

/** Yields keys for every change of an informer's objects. Default: the key of the object itself. */
export function onChange<T extends KubeObject>(informer: Informer<T>, mapToKeys: MapToKeys<T> = ownKey): Source {
  return {
    synced: informer.synced,
    start(enqueue) {
      let isFirstList = true;
      informer.synced.then(
        () => {
          isFirstList = false;
        },
        () => {},
      );
      const yieldKeys = (change: Change<T>): void => {
        for (const entry of mapToKeys(change)) {
          if (typeof entry === 'string') enqueue(entry, 0, isFirstList);
          else enqueue(entry[0], entry[1], isFirstList);
        }
      };
      return informer.addHandler({
        added: (object) => yieldKeys({ type: 'added', object }),
        updated: (object, previous) => yieldKeys({ type: 'updated', object, previous }),
        deleted: (object) => yieldKeys({ type: 'deleted', object }),
      });
    },
  };
}

/** Only waits for an informer that a controller reads but does not follow. */
export function untilSynced<T extends KubeObject>(informer: Informer<T>): Source {
  return { synced: informer.synced, start: () => () => {} };
}

/** Maps a change to the keys of the owners of a kind that control the object, now or before. */
export function ownerOf<T extends KubeObject>(owner: ResourceType): MapToKeys<T> {
  return ({ object, previous }) => {
    const keys = new Set<string>();
    for (const each of previous === undefined ? [object] : [object, previous]) {
      const key = controllerKeyOf(each, owner);
      if (key !== undefined) keys.add(key);
    }
    return keys;
  };
}

/** Key of the object's controller where that is of the kind given; versions of its group count alike. */
export function controllerKeyOf(object: KubeObject, owner: ResourceType): string | undefined {
  const reference = controllerOf(object);
  if (reference === undefined || reference.kind !== owner.kind) return undefined;
  if (parseApiVersion(reference.apiVersion).group !== owner.group) return undefined;
  return owner.namespaced && object.metadata.namespace
    ? `${object.metadata.namespace}/${reference.name}`
    : reference.name;
}

/** Yields the same key every `periodMs` and once at the start. */
export function everyPeriod(clock: Clock, periodMs: number, key = ''): Source {
  return {
    synced: Promise.resolve(),
    start(enqueue) {
      enqueue(key);
      const timer = clock.every(periodMs, () => enqueue(key));
      return () => timer.cancel();
    },
  };
}

/** A source that yields what `enqueue` is given from elsewhere, once it runs. */
export function manualSource(): Source & { readonly enqueue: Enqueue } {
  const listeners = new Set<Enqueue>();
  return {
    synced: Promise.resolve(),
    start(enqueue) {
      listeners.add(enqueue);
      return () => listeners.delete(enqueue);
    },
    enqueue: (key, delayMs) => {
      for (const listener of listeners) listener(key, delayMs);
    },
  };
}
