import type { PersistentVolume, PersistentVolumeSpec } from '../../../generated/api/core/v1.ts';
import { persistentvolumes } from '../../../generated/resource-types.ts';
import type { Strategy } from '../../../machinery/object/resource-definition.ts';
import { toTimeText } from '../../../machinery/values/time.ts';
import { roundAmounts } from '../../checks/round-amounts.ts';
import { systemTimeText } from '../../checks/system-time.ts';
import { defineResource } from '../../define.ts';
import { accessModesText } from '../persistent-volume-claim/access-modes.ts';
import { validateVolume, validateVolumeUpdate } from './validation.ts';
import { volumeWarnings } from './warnings.ts';

/** Source: pkg/apis/core/v1/defaults.go (SetDefaults_PersistentVolume and those of its sources). */
function applyDefaults(volume: PersistentVolume): void {
  const { spec } = volume;
  volume.status ??= {};
  if (!volume.status.phase) volume.status.phase = 'Pending';
  if (!spec.persistentVolumeReclaimPolicy) spec.persistentVolumeReclaimPolicy = 'Retain';
  spec.volumeMode ??= 'Filesystem';
  defaultVolumeSources(spec);
}

/** What is filled in wherever a volume stands, inside of other objects too. */
export function defaultVolumeSources(spec: PersistentVolumeSpec): void {
  roundAmounts(spec.capacity);
  if (spec.hostPath) spec.hostPath.type ??= '';
  if (spec.iscsi && !spec.iscsi.iscsiInterface) spec.iscsi.iscsiInterface = 'default';
  if (spec.rbd) {
    if (!spec.rbd.pool) spec.rbd.pool = 'rbd';
    if (!spec.rbd.user) spec.rbd.user = 'admin';
    if (!spec.rbd.keyring) spec.rbd.keyring = '/etc/ceph/keyring';
  }
  if (spec.azureDisk) {
    spec.azureDisk.cachingMode ??= 'ReadWrite';
    spec.azureDisk.kind ??= 'Shared';
    spec.azureDisk.fsType ??= 'ext4';
    spec.azureDisk.readOnly ??= false;
  }
  if (spec.scaleIO) {
    if (!spec.scaleIO.storageMode) spec.scaleIO.storageMode = 'ThinProvisioned';
    if (!spec.scaleIO.fsType) spec.scaleIO.fsType = 'xfs';
  }
}

const strategy: Strategy<PersistentVolume> = {
  applyDefaults,
  prepareForCreate(volume, { nowMs }) {
    volume.status = { phase: 'Pending', lastPhaseTransitionTime: toTimeText(nowMs) };
  },
  validateCreate: validateVolume,
  prepareForUpdate(next, previous) {
    next.status = previous.status;
  },
  validateUpdate: validateVolumeUpdate,
  prepareForStatusUpdate(next, previous) {
    next.spec = previous.spec;
    next.status ??= {};
    const { status } = next;
    const { phase, lastPhaseTransitionTime: since } = previous.status ?? {};
    if (status.phase === phase) status.lastPhaseTransitionTime ??= since;
    else if (status.lastPhaseTransitionTime === undefined || status.lastPhaseTransitionTime === since)
      status.lastPhaseTransitionTime = systemTimeText();
  },
  warningsOnCreate: volumeWarnings,
  warningsOnUpdate: volumeWarnings,
};

export const persistentVolumeResource = defineResource(persistentvolumes, {
  cells: {
    Capacity: ({ spec }) => spec.capacity?.['storage'] ?? '0',
    'Access Modes': ({ spec }) => accessModesText(spec.accessModes),
    'Reclaim Policy': ({ spec }) => spec.persistentVolumeReclaimPolicy ?? '',
    Status: ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? '')),
    Claim: ({ spec: { claimRef } }) => (claimRef ? `${claimRef.namespace ?? ''}/${claimRef.name ?? ''}` : ''),
    StorageClass: ({ metadata, spec }) =>
      metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec.storageClassName ?? '',
    VolumeAttributesClass: ({ spec }) => spec.volumeAttributesClassName ?? '<unset>',
    Reason: ({ status }) => status?.reason ?? '',
    VolumeMode: ({ spec }) => spec.volumeMode ?? '<unset>',
  },
  strategy,
});
