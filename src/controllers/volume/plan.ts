import type { PersistentVolume, PersistentVolumeClaim } from '../../generated/api/core/v1.ts';
import { parseQuantity } from '../../machinery/values/quantity.ts';
import { classOf } from '../../resources/core/persistent-volume/matching.ts';

export type VolumePlan =
  | { readonly step: 'phase'; readonly phase: 'Available' | 'Bound' | 'Released' }
  /** Its claim looks for a volume: it decides. */
  | { readonly step: 'ask-claim' }
  /** The claim took another volume. */
  | { readonly step: 'unbind' }
  | { readonly step: 'keep' };

/** Decides on a volume; `claim` is the one that its reference names, if it lives. Source: `pv_controller.go` (syncVolume). */
export function planVolume(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumePlan {
  const { claimRef } = volume.spec ?? {};
  if (claimRef === undefined || !claimRef.uid) return { step: 'phase', phase: 'Available' };
  if (claim === undefined || claim.metadata.uid !== claimRef.uid) {
    return volume.status?.phase === 'Failed' ? { step: 'keep' } : { step: 'phase', phase: 'Released' };
  }
  const volumeName = claim.spec?.volumeName ?? '';
  if (volumeName === '') return { step: 'ask-claim' };
  return volumeName === volume.metadata.name ? { step: 'phase', phase: 'Bound' } : { step: 'unbind' };
}

/** Why a claim cannot have the volume that it names. Source: `pv_controller.go` (checkVolumeSatisfyClaim). */
export function findMismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  const { spec = {}, metadata } = volume;
  if (metadata.deletionTimestamp !== undefined) return `the volume is marked for deletion "${metadata.name}"`;
  const sizeOf = (text: string | undefined): number => parseQuantity(text ?? '0').toInteger();
  if (sizeOf(spec.capacity?.['storage']) < sizeOf(claim.spec?.resources?.requests?.['storage'])) {
    return 'requested PV is too small';
  }
  if (classOf(volume) !== classOf(claim)) return 'storageClassName does not match';
  if ((spec.volumeAttributesClassName ?? '') !== (claim.spec?.volumeAttributesClassName ?? '')) {
    return 'volumeAttributesClassName does not match';
  }
  if ((spec.volumeMode ?? 'Filesystem') !== (claim.spec?.volumeMode ?? 'Filesystem')) return 'incompatible volumeMode';
  const offered = new Set(spec.accessModes ?? []);
  return (claim.spec?.accessModes ?? []).every((mode) => offered.has(mode)) ? undefined : 'incompatible accessMode';
}
