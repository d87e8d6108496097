import type { Client } from '../client/client.ts';
import type { Informers } from '../client/informers.ts';
import type { Node } from '../generated/api/core/v1.ts';
import { certificatesigningrequests, leases, nodes, volumeattachments } from '../generated/resource-types.ts';
import { isConflict, isNotFound } from '../machinery/errors/status-error.ts';
import type { KubeObject, ObjectMeta, ResourceType } from '../machinery/object/object.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface NodeLeftoversOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly logger: Logger;
}

const SWEEP_PERIOD_MS = 10 * 60_000;
const LEASE_NAMESPACE = 'kube-node-lease';

/**
 * Removes what a deleted node leaves behind and nobody else removes: its volume attachments (their drivers detach the
 * volumes), a lease that has no owner, its requests for certificates. Pods go by the pod collector, all that the Node
 * owns by the garbage collector, the password by `releaseNodePasswords`. What was missed is found by a sweep, which leaves
 * what is new to nodes that are about to register.
 *
 * @returns how to stop.
 * Source: upstream's attach/detach controller, which detaches from nodes that are gone.
 */
export function removeNodeLeftovers(options: NodeLeftoversOptions): () => void {
  const { informers, clock, logger } = options;
  const lister = informers.for(nodes);
  const isGone = (name: string): boolean => lister.get(name) === undefined;
  const clean = (concerns: (name: string) => boolean, beforeMs: number): void => {
    if (!lister.hasSynced) return;
    removeOf(options, { isGone: (name) => concerns(name) && isGone(name), beforeMs }).catch((error: unknown) =>
      logger.warn('leftovers of a node were not removed', { error }),
    );
  };
  const unfollow = lister.addHandler({
    // What was there when the node went was its own; times have seconds.
    deleted: ({ metadata }: Node) =>
      clean((name) => name === metadata.name, Math.floor(clock.nowMs() / 1000) * 1000 - 1),
  });
  const sweep = clock.every(SWEEP_PERIOD_MS, () => clean(() => true, clock.nowMs() - SWEEP_PERIOD_MS));
  return () => {
    unfollow();
    sweep.cancel();
  };
}

async function removeOf(
  { client }: NodeLeftoversOptions,
  { isGone, beforeMs }: { isGone(name: string): boolean; readonly beforeMs: number },
): Promise<void> {
  // A node registers a moment after its first lease and request.
  const isOld = ({ creationTimestamp = '' }: ObjectMeta): boolean => Date.parse(creationTimestamp) <= beforeMs;
  const attachments = await client.list(volumeattachments, {});
  for (const { metadata, spec } of attachments.items) {
    if (metadata.deletionTimestamp === undefined && isGone(spec.nodeName))
      await remove(client, volumeattachments, metadata);
  }
  const found = await client.list(leases, { namespace: LEASE_NAMESPACE });
  for (const { metadata } of found.items) {
    const isOrphan = (metadata.ownerReferences ?? []).length === 0 && isOld(metadata);
    if (isOrphan && isGone(metadata.name ?? '')) await remove(client, leases, metadata);
  }
  const requests = await client.list(certificatesigningrequests, {});
  for (const { metadata, spec } of requests.items) {
    const [, name] = /^system:node:(.+)$/.exec(spec.username ?? '') ?? [];
    if (name !== undefined && isOld(metadata) && isGone(name))
      await remove(client, certificatesigningrequests, metadata);
  }
}

async function remove<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  { namespace, name = '', uid }: ObjectMeta,
): Promise<void> {
  try {
    await client.delete(type, { namespace, name }, { preconditions: { uid } });
  } catch (error) {
    // Somebody else was quicker, or there is a new one under the name.
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
