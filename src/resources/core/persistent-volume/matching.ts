import type { PersistentVolume, PersistentVolumeClaim } from '../../../generated/api/core/v1.ts';
import type { StorageClass } from '../../../generated/api/storage/v1.ts';
import { parseQuantity } from '../../../machinery/values/quantity.ts';
import { matchesLabels, parseSelectorObject } from '../../../machinery/values/selector-object.ts';

/** Source: `k8s.io/component-helpers/storage/volume/pv_helpers.go`. */
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
export const PROVISIONER = 'volume.kubernetes.io/storage-provisioner';
export const OLD_PROVISIONER = 'volume.beta.kubernetes.io/storage-provisioner';
const OLD_CLASS = 'volume.beta.kubernetes.io/storage-class';
const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';
const OLD_DEFAULT_CLASS = 'storageclass.beta.kubernetes.io/is-default-class';

export function classOf(object: PersistentVolume | PersistentVolumeClaim): string {
  return object.metadata.annotations?.[OLD_CLASS] ?? object.spec?.storageClassName ?? '';
}

/** The class for claims that name none; the newest where there are several. */
export function findDefaultClass(classes: readonly StorageClass[]): StorageClass | undefined {
  const isDefault = ({ metadata: { annotations } }: StorageClass): boolean =>
    annotations?.[DEFAULT_CLASS] === 'true' || annotations?.[OLD_DEFAULT_CLASS] === 'true';
  const createdMs = (each: StorageClass): number => Date.parse(each.metadata.creationTimestamp ?? '') || 0;
  const byAge = (a: StorageClass, b: StorageClass): number =>
    createdMs(b) - createdMs(a) || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);
  return classes.filter(isDefault).sort(byAge)[0];
}

/** Whether a volume is reserved for a claim: by name, and by uid once that is written. */
export function isReservedFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { claimRef } = volume.spec ?? {};
  if (claimRef === undefined) return false;
  const { name, namespace, uid } = claim.metadata;
  return claimRef.name === name && claimRef.namespace === namespace && (!claimRef.uid || claimRef.uid === uid);
}

/** Whether the volume gives what the claim asks for, whoever it may be reserved for. */
export function satisfies(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const modes = volume.spec?.accessModes ?? [];
  const requested = claim.spec?.resources?.requests?.['storage'];
  const capacity = volume.spec?.capacity?.['storage'];
  return (
    classOf(volume) === classOf(claim) &&
    (volume.spec?.volumeMode ?? 'Filesystem') === (claim.spec?.volumeMode ?? 'Filesystem') &&
    (volume.spec?.volumeAttributesClassName ?? '') === (claim.spec?.volumeAttributesClassName ?? '') &&
    (claim.spec?.accessModes ?? []).every((mode) => modes.includes(mode)) &&
    (requested === undefined ||
      (capacity !== undefined && parseQuantity(capacity).compare(parseQuantity(requested)) >= 0))
  );
}

/**
 * The volume for a claim: one that is reserved for it, else the smallest that is free and fits. A claim that waits for
 * its pod gets only a reserved one: the scheduler chooses. `suits` narrows the choice, as to what a node can reach.
 *
 * Source: `pkg/controller/volume/persistentvolume` (findBestMatchForClaim), component-helpers `FindMatchingVolume`.
 */
export function findVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  options: { readonly delayed: boolean; readonly suits?: (volume: PersistentVolume) => boolean },
): PersistentVolume | undefined {
  const { delayed, suits = () => true } = options;
  const reserved = volumes.find((volume) => isReservedFor(volume, claim) && satisfies(volume, claim));
  if (reserved !== undefined) return suits(reserved) ? reserved : undefined;
  if (delayed) return undefined;
  const selector = parseSelectorObject(claim.spec?.selector ?? {});
  const isFree = (volume: PersistentVolume): boolean =>
    volume.spec?.claimRef === undefined &&
    volume.status?.phase === 'Available' &&
    volume.metadata.deletionTimestamp === undefined &&
    matchesLabels(selector, volume.metadata.labels ?? {}) &&
    suits(volume);
  const sizeOf = (volume: PersistentVolume): bigint => parseQuantity(volume.spec?.capacity?.['storage'] ?? '0').nano;
  return volumes
    .filter((volume) => isFree(volume) && satisfies(volume, claim))
    .sort((a, b) => (sizeOf(a) < sizeOf(b) ? -1 : sizeOf(a) > sizeOf(b) ? 1 : 0))[0];
}

/** Whether the claim waits until a pod that mounts it is scheduled. */
export function isDelayed(claim: PersistentVolumeClaim, storageClass: StorageClass | undefined): boolean {
  if (claim.metadata.annotations?.[SELECTED_NODE] !== undefined) return false;
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
}
