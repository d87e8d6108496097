import type { ReplicaSet } from '../../../generated/api/apps/v1.ts';
import { replicasets } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { isSame } from '../../checks/same.ts';
import { defaultPodTemplate } from '../../core/pod-spec/defaults.ts';
import { dropDisabledTemplateFields } from '../../core/pod-spec/pod-template.ts';
import { templateWarnings } from '../../core/pod-spec/warnings.ts';
import { podNameWarnings } from '../../core/replication-controller/definition.ts';
import { validateControllerStatus } from '../../core/replication-controller/validation.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';
import { checkLastingTemplate, checkSameSelector, checkSelector, checkTemplateLabels, wideCells } from '../workload.ts';

/** Source: apps/validation (ValidateReplicaSetSpec). */
function check(replicaSet: ReplicaSet, faults: FieldFaults): void {
  const { spec } = replicaSet;
  faults.nonNegative('spec.replicas', spec.replicas);
  faults.nonNegative('spec.minReadySeconds', spec.minReadySeconds);
  if (!checkSelector(spec.selector, 'deployment', 'invalid label selector', faults)) return;
  checkTemplateLabels(replicaSet, faults);
  checkLastingTemplate(spec.template, 'ReplicaSet', faults);
}

function validate(replicaSet: ReplicaSet): readonly FieldError[] {
  const faults = new FieldFaults();
  check(replicaSet, faults);
  return faults.list;
}

function validateUpdate(next: ReplicaSet, previous: ReplicaSet): readonly FieldError[] {
  const faults = new FieldFaults();
  check(next, faults);
  checkSameSelector(next.spec.selector, previous.spec.selector, faults);
  return faults.list;
}

export const replicaSetResource = defineResource(replicasets, {
  generation: 'spec',
  scale: { specReplicas: '.spec.replicas', statusReplicas: '.status.replicas', selector: '.spec.selector' },
  cells: {
    Desired: ({ spec }) => spec.replicas ?? 0,
    Current: ({ status }) => status?.replicas ?? 0,
    Ready: ({ status }) => status?.readyReplicas ?? 0,
    ...wideCells,
  },
  strategy: specAndStatus<ReplicaSet>({
    applyDefaults({ spec }) {
      spec.template ??= {};
      defaultPodTemplate(spec.template);
      spec.replicas ??= 1;
    },
    prepareForCreate: ({ spec }) => dropDisabledTemplateFields(spec.template),
    prepareForUpdate: ({ spec }) => dropDisabledTemplateFields(spec.template),
    validateCreate: validate,
    validateUpdate,
    validateStatusUpdate: validateControllerStatus,
    warningsOnCreate: ({ metadata, spec }) => [
      ...podNameWarnings(metadata.name ?? ''),
      ...templateWarnings(spec.template, 'spec.template'),
    ],
    warningsOnUpdate: (next, previous) =>
      isSame(next.spec, previous.spec) ? [] : templateWarnings(next.spec.template, 'spec.template'),
  }),
});
