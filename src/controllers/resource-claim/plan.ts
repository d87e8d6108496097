import type { Pod, PodResourceClaim } from '../../generated/api/core/v1.ts';
import type {
  ResourceClaim,
  ResourceClaimConsumerReference,
  ResourceClaimTemplate,
} from '../../generated/api/resource/v1.ts';
import { pods } from '../../generated/resource-types.ts';
import { controllerOf, ownedBy } from '../../machinery/object/object.ts';
import { isPodEnded, isPodTerminating } from '../pods/pod-state.ts';

export const POD_CLAIM = 'resource.kubernetes.io/pod-claim-name';
export const FINALIZER = 'resource.kubernetes.io/delete-protection';
/** Source: `k8s.io/api/resource/v1` (ResourceClaimReservedForMaxSize). */
const MOST_CONSUMERS = 256;
const MOST_OF_NAME = 57;

/** The claim behind a pod's entry, as far as the pod tells. */
export type ClaimName =
  /** Not known yet: the claim is still to be made. */
  | { readonly step: 'unknown' }
  /** The pod goes without. */
  | { readonly step: 'none' }
  | { readonly step: 'known'; readonly name: string; readonly generated: boolean };

/** Source: `k8s.io/dynamic-resource-allocation/resourceclaim/claim.go` (Name). */
export function claimNameOf(pod: Pod, entry: PodResourceClaim): ClaimName {
  if (entry.resourceClaimName !== undefined) {
    return { step: 'known', name: entry.resourceClaimName, generated: false };
  }
  const status = pod.status?.resourceClaimStatuses?.find(({ name }) => name === entry.name);
  if (status === undefined) return { step: 'unknown' };
  if (status.resourceClaimName === undefined) return { step: 'none' };
  return { step: 'known', name: status.resourceClaimName, generated: true };
}

/** The claim of a template for an entry of a pod; its name is told by both, shortened alike where they are long. */
export function claimFor(pod: Pod, entry: PodResourceClaim, template: ResourceClaimTemplate): ResourceClaim {
  const { name = '', namespace } = pod.metadata;
  const full = `${name}-${entry.name}-`;
  const part = (text: string): string => text.slice(0, Math.floor((text.length * MOST_OF_NAME) / full.length));
  const { annotations, labels } = template.spec.metadata ?? {};
  const { blockOwnerDeletion: _, ...owner } = ownedBy(pod, pods);
  return {
    metadata: {
      generateName: full.length > MOST_OF_NAME ? `${part(name)}-${part(entry.name)}` : full,
      namespace,
      ...(labels === undefined ? {} : { labels: { ...labels } }),
      annotations: { ...annotations, [POD_CLAIM]: entry.name },
      ownerReferences: [owner],
    },
    spec: structuredClone(template.spec.spec),
  };
}

/** Whether the pod made the claim, by its entry or by any. */
export function isMadeFor(pod: Pod, claim: ResourceClaim, entry?: PodResourceClaim): boolean {
  if (controllerOf(claim)?.uid !== pod.metadata.uid) return false;
  return entry === undefined || claim.metadata.annotations?.[POD_CLAIM] === entry.name;
}

/** Whether the pod will not use its claims any more. */
export function isPodDone(pod: Pod): boolean {
  return isPodEnded(pod) || (isPodTerminating(pod) && !pod.spec.nodeName);
}

/** The consumers of a bound pod's claim with the pod among them; undefined where nothing is to be added. */
export function planReservation(pod: Pod, claim: ResourceClaim): ResourceClaimConsumerReference[] | undefined {
  const { allocation, reservedFor = [] } = claim.status ?? {};
  const { name = '', uid = '' } = pod.metadata;
  if (allocation === undefined || reservedFor.some((each) => each.uid === uid)) return undefined;
  return reservedFor.length >= MOST_CONSUMERS ? undefined : [...reservedFor, { resource: 'pods', name, uid }];
}

export interface ClaimPlan {
  /** The status to write, without consumers that are gone; without an allocation where nobody is left. */
  readonly status?: ResourceClaim['status'];
  readonly dropFinalizer: boolean;
}

/**
 * What becomes of a claim by those of its consumers that remain. An allocation ends with its last consumer, so that the
 * next one may go to another node.
 *
 * Source: `pkg/controller/resourceclaim/controller.go` (syncClaim).
 */
export function planClaim(claim: ResourceClaim, remaining: readonly ResourceClaimConsumerReference[]): ClaimPlan {
  const before = claim.status?.reservedFor?.length ?? 0;
  const isProtected = claim.metadata.finalizers?.includes(FINALIZER) ?? false;
  const isFreed = remaining.length === 0 && isProtected;
  const { allocation, reservedFor: _, ...rest } = claim.status ?? {};
  const kept = allocation === undefined ? {} : { allocation };
  if (remaining.length < before) {
    const consumers = remaining.length === 0 ? {} : { reservedFor: [...remaining] };
    const status = { ...rest, ...(isFreed ? {} : kept), ...consumers };
    return { status, dropFinalizer: isProtected && (isFreed || allocation === undefined) };
  }
  if (!isFreed || claim.metadata.deletionTimestamp === undefined) return { dropFinalizer: false };
  return { ...(allocation === undefined ? {} : { status: rest }), dropFinalizer: true };
}
