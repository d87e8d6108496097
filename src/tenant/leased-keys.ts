import type { Backend, KeyValue } from '../datastore/backend.ts';
import { StorageError } from '../datastore/storage-error.ts';

/** Writes a key that only this server writes, whatever it holds, and lets it expire. */
export async function putLeased(
  backend: Backend,
  key: string,
  value: Buffer,
  options: { readonly leaseSeconds: number },
): Promise<void> {
  for (let tries = 0; ; tries++) {
    const current = await backend.get(key);
    try {
      if (current === undefined) await backend.create(key, value, options);
      else await backend.update(key, value, current.modRevision, options);
      return;
    } catch (error) {
      if (tries === 3 || !hasMoved(error)) throw error;
    }
  }
}

/** Takes such a key away; one that has gone already is no fault. */
export async function removeLeased(backend: Backend, key: string): Promise<void> {
  const current: KeyValue | undefined = await backend.get(key);
  if (current === undefined) return;
  await backend.delete(key, current.modRevision).catch((error) => {
    if (!hasMoved(error)) throw error;
  });
}

function hasMoved(error: unknown): boolean {
  return error instanceof StorageError && error.fault !== 'unavailable' && error.fault !== 'corrupt';
}
