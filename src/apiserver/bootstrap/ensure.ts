import type { Client, WriteOptions } from '../../client/client.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import { type KubeObject, keyOf, type ResourceType } from '../../machinery/object/object.ts';
import type { ObjectReader } from '../object-reader.ts';

export interface EnsureDeps {
  readonly client: Client;
  readonly reader: ObjectReader;
}

const ATTEMPTS = 5;

/**
 * Creates an object, or updates it where `merge` finds something to do. Other servers may do the same at the same time.
 * @param merge - Given the stored object, returns the one to store instead, or undefined where all is well.
 */
export async function ensureObject<T extends KubeObject>(
  deps: EnsureDeps,
  type: ResourceType<T>,
  wanted: T,
  merge: (stored: T) => T | undefined = () => undefined,
  options: Pick<WriteOptions, 'fieldManager'> = {},
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const stored = await deps.reader.get(type, keyOf(wanted));
    try {
      if (stored === undefined) {
        await deps.client.create(type, wanted, options);
        return;
      }
      const next = merge(stored);
      if (next !== undefined) await deps.client.update(type, next, options);
      return;
    } catch (error) {
      const raced = isAlreadyExists(error) || isConflict(error) || isNotFound(error);
      if (!raced || attempt >= ATTEMPTS) throw error;
      // The reader may not have seen yet what another server wrote; a read of the newest state waits for it.
      await deps.client.get(type, keyOf(wanted)).catch(() => undefined);
    }
  }
}
