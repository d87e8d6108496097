import type { CSIDriver } from '../../../generated/api/storage/v1.ts';
import { csidrivers } from '../../../generated/resource-types.ts';
import { isSame } from '../../checks/same.ts';
import { defineResource } from '../../define.ts';
import { validateCsiDriver, validateCsiDriverUpdate } from './validation.ts';

const NOT_IN_SECRETS =
  'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes';

const logsTokens = ({ spec }: CSIDriver): boolean =>
  (spec.tokenRequests ?? []).length > 0 && spec.serviceAccountTokenInSecrets === undefined;

/** The feature gate of the field (VolumeLimitScaling) is off in 1.36. */
function dropDisabled({ spec }: CSIDriver, previous?: CSIDriver): void {
  if (previous?.spec.preventPodSchedulingIfMissing === undefined) spec.preventPodSchedulingIfMissing = undefined;
}

export const csiDriverResource = defineResource(csidrivers, {
  allowUnconditionalUpdate: false,
  cells: {
    AttachRequired: ({ spec }) => spec.attachRequired ?? true,
    PodInfoOnMount: ({ spec }) => spec.podInfoOnMount ?? false,
    StorageCapacity: ({ spec }) => spec.storageCapacity ?? false,
    TokenRequests: ({ spec: { tokenRequests } }) =>
      tokenRequests?.length ? tokenRequests.map(({ audience }) => audience ?? '').join(',') : '<unset>',
    RequiresRepublish: ({ spec }) => spec.requiresRepublish ?? false,
    Modes: ({ spec }) => (spec.volumeLifecycleModes ?? []).join(',') || '<none>',
  },
  strategy: {
    /** Source: pkg/apis/storage/v1/defaults.go. */
    applyDefaults({ spec }) {
      spec.attachRequired ??= true;
      spec.podInfoOnMount ??= false;
      spec.storageCapacity ??= false;
      spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
      if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent'];
      spec.requiresRepublish ??= false;
      spec.seLinuxMount ??= false;
    },
    prepareForCreate: (driver) => dropDisabled(driver),
    prepareForUpdate(next, previous) {
      dropDisabled(next, previous);
      // A new driver has no generation; the first change of its spec gives it one.
      if (!isSame(next.spec, previous.spec)) next.metadata.generation = (previous.metadata.generation ?? 0) + 1;
    },
    validateCreate: validateCsiDriver,
    validateUpdate: validateCsiDriverUpdate,
    warningsOnCreate: (driver) => (logsTokens(driver) ? [NOT_IN_SECRETS] : []),
    warningsOnUpdate(next, previous) {
      const isChanged = !isSame(next.spec.tokenRequests, previous.spec.tokenRequests);
      return isChanged && logsTokens(next) ? [NOT_IN_SECRETS] : [];
    },
  },
});
