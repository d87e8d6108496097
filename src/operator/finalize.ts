import { deployments, persistentvolumeclaims, secrets, services } from '../generated/resource-types.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import { type KubeObject, keyOf, type ObjectKey, type ResourceType } from '../machinery/object/object.ts';
import type { Result } from '../reconcile/reconciler.ts';
import { FINALIZER, type VirtualCluster, virtualClusters, withDefaults } from './api/virtual-cluster.ts';
import { readLive } from './host.ts';
import { namesOf } from './observed.ts';
import type { ReconcilerDeps } from './reconciler.ts';

/** What is seen in the cache needs no look; this is for what was missed. */
const RECHECK_MS = 2_000;

/**
 * Takes a tenant down: the server first, so that nothing writes any more, then what it kept, unless it is retained.
 * Each pass looks at what is left, so it ends from any state.
 */
export async function finalize(deps: ReconcilerDeps, cluster: VirtualCluster, signal: AbortSignal): Promise<Result> {
  const { client, cache } = deps;
  if (!cluster.metadata.finalizers?.includes(FINALIZER)) return {};
  // The cache may lag behind: of this name there may be another tenant by now, whose server and keys are its own.
  const live = await readLive(client, virtualClusters, keyOf(cluster), signal);
  if (live === undefined || live.metadata.uid !== cluster.metadata.uid) return {};
  const names = namesOf(cluster);
  const { namespace } = cluster.metadata;
  const at = (name: string): ObjectKey => ({ namespace, name });
  await tellDeleting(deps, cluster, signal);

  const server =
    cache.get(deployments, at(names.server)) ?? (await readLive(client, deployments, at(names.server), signal));
  if (server !== undefined) {
    if (server.metadata.deletionTimestamp === undefined) {
      await remove(deps, deployments, at(names.server), signal, 'Foreground');
    }
    // Its end is seen by the cache.
    return { requeueAfterMs: RECHECK_MS };
  }
  const retained = withDefaults(cluster.spec).deletionPolicy === 'Retain';
  for (const name of [names.pki, names.token]) {
    if (retained) await disown(deps, secrets, at(name), signal);
    else await remove(deps, secrets, at(name), signal);
  }
  if (retained) await disown(deps, persistentvolumeclaims, at(names.claim), signal);
  else await remove(deps, persistentvolumeclaims, at(names.claim), signal);
  await remove(deps, secrets, at(names.kubeconfig), signal);
  await remove(deps, services, at(names.server), signal);

  // Read once more: our own word that it is being deleted has changed it, and others may have.
  const last = await readLive(client, virtualClusters, keyOf(cluster), signal);
  if (last === undefined || last.metadata.uid !== cluster.metadata.uid) return {};
  const finalizers = last.metadata.finalizers?.filter((finalizer) => finalizer !== FINALIZER) ?? [];
  const { resourceVersion } = last.metadata;
  await client.patch(
    virtualClusters,
    keyOf(cluster),
    { metadata: { finalizers, resourceVersion } },
    { type: 'merge', signal },
  );
  deps.logger.info('tenant removed', { virtualCluster: keyOf(cluster), retained });
  return {};
}

async function tellDeleting(deps: ReconcilerDeps, cluster: VirtualCluster, signal: AbortSignal): Promise<void> {
  if (cluster.status?.phase === 'Deleting') return;
  deps.events.event(cluster, 'Normal', 'Deleting', 'the tenant is being taken down');
  await deps.client.patch(
    virtualClusters,
    keyOf(cluster),
    { status: { phase: 'Deleting' } },
    { type: 'merge', subresource: 'status', signal },
  );
}

async function remove<T extends KubeObject>(
  { client: host }: ReconcilerDeps,
  type: ResourceType<T>,
  key: ObjectKey,
  signal: AbortSignal,
  propagationPolicy: 'Background' | 'Foreground' = 'Background',
): Promise<void> {
  try {
    await host.delete(type, key, { propagationPolicy, signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Takes the VirtualCluster out of the owners, so that garbage collection leaves the object alone. */
async function disown<T extends KubeObject>(
  { client: host }: ReconcilerDeps,
  type: ResourceType<T>,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<void> {
  const present = await readLive(host, type, key, signal);
  const owners = present?.metadata.ownerReferences ?? [];
  if (!owners.some((owner) => owner.kind === virtualClusters.kind)) return;
  const ownerReferences = owners.filter((owner) => owner.kind !== virtualClusters.kind);
  await host.patch(type, key, { metadata: { ownerReferences } }, { type: 'merge', signal });
}
