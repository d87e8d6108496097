import type { StatefulSet } from '../../../generated/api/apps/v1.ts';
import { statefulsets } from '../../../generated/resource-types.ts';
import { isSame } from '../../checks/same.ts';
import { defaultClaim } from '../../core/persistent-volume-claim/definition.ts';
import { claimSpecWarnings } from '../../core/persistent-volume-claim/warnings.ts';
import { defaultPodTemplate } from '../../core/pod-spec/defaults.ts';
import { dropDisabledTemplateFields } from '../../core/pod-spec/pod-template.ts';
import { templateWarnings } from '../../core/pod-spec/warnings.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';
import { containerCells } from '../workload.ts';
import { validateStatefulSet, validateStatefulSetStatus, validateStatefulSetUpdate } from './validation.ts';

/** Source: pkg/apis/apps/v1/defaults.go (SetDefaults_StatefulSet), conversion.go. */
function applyDefaults({ spec }: StatefulSet): void {
  spec.template ??= {};
  defaultPodTemplate(spec.template);
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion = 'v1';
    claim.kind = 'PersistentVolumeClaim';
    claim.metadata ??= {};
    defaultClaim(claim);
  }
  if (!spec.podManagementPolicy) spec.podManagementPolicy = 'OrderedReady';
  spec.updateStrategy ??= {};
  const { updateStrategy } = spec;
  if (!updateStrategy.type) {
    updateStrategy.type = 'RollingUpdate';
    updateStrategy.rollingUpdate ??= {};
  }
  if (updateStrategy.type === 'RollingUpdate' && updateStrategy.rollingUpdate)
    updateStrategy.rollingUpdate.partition ??= 0;
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  const policy = spec.persistentVolumeClaimRetentionPolicy;
  if (!policy.whenDeleted) policy.whenDeleted = 'Retain';
  if (!policy.whenScaled) policy.whenScaled = 'Retain';
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
}

/** Fields behind feature gates that are off in 1.36: MaxUnavailableStatefulSet. */
function dropDisabled({ spec }: StatefulSet): void {
  dropDisabledTemplateFields(spec.template);
  const { rollingUpdate } = spec.updateStrategy ?? {};
  if (rollingUpdate) rollingUpdate.maxUnavailable = undefined;
}

function ownWarnings({ spec }: StatefulSet, suffix: string): string[] {
  const claims = (spec.volumeClaimTemplates ?? []).flatMap((claim, index) =>
    claimSpecWarnings(claim.spec, `spec.volumeClaimTemplates[${index}]${suffix}`),
  );
  const text =
    'spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended';
  return (spec.revisionHistoryLimit ?? 0) < 0 ? [...claims, text] : claims;
}

export const statefulSetResource = defineResource(statefulsets, {
  generation: 'spec',
  scale: { specReplicas: '.spec.replicas', statusReplicas: '.status.replicas', selector: '.spec.selector' },
  cells: {
    Ready: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    ...containerCells,
  },
  strategy: specAndStatus<StatefulSet>({
    applyDefaults,
    prepareForCreate: dropDisabled,
    prepareForUpdate(next, previous) {
      const { maxUnavailable } = next.spec.updateStrategy?.rollingUpdate ?? {};
      dropDisabled(next);
      // A value that is in use already may change.
      const isUsed = previous.spec.updateStrategy?.rollingUpdate?.maxUnavailable !== undefined;
      if (isUsed && next.spec.updateStrategy?.rollingUpdate)
        next.spec.updateStrategy.rollingUpdate.maxUnavailable = maxUnavailable;
    },
    validateCreate: validateStatefulSet,
    validateUpdate: validateStatefulSetUpdate,
    validateStatusUpdate: validateStatefulSetStatus,
    warningsOnCreate: (object) => [
      ...templateWarnings(object.spec.template, 'spec.template'),
      ...ownWarnings(object, ''),
    ],
    warningsOnUpdate: (next, previous) => [
      ...(isSame(next.spec, previous.spec) ? [] : templateWarnings(next.spec.template, 'spec.template')),
      ...ownWarnings(next, '.Spec'),
    ],
  }),
});
