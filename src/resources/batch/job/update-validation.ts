import type { Job, JobSpec } from '../../../generated/api/batch/v1.ts';
import type { Container, PodSpec, PodTemplateSpec } from '../../../generated/api/core/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { checkSameSelector } from '../../apps/workload.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { isSame, isSameStruct } from '../../checks/same.ts';
import { checkFullSpec, checkJob } from './validation.ts';

const IMMUTABLE = ['completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'] as const;

/** Source: batch/validation (ValidateJobUpdate); pkg/registry/batch/job/strategy.go. */
export function validateJobUpdate(next: Job, previous: Job): readonly FieldError[] {
  const faults = new FieldFaults();
  const labels = previous.spec.template?.metadata?.labels ?? {};
  const needsPrefixedLabels =
    labels['batch.kubernetes.io/job-name'] !== undefined && labels['batch.kubernetes.io/controller-uid'] !== undefined;
  // Upstream judges the spec once as for creation and once more for the update.
  checkJob(next, { needsPrefixedLabels }, faults);
  const { spec } = next;
  const { spec: old } = previous;
  checkFullSpec(spec, 'spec', faults);
  checkCompletions(spec, old, faults);
  checkSameSelector(spec.selector, old.selector, faults);
  checkTemplate(next, previous, faults);
  for (const field of IMMUTABLE)
    if (!isSame(spec[field], old[field])) faults.invalid(`spec.${field}`, shownAs(spec, field), 'field is immutable');
  return faults.list;
}

/** Policies as upstream's internal types show them. */
function shownAs(spec: JobSpec, field: (typeof IMMUTABLE)[number]): unknown {
  const value = spec[field] ?? null;
  if (value === null) return value;
  if (field === 'podFailurePolicy') return toGoView(value, 'batch/v1.PodFailurePolicy');
  return field === 'successPolicy' ? toGoView(value, 'batch/v1.SuccessPolicy') : value;
}

function checkCompletions(spec: JobSpec, old: JobSpec, faults: FieldFaults): void {
  if (spec.completions === old.completions) return;
  if (spec.completionMode !== 'Indexed')
    faults.invalid('spec.completions', spec.completions ?? null, 'field is immutable');
  else if (spec.completions !== undefined && spec.completions !== spec.parallelism)
    faults.invalid('spec.completions', spec.completions, 'can only be modified in tandem with spec.parallelism');
}

/** While a job is suspended and nothing of it runs, its pods may still change where and with how much they will run. */
function isOpen({ spec, status }: Job): boolean {
  const isHalted = status?.conditions?.some(({ type, status: value }) => type === 'Suspended' && value === 'True');
  return spec.suspend === true && (!status?.startTime || isHalted === true) && !status?.active;
}

function checkTemplate(next: Job, previous: Job, faults: FieldFaults): void {
  const { template } = next.spec;
  const open = isOpen(previous);
  const old = open ? withPlacement(previous.spec.template, template) : previous.spec.template;
  if (open) {
    const spec = withResources(old.spec, template.spec);
    if (!isSameStruct(template.spec, spec, 'core/v1.PodSpec'))
      faults.invalid('spec.template.spec', toGoView(template.spec, 'core/v1.PodSpec'), 'field is immutable');
  } else if (!isSameStruct(template, old, 'core/v1.PodTemplateSpec'))
    faults.invalid('spec.template', toGoView(template, 'core/v1.PodTemplateSpec'), 'field is immutable');
}

function withPlacement(old: PodTemplateSpec, next: PodTemplateSpec): PodTemplateSpec {
  const { nodeAffinity: _, ...others } = old.spec?.affinity ?? {};
  const nodeAffinity = next.spec?.affinity?.nodeAffinity;
  const affinity = { ...others, ...(nodeAffinity === undefined ? {} : { nodeAffinity }) };
  return {
    ...old,
    metadata: { ...old.metadata, annotations: next.metadata?.annotations, labels: next.metadata?.labels },
    spec: {
      ...(old.spec ?? { containers: [] }),
      affinity: Object.keys(affinity).length > 0 || next.spec?.affinity ? affinity : undefined,
      nodeSelector: next.spec?.nodeSelector,
      tolerations: next.spec?.tolerations,
      schedulingGates: next.spec?.schedulingGates,
    },
  };
}

function withResources(old: PodSpec | undefined, next: PodSpec | undefined): PodSpec | undefined {
  if (!old || !next) return old;
  const take = (list: Container[] | undefined, from: Container[] | undefined): Container[] | undefined =>
    list?.length !== from?.length
      ? list
      : list?.map((container, index) =>
          container.name === from?.[index]?.name ? { ...container, resources: from[index].resources } : container,
        );
  return {
    ...old,
    containers: take(old.containers, next.containers) ?? [],
    initContainers: take(old.initContainers, next.initContainers),
  };
}
