import type { Client } from '../../client/client.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { StatefulSet } from '../../generated/api/apps/v1.ts';
import type { PersistentVolumeClaim, Pod } from '../../generated/api/core/v1.ts';
import type { OwnerReference } from '../../generated/api/meta/v1.ts';
import { persistentvolumeclaims, pods, statefulsets } from '../../generated/resource-types.ts';
import { isAlreadyExists } from '../../machinery/errors/status-error.ts';
import { ownedBy } from '../../machinery/object/object.ts';
import { toStableText } from '../safe-hash.ts';
import { claimsOf, ordinalOf, startOf } from './identity.ts';

/**
 * The owners of a claim by the set's retention policy: the set where its deletion deletes the claim, the pod where
 * scaling it away does. Foreign owners stay.
 *
 * Source: `stateful_set_utils.go` (updateClaimOwnerRefForSetAndPod).
 */
export function planClaimOwners(
  set: StatefulSet,
  pod: Pod,
  current: readonly OwnerReference[] | undefined,
): OwnerReference[] {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  const ordinal = ordinalOf(set, pod);
  const isCondemned = ordinal < startOf(set) || ordinal >= startOf(set) + (set.spec.replicas ?? 1);
  const owners = (current ?? []).filter(({ uid }) => uid !== set.metadata.uid && uid !== pod.metadata.uid);
  if (whenScaled === 'Delete' && isCondemned) {
    const { controller: _, blockOwnerDeletion: __, ...podOwner } = ownedBy(pod, pods);
    return [...owners, podOwner];
  }
  return whenDeleted === 'Delete' ? [...owners, ownedBy(set, statefulsets)] : owners;
}

/** Keeps the claims of a set's pods. */
export class ClaimControl {
  readonly #client: Client;
  readonly #recorder: EventRecorder;
  readonly #claims: Informer<PersistentVolumeClaim>;

  constructor(client: Client, recorder: EventRecorder, claims: Informer<PersistentVolumeClaim>) {
    this.#client = client;
    this.#recorder = recorder;
    this.#claims = claims;
  }

  /** Whether a claim of the pod is missing or has other owners than the policy asks for. */
  needsRepair(set: StatefulSet, pod: Pod): boolean {
    return claimsOf(set, ordinalOf(set, pod)).some((wanted) => {
      const claim = this.#find(wanted);
      return claim === undefined || this.#hasWrongOwners(set, pod, claim);
    });
  }

  /** Creates missing claims. @throws Error for one that is about to go: the pod would mount a dying claim. */
  async ensure(set: StatefulSet, pod: Pod): Promise<void> {
    for (const wanted of claimsOf(set, ordinalOf(set, pod))) {
      const claim = this.#find(wanted);
      if (claim?.metadata.deletionTimestamp !== undefined) {
        throw new Error(`pvc ${wanted.metadata.name} is being deleted`);
      }
      if (claim === undefined) await this.#create(set, pod, wanted);
    }
  }

  /** Puts the owners right that the retention policy asks for. */
  async own(set: StatefulSet, pod: Pod): Promise<void> {
    for (const wanted of claimsOf(set, ordinalOf(set, pod))) {
      const claim = this.#find(wanted);
      if (claim === undefined || !this.#hasWrongOwners(set, pod, claim)) continue;
      const ownerReferences = planClaimOwners(set, pod, claim.metadata.ownerReferences);
      await this.#client.update(persistentvolumeclaims, {
        ...claim,
        metadata: { ...claim.metadata, ownerReferences },
      });
    }
  }

  #find(wanted: PersistentVolumeClaim): PersistentVolumeClaim | undefined {
    return this.#claims.get(`${wanted.metadata.namespace}/${wanted.metadata.name}`);
  }

  #hasWrongOwners(set: StatefulSet, pod: Pod, claim: PersistentVolumeClaim): boolean {
    const current = claim.metadata.ownerReferences ?? [];
    return toStableText(planClaimOwners(set, pod, current)) !== toStableText(current);
  }

  async #create(set: StatefulSet, pod: Pod, wanted: PersistentVolumeClaim): Promise<void> {
    const about = referenceTo(statefulsets, set);
    const what = `create Claim ${wanted.metadata.name} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
    const { whenDeleted } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
    const owners = whenDeleted === 'Delete' ? { ownerReferences: [ownedBy(set, statefulsets)] } : {};
    try {
      await this.#client.create(persistentvolumeclaims, { ...wanted, metadata: { ...wanted.metadata, ...owners } });
      this.#recorder.event(about, 'Normal', 'SuccessfulCreate', `${what} success`);
    } catch (error) {
      if (isAlreadyExists(error)) return;
      const text = error instanceof Error ? error.message : String(error);
      this.#recorder.event(about, 'Warning', 'FailedCreate', `${what} failed error: ${text}`);
      throw error;
    }
  }
}
