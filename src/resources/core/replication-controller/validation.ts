import type { ReplicationController } from '../../../generated/api/core/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { checkPodTemplate } from '../pod-spec/pod-template.ts';

/** Source: core/validation (ValidateReplicationControllerSpec). */
export function validateController({ spec = {} }: ReplicationController): readonly FieldError[] {
  const faults = new FieldFaults();
  const { selector = {}, template } = spec;
  faults.nonNegative('spec.minReadySeconds', spec.minReadySeconds);
  const isEmpty = Object.keys(selector).length === 0;
  if (isEmpty) faults.required('spec.selector');
  if (spec.replicas === undefined) faults.required('spec.replicas');
  else faults.nonNegative('spec.replicas', spec.replicas);
  if (!template) {
    faults.required('spec.template');
    return faults.list;
  }
  const labels = template.metadata?.labels;
  if (!isEmpty && Object.entries(selector).some(([key, value]) => labels?.[key] !== value)) {
    const why = '`selector` does not match template `labels`';
    faults.invalid('spec.template.metadata.labels', labels ?? null, why);
  }
  checkPodTemplate(template, 'spec.template', faults);
  const { restartPolicy, activeDeadlineSeconds } = template.spec ?? {};
  if (restartPolicy !== 'Always')
    faults.notSupported('spec.template.spec.restartPolicy', restartPolicy ?? '', ['Always']);
  if (activeDeadlineSeconds !== undefined)
    faults.forbidden(
      'spec.template.spec.activeDeadlineSeconds',
      'activeDeadlineSeconds in ReplicationController is not Supported',
    );
  return faults.list;
}

/** Source: core/validation (ValidateReplicationControllerStatus); apps/validation (ValidateReplicaSetStatus) says the same. */
export function validateControllerStatus({
  status = {},
}: {
  status?:
    | {
        replicas?: number | undefined;
        fullyLabeledReplicas?: number | undefined;
        readyReplicas?: number | undefined;
        availableReplicas?: number | undefined;
        observedGeneration?: number | undefined;
      }
    | undefined;
}): readonly FieldError[] {
  const faults = new FieldFaults();
  const {
    replicas = 0,
    fullyLabeledReplicas = 0,
    readyReplicas = 0,
    availableReplicas = 0,
    observedGeneration = 0,
  } = status;
  const counts = { replicas, fullyLabeledReplicas, readyReplicas, availableReplicas, observedGeneration };
  for (const [field, value] of Object.entries(counts)) faults.nonNegative(`status.${field}`, value);
  const why = 'cannot be greater than status.replicas';
  if (fullyLabeledReplicas > replicas) faults.invalid('status.fullyLabeledReplicas', fullyLabeledReplicas, why);
  if (readyReplicas > replicas) faults.invalid('status.readyReplicas', readyReplicas, why);
  if (availableReplicas > replicas) faults.invalid('status.availableReplicas', availableReplicas, why);
  if (availableReplicas > readyReplicas)
    faults.invalid('status.availableReplicas', availableReplicas, 'cannot be greater than readyReplicas');
  return faults.list;
}
