import type { Deployment } from '../../../generated/api/apps/v1.ts';
import { deployments } from '../../../generated/resource-types.ts';
import { isSame } from '../../checks/same.ts';
import { defaultPodTemplate } from '../../core/pod-spec/defaults.ts';
import { dropDisabledTemplateFields } from '../../core/pod-spec/pod-template.ts';
import { templateWarnings } from '../../core/pod-spec/warnings.ts';
import { podNameWarnings } from '../../core/replication-controller/definition.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';
import { containerCells, ownSelectorText } from '../workload.ts';
import { validateDeployment, validateDeploymentStatus, validateDeploymentUpdate } from './validation.ts';

/** Source: pkg/apis/apps/v1/defaults.go (SetDefaults_Deployment). */
function applyDefaults({ spec }: Deployment): void {
  spec.template ??= {};
  defaultPodTemplate(spec.template);
  spec.replicas ??= 1;
  spec.strategy ??= {};
  const { strategy } = spec;
  if (!strategy.type) strategy.type = 'RollingUpdate';
  if (strategy.type === 'RollingUpdate') {
    strategy.rollingUpdate ??= {};
    strategy.rollingUpdate.maxUnavailable ??= '25%';
    strategy.rollingUpdate.maxSurge ??= '25%';
  }
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
}

export const deploymentResource = defineResource(deployments, {
  generation: 'spec',
  scale: { specReplicas: '.spec.replicas', statusReplicas: '.status.replicas', selector: '.spec.selector' },
  cells: {
    Ready: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    'Up-to-date': ({ status }) => status?.updatedReplicas ?? 0,
    Available: ({ status }) => status?.availableReplicas ?? 0,
    ...containerCells,
    Selector: ({ spec }) => ownSelectorText(spec.selector),
  },
  strategy: specAndStatus<Deployment>(
    {
      applyDefaults,
      prepareForCreate: ({ spec }) => dropDisabledTemplateFields(spec.template),
      prepareForUpdate: ({ spec }) => dropDisabledTemplateFields(spec.template),
      validateCreate: validateDeployment,
      validateUpdate: validateDeploymentUpdate,
      validateStatusUpdate: validateDeploymentStatus,
      warningsOnCreate: ({ metadata, spec }) => [
        ...podNameWarnings(metadata.name ?? ''),
        ...templateWarnings(spec.template, 'spec.template'),
      ],
      warningsOnUpdate: (next, previous) =>
        isSame(next.spec, previous.spec) && isSame(next.metadata.annotations, previous.metadata.annotations)
          ? []
          : templateWarnings(next.spec.template, 'spec.template'),
    },
    { keepsLabels: true },
  ),
});
