import type { Pod, PodResourceClaim } from '../../generated/api/core/v1.ts';
import type { ResourceClaim } from '../../generated/api/resource/v1.ts';
import { controllerOf } from '../../machinery/object/object.ts';

/** What a look at a pod's claims brings: them all, or why it has to wait. */
export type ClaimsOfPod = { readonly claims: readonly ResourceClaim[] } | { readonly fault: string };

/**
 * The claims that a pod names itself or has by templates; entries that came to nothing are left out.
 *
 * Source: plugins/dynamicresources/dynamicresources.go (foreachPodResourceClaim),
 * `k8s.io/dynamic-resource-allocation/resourceclaim` (Name, IsForPod).
 */
export function claimsOfPod(
  pod: Pod,
  find: (namespace: string, name: string) => ResourceClaim | undefined,
): ClaimsOfPod {
  const { namespace = '', name: podName, uid } = pod.metadata;
  const claims: ResourceClaim[] = [];
  for (const entry of pod.spec.resourceClaims ?? []) {
    const name = nameOf(pod, entry);
    if (typeof name === 'object') return name;
    if (name === undefined) continue;
    const claim = find(namespace, name);
    if (claim === undefined) return { fault: `resourceclaim.resource.k8s.io "${name}" not found` };
    if (claim.metadata.deletionTimestamp !== undefined)
      return { fault: `resourceclaim ${JSON.stringify(name)} is being deleted` };
    if (entry.resourceClaimName === undefined && controllerOf(claim)?.uid !== uid) {
      const names = `ResourceClaim ${namespace}/${name} was not created for Pod ${namespace}/${podName}`;
      return { fault: `${names} (Pod is not owner)` };
    }
    claims.push(claim);
  }
  return { claims };
}

function nameOf(pod: Pod, entry: PodResourceClaim): string | undefined | { readonly fault: string } {
  if (entry.resourceClaimName !== undefined) return entry.resourceClaimName;
  const { namespace, name } = pod.metadata;
  const status = pod.status?.resourceClaimStatuses?.find((each) => each.name === entry.name);
  if (status === undefined) return { fault: `pod "${namespace}/${name}": ResourceClaim not created yet` };
  return status.resourceClaimName;
}

export const isReservedFor = (pod: Pod, claim: ResourceClaim): boolean =>
  claim.status?.reservedFor?.some(({ uid }) => uid === pod.metadata.uid) ?? false;
