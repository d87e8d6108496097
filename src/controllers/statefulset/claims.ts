import type { Client } from '../../client/client.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { StatefulSet } from '../../generated/api/apps/v1.ts';
import type { PersistentVolumeClaim, Pod } from '../../generated/api/core/v1.ts';
import type { OwnerReference } from '../../generated/api/meta/v1.ts';
import { persistentvolumeclaims, pods, statefulsets } from '../../generated/resource-types.ts';
import { isAlreadyExists } from '../../machinery/errors/status-error.ts';
import { type KubeObject, ownedBy, type ResourceType, toApiVersion } from '../../machinery/object/object.ts';
import { toStableText } from '../safe-hash.ts';
import { claimsOf, ordinalOf, startOf } from './identity.ts';

/**
 * The owners of a claim by the set's retention policy: the set where its deletion deletes the claim, the pod where
 * scaling it away does. Other owners stay. Undefined where the claim is to be left as it is: it belongs to an earlier
 * pod or set of the name, or to another controller.
 *
 * Source: `stateful_set_utils.go` (isClaimOwnerUpToDate, updateClaimOwnerRefForSetAndPod).
 */
export function planClaimOwners(
  set: StatefulSet,
  pod: Pod,
  current: readonly OwnerReference[] | undefined,
): OwnerReference[] | undefined {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  const references = current ?? [];
  const isSet = (each: OwnerReference): boolean => refersTo(each, set, statefulsets);
  const isPod = (each: OwnerReference): boolean => refersTo(each, pod, pods);
  if (references.some((each) => isSet(each) && each.uid !== set.metadata.uid) || isStaleFor(pod, references)) {
    return undefined;
  }
  const others = references.filter((each) => !isSet(each) && !isPod(each));
  if (whenDeleted === 'Retain' && whenScaled === 'Retain') return others;
  // Another controller keeps the claim: nothing of ours on top of it.
  if (others.some((each) => each.controller)) return others;
  const ordinal = ordinalOf(set, pod);
  const isCondemned = ordinal < startOf(set) || ordinal >= startOf(set) + (set.spec.replicas ?? 1);
  if (whenScaled === 'Delete' && isCondemned) return [...others, ownedBy(pod, pods)];
  return whenDeleted === 'Delete' ? [...others, ownedBy(set, statefulsets)] : others;
}

function refersTo(reference: OwnerReference, object: KubeObject, type: ResourceType): boolean {
  const { name, kind, apiVersion } = reference;
  return name === object.metadata.name && kind === type.kind && apiVersion === toApiVersion(type);
}

/** Whether an earlier pod of the name owns the claim. */
function isStaleFor(pod: Pod, references: readonly OwnerReference[]): boolean {
  return references.some((each) => refersTo(each, pod, pods) && each.uid !== pod.metadata.uid);
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

  /** Whether a claim of the pod has other owners than the policy asks for. */
  needsOwners(set: StatefulSet, pod: Pod): boolean {
    return claimsOf(set, ordinalOf(set, pod)).some((wanted) => {
      const claim = this.#find(wanted);
      return claim !== undefined && this.#wrongOwners(set, pod, claim) !== undefined;
    });
  }

  /** Whether claims of a pod that is to be made still go with the one before it. */
  areStale(set: StatefulSet, pod: Pod): boolean {
    if ((set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled ?? 'Retain') === 'Retain') return false;
    return claimsOf(set, ordinalOf(set, pod)).some((wanted) =>
      isStaleFor(pod, this.#find(wanted)?.metadata.ownerReferences ?? []),
    );
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
      const ownerReferences = claim === undefined ? undefined : this.#wrongOwners(set, pod, claim);
      if (claim === undefined || ownerReferences === undefined) continue;
      this.#tellOfConflict(set, pod, claim);
      await this.#client
        .update(persistentvolumeclaims, { ...claim, metadata: { ...claim.metadata, ownerReferences } })
        .catch((error: unknown) => {
          const text = error instanceof Error ? error.message : String(error);
          const { name } = claim.metadata;
          throw new Error(`could not update claim ${name} for delete policy ownerRefs: ${text}`, { cause: error });
        });
    }
  }

  #tellOfConflict(set: StatefulSet, pod: Pod, claim: PersistentVolumeClaim): void {
    const isOther = (each: OwnerReference): boolean =>
      each.controller === true && !refersTo(each, set, statefulsets) && !refersTo(each, pod, pods);
    if (!claim.metadata.ownerReferences?.some(isOther)) return;
    const message = `PersistentVolumeClaim ${claim.metadata.name} has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim`;
    this.#recorder.event(referenceTo(statefulsets, set), 'Warning', 'ConflictingController', message);
  }

  #find(wanted: PersistentVolumeClaim): PersistentVolumeClaim | undefined {
    return this.#claims.get(`${wanted.metadata.namespace}/${wanted.metadata.name}`);
  }

  /** The owners that the claim should have instead. */
  #wrongOwners(set: StatefulSet, pod: Pod, claim: PersistentVolumeClaim): OwnerReference[] | undefined {
    const current = claim.metadata.ownerReferences ?? [];
    const wanted = planClaimOwners(set, pod, current);
    return wanted === undefined || toStableText(wanted) === toStableText(current) ? undefined : wanted;
  }

  async #create(set: StatefulSet, pod: Pod, wanted: PersistentVolumeClaim): Promise<void> {
    const about = referenceTo(statefulsets, set);
    const { name } = wanted.metadata;
    const where = `Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
    try {
      await this.#client.create(persistentvolumeclaims, wanted);
      this.#recorder.event(about, 'Normal', 'SuccessfulCreate', `Create Claim ${name} ${where} success`);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (!isAlreadyExists(error)) {
        const message = `Create Claim ${name} for ${where} failed error: ${text}`;
        this.#recorder.event(about, 'Warning', 'FailedCreate', message);
      }
      throw new Error(`failed to create PVC ${name}: ${text}`, { cause: error });
    }
  }
}
