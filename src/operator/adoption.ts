import type { Client } from '../client/client.ts';
import type { Secret } from '../generated/api/core/v1.ts';
import { secrets } from '../generated/resource-types.ts';
import { type KubeObject, keyOf, ownedBy } from '../machinery/object/object.ts';
import { type VirtualCluster, virtualClusters } from './api/virtual-cluster.ts';
import { FIELD_MANAGER } from './host.ts';

/** Whether an object was made for another one of the owner's kind, such as an earlier one of the same name. */
export function isAnothers({ metadata }: KubeObject, owner: KubeObject, kind: string = virtualClusters.kind): boolean {
  const owners = ownersOf(metadata, kind);
  return owners.length > 0 && !owners.some(({ uid }) => uid === owner.metadata.uid);
}

/**
 * Gives a Secret with something that is made only once to the VirtualCluster that it serves, or to nobody: else the host
 * would collect it with an owner that is gone, as after the host itself came back from a backup. It gets back the labels
 * by which it is found.
 *
 * @returns the Secret as it is now. @throws Error where somebody changed it meanwhile: look again.
 */
export async function adopt(
  client: Client,
  secret: Secret | undefined,
  { owner, labels }: { readonly owner: VirtualCluster | undefined; readonly labels: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<Secret | undefined> {
  if (secret === undefined || secret.metadata.deletionTimestamp !== undefined) return secret;
  const owners = ownersOf(secret.metadata);
  const isRight = owner === undefined ? owners.length === 0 : owners.length === 1 && !isAnothers(secret, owner);
  const isFound = Object.entries(labels).every(([key, value]) => secret.metadata.labels?.[key] === value);
  if (isRight && isFound) return secret;
  const others = secret.metadata.ownerReferences?.filter((each) => !owners.includes(each)) ?? [];
  const ownerReferences = owner === undefined ? others : [...others, ownedBy(owner, virtualClusters)];
  const { resourceVersion } = secret.metadata;
  const patch = { metadata: { labels, ownerReferences, resourceVersion } };
  return await client.patch(secrets, keyOf(secret), patch, { type: 'merge', fieldManager: FIELD_MANAGER, signal });
}

function ownersOf({ ownerReferences = [] }: KubeObject['metadata'], wanted: string = virtualClusters.kind) {
  return ownerReferences.filter(({ kind }) => kind === wanted);
}
