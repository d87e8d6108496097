import type { ReplicationController } from '../../../generated/api/core/v1.ts';
import { replicationcontrollers } from '../../../generated/resource-types.ts';
import { dns1123LabelFaults } from '../../../machinery/values/names.ts';
import { isSame } from '../../checks/same.ts';
import { labelsText } from '../../columns.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';
import { defaultPodTemplate } from '../pod-spec/defaults.ts';
import { dropDisabledTemplateFields } from '../pod-spec/pod-template.ts';
import { templateWarnings } from '../pod-spec/warnings.ts';
import { validateController, validateControllerStatus } from './validation.ts';

/** The hint that kinds give whose names become names of pods. */
export function podNameWarnings(name: string): string[] {
  const problems = dns1123LabelFaults(name);
  const hint =
    'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended:';
  return problems.length === 0 ? [] : [`${hint} [${problems.join(' ')}]`];
}

const containersOf = ({ spec }: ReplicationController) => spec?.template?.spec?.containers ?? [];

export const replicationControllerResource = defineResource(replicationcontrollers, {
  storagePrefix: 'controllers',
  generation: 'spec',
  defaultPropagation: 'Orphan',
  scale: { specReplicas: '.spec.replicas', statusReplicas: '.status.replicas', selector: '.spec.selector' },
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  cells: {
    Desired: ({ spec }) => spec?.replicas ?? 0,
    Current: ({ status }) => status?.replicas ?? 0,
    Ready: ({ status }) => status?.readyReplicas ?? 0,
    Containers: (object) =>
      containersOf(object)
        .map(({ name }) => name)
        .join(','),
    Images: (object) =>
      containersOf(object)
        .map(({ image }) => image ?? '')
        .join(','),
    Selector: ({ spec }) => labelsText(spec?.selector),
  },
  strategy: specAndStatus<ReplicationController>({
    applyDefaults(object) {
      object.spec ??= {};
      const { spec, metadata } = object;
      const labels = spec.template?.metadata?.labels;
      if (labels && Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
      if (labels && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
      spec.replicas ??= 1;
      defaultPodTemplate(spec.template);
    },
    prepareForCreate: ({ spec }) => dropDisabledTemplateFields(spec?.template),
    prepareForUpdate: ({ spec }) => dropDisabledTemplateFields(spec?.template),
    validateCreate: validateController,
    validateUpdate: validateController,
    validateStatusUpdate: validateControllerStatus,
    warningsOnCreate: ({ metadata, spec }) => [
      ...podNameWarnings(metadata.name ?? ''),
      ...templateWarnings(spec?.template, 'spec.template'),
    ],
    // Upstream looks at the template that was there.
    warningsOnUpdate: (next, previous) =>
      isSame(next.spec, previous.spec) ? [] : templateWarnings(previous.spec?.template, 'spec.template'),
  }),
});
