import { isConflict, isNotFound } from '../machinery/errors/status-error.ts';
import { type KubeObject, keyOf, type ResourceType } from '../machinery/object/object.ts';
import type { Client } from './client.ts';

/**
 * Changes an object and writes it back; where another writer was faster, reads it anew and tries again, up to 5 times.
 * `change` gets a private copy to alter, or returns false to leave the object as it is.
 *
 * @returns What the server holds then; undefined where the object (by its uid) is gone.
 */
export async function updateWithRetry<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  object: T,
  change: (copy: T) => boolean | undefined,
  options: { readonly subresource?: string } = {},
): Promise<T | undefined> {
  let current = object;
  for (let tries = 1; ; tries++) {
    const copy = structuredClone(current);
    if (change(copy) === false) return current;
    try {
      return await client.update(type, copy, options);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (!isConflict(error) || tries >= 5) throw error;
    }
    const fresh = await client.get(type, keyOf(object)).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (fresh === undefined || fresh.metadata.uid !== object.metadata.uid) return undefined;
    current = fresh;
  }
}

/** Takes a finalizer off an object. Done already or gone is fine. */
export async function removeFinalizer<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  object: T,
  finalizer: string,
): Promise<void> {
  await updateWithRetry(client, type, object, (copy) => {
    const finalizers = copy.metadata.finalizers ?? [];
    if (!finalizers.includes(finalizer)) return false;
    copy.metadata.finalizers = finalizers.filter((each) => each !== finalizer);
    return true;
  });
}
