import { createHash } from 'node:crypto';
import type { Client } from '../client/client.ts';
import type { Job } from '../generated/api/batch/v1.ts';
import type { Node, Pod } from '../generated/api/core/v1.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import {
  type AnyObject,
  type KubeObject,
  keyOf,
  type ObjectKey,
  ownedBy,
  type ResourceType,
} from '../machinery/object/object.ts';
import { type VirtualCluster, virtualClusters } from './api/virtual-cluster.ts';
import type { VirtualClusterBackup } from './api/virtual-cluster-backup.ts';
import { isSatisfied } from './satisfied.ts';
import type { Wanted } from './steps/step.ts';

/** The one name under which the operator owns fields on the host. */
export const FIELD_MANAGER = 'warren-operator';
/** Hash of the object as the operator wished it last, so that a wish taken back is seen as well. */
const WISH_ANNOTATION = 'warren.dev/wish';

/** What the operator has seen of the host; behind it are informers, so it may lag. */
export interface HostCache {
  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): T | undefined;
  readyNodes(): readonly Node[];
  /** VirtualClusterBackups of the tenant. */
  backupsOf(cluster: VirtualCluster): readonly VirtualClusterBackup[];
  /** Pods of one of our Jobs. */
  podsOfJob(job: Job): readonly Pod[];
  /** Pods of the tenant's server. */
  podsOf(cluster: VirtualCluster): readonly Pod[];
}

/** Reads the object itself where the cache has none: for what must never be made twice. */
export async function readLive<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<T | undefined> {
  try {
    return await client.get(type, key, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/**
 * Makes the host agree with one wish: server-side apply under the operator's field manager, and nothing at all where
 * the object is as wished already. Drift in fields that the wish names is repaired.
 *
 * @param owner - Set as controlling owner; undefined for objects that outlive the VirtualCluster.
 * @returns the object as it is now.
 */
export async function applyWanted(
  client: Client,
  wanted: Wanted,
  present: AnyObject | undefined,
  owner: VirtualCluster | undefined,
  signal: AbortSignal,
): Promise<AnyObject> {
  const owners = owner === undefined ? [] : [ownedBy(owner, virtualClusters)];
  const wish: AnyObject = { ...wanted.object, metadata: { ...wanted.object.metadata, ownerReferences: owners } };
  const hash = createHash('sha256').update(JSON.stringify(wish)).digest('hex').slice(0, 16);
  wish.metadata.annotations = { ...wish.metadata.annotations, [WISH_ANNOTATION]: hash };
  // Items of lists do not say what they are: what was seen since the operator started, and never changed, has neither.
  const { apiVersion: _version, kind: _kind, ...said } = wish;
  if (present !== undefined && present.metadata.deletionTimestamp === undefined && isSatisfied(said, present))
    return present;
  const key = keyOf(wish);
  return (await client.patch(wanted.type as ResourceType<AnyObject>, key, wish, {
    type: 'apply',
    force: true,
    fieldManager: FIELD_MANAGER,
    signal,
  })) as AnyObject;
}
