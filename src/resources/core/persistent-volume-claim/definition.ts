import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../../generated/api/core/v1.ts';
import { persistentvolumeclaims } from '../../../generated/resource-types.ts';
import { roundAmounts } from '../../checks/round-amounts.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';
import { accessModesText } from './access-modes.ts';
import { defaultClaimSpec } from './claim-spec.ts';
import { validateClaim, validateClaimStatus, validateClaimUpdate } from './validation.ts';
import { claimSpecWarnings } from './warnings.ts';

const BETA_CLASS = 'volume.beta.kubernetes.io/storage-class';

/** Source: pkg/apis/core/v1/defaults.go; also for the claims inside of stateful sets. */
export function defaultClaim(claim: PersistentVolumeClaim): void {
  claim.spec ??= {};
  defaultClaimSpec(claim.spec);
  claim.status ??= {};
  if (!claim.status.phase) claim.status.phase = 'Pending';
  roundAmounts(claim.status.capacity);
  roundAmounts(claim.status.allocatedResources);
}

/** Both names of the data source say the same. Source: pkg/api/persistentvolumeclaim/util.go. */
function normalizeSources(spec: PersistentVolumeClaimSpec, previous?: PersistentVolumeClaimSpec): void {
  // The feature gate CrossNamespaceVolumeDataSource is off in 1.36.
  if (spec.dataSourceRef?.namespace && previous?.dataSourceRef === undefined) spec.dataSourceRef = undefined;
  const { dataSource: source, dataSourceRef } = spec;
  const wasUsed = previous?.dataSource !== undefined || previous?.dataSourceRef !== undefined;
  if (!wasUsed && !dataSourceRef && source) {
    const isClaim = source.kind === 'PersistentVolumeClaim' && !source.apiGroup;
    const isSnapshot = source.kind === 'VolumeSnapshot' && source.apiGroup === 'snapshot.storage.k8s.io';
    // Once, other kinds were dropped without a word.
    if (!isClaim && !isSnapshot) spec.dataSource = undefined;
  }
  if (spec.dataSource && !dataSourceRef) spec.dataSourceRef = { ...spec.dataSource };
  else if (dataSourceRef && !spec.dataSource && !dataSourceRef.namespace) {
    const { namespace: _, ...local } = dataSourceRef;
    spec.dataSource = local;
  }
}

function warn({ metadata, spec }: PersistentVolumeClaim): string[] {
  const text = 'deprecated since v1.8; use "storageClassName" attribute instead';
  const old = metadata.annotations?.[BETA_CLASS] === undefined ? [] : [`metadata.annotations[${BETA_CLASS}]: ${text}`];
  return [...old, ...claimSpecWarnings(spec, 'spec')];
}

const classOf = ({ metadata, spec }: PersistentVolumeClaim): string =>
  metadata.annotations?.[BETA_CLASS] ?? spec.storageClassName ?? '';

export const persistentVolumeClaimResource = defineResource(persistentvolumeclaims, {
  cells: {
    Status: ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? '')),
    Volume: ({ spec }) => spec.volumeName ?? '',
    Capacity: ({ spec, status }) => (spec.volumeName ? (status?.capacity?.['storage'] ?? '0') : ''),
    'Access Modes': ({ spec, status }) => (spec.volumeName ? accessModesText(status?.accessModes) : ''),
    StorageClass: classOf,
    VolumeAttributesClass: ({ spec }) => spec.volumeAttributesClassName ?? '<unset>',
    VolumeMode: ({ spec }) => spec.volumeMode ?? '<unset>',
  },
  strategy: specAndStatus<PersistentVolumeClaim>({
    applyDefaults: defaultClaim,
    prepareForCreate(claim) {
      claim.status = { phase: 'Pending' };
      normalizeSources(claim.spec);
    },
    prepareForUpdate: (next, previous) => normalizeSources(next.spec, previous.spec),
    validateCreate: validateClaim,
    validateUpdate: validateClaimUpdate,
    validateStatusUpdate: validateClaimStatus,
    warningsOnCreate: warn,
    warningsOnUpdate: warn,
  }),
});
