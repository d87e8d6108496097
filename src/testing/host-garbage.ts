import type { Client } from '../client/client.ts';
import { deployments, persistentvolumeclaims } from '../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../machinery/object/object.ts';
import { systemClock } from '../std/clock.ts';

/** Does what controllers of the host do: ends what is deleted in the foreground, and claims that no pod uses. */
export async function collectHostGarbage(client: Client, signal: AbortSignal): Promise<void> {
  const types = [deployments, persistentvolumeclaims] as unknown as readonly ResourceType<KubeObject>[];
  while (!signal.aborted) {
    for (const type of types) {
      const { items } = await client.list(type, { namespace: 'default' });
      for (const { metadata } of items) {
        if (metadata.deletionTimestamp === undefined) continue;
        const key = { namespace: 'default', name: metadata.name ?? '' };
        await client.patch(type, key, { metadata: { finalizers: null } }, { type: 'merge' }).catch(() => {});
      }
    }
    await systemClock.sleep(20, signal).catch(() => {});
  }
}
