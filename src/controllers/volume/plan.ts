import type { PersistentVolume, PersistentVolumeClaim } from '../../generated/api/core/v1.ts';

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
