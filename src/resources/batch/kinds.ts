import { isDeepStrictEqual } from 'node:util';
import type { CronJob, Job, JobSpec } from '../../generated/api/batch/v1.ts';
import { cronjobs, jobs } from '../../generated/resource-types.ts';
import { type FieldError, fieldInvalid, fieldNotSupported, fieldRequired } from '../../machinery/errors/field-error.ts';
import { selectorText } from '../apps/workloads.ts';
import { ageColumn, ageOf, column, humanDuration, listText, nameColumn, wide } from '../columns.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { validatePodSpec } from '../core/pod-validation.ts';
import { defineResource } from '../define.ts';
import { specAndStatus } from '../status-strategy.ts';

/** Source: pkg/apis/batch/v1/defaults.go (SetDefaults_Job). */
function defaultJobSpec(spec: JobSpec): void {
  if (spec.completions === undefined && spec.parallelism === undefined) {
    spec.completions = 1;
    spec.parallelism = 1;
  }
  spec.parallelism ??= 1;
  if (spec.backoffLimit === undefined || spec.backoffLimit === null)
    spec.backoffLimit = spec.backoffLimitPerIndex === undefined ? 6 : 2 ** 31 - 1;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed';
  spec.manualSelector ??= false;
  for (const rule of spec.podFailurePolicy?.rules ?? []) {
    for (const condition of rule.onPodConditions ?? []) if (!condition.status) condition.status = 'True';
  }
  defaultPodTemplate(spec.template);
}

/** Source: pkg/apis/batch/validation/validation.go. */
function validateJobSpec(spec: JobSpec, path: string): FieldError[] {
  const faults: FieldError[] = [];
  for (const field of [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
  ] as const) {
    const value = spec[field];
    if (typeof value === 'number' && value < 0)
      faults.push(fieldInvalid(`${path}.${field}`, value, 'must be greater than or equal to 0'));
  }
  const template = spec.template?.spec;
  if (template === undefined) return [...faults, fieldRequired(`${path}.template.spec.containers`)];
  faults.push(...validatePodSpec(template, `${path}.template.spec`));
  if (template.restartPolicy !== 'Never' && template.restartPolicy !== 'OnFailure') {
    faults.push(
      fieldNotSupported(`${path}.template.spec.restartPolicy`, template.restartPolicy, ['OnFailure', 'Never']),
    );
  }
  if (spec.completionMode === 'Indexed' && spec.completions === undefined) {
    faults.push(fieldRequired(`${path}.completions`, 'when completion mode is Indexed'));
  }
  return faults;
}

/** The selector and the labels by which a job knows its pods. Source: pkg/registry/batch/job/strategy.go (generateSelector). */
function generateSelector(job: Job): void {
  const { uid = '', name = '' } = job.metadata;
  job.spec.template.metadata ??= {};
  const labels = { ...job.spec.template.metadata.labels };
  labels['job-name'] = name;
  labels['batch.kubernetes.io/job-name'] = name;
  labels['controller-uid'] = uid;
  labels['batch.kubernetes.io/controller-uid'] = uid;
  job.spec.template.metadata.labels = labels;
  job.spec.selector = {
    ...job.spec.selector,
    matchLabels: { ...job.spec.selector?.matchLabels, 'batch.kubernetes.io/controller-uid': uid },
  };
}

function jobState({ status, metadata, spec }: Job): string {
  const has = (wanted: string): boolean =>
    status?.conditions?.some(({ type, status: value }) => type === wanted && value === 'True') ?? false;
  if (has('Complete')) return 'Complete';
  if (has('Failed')) return 'Failed';
  if (metadata.deletionTimestamp) return 'Terminating';
  if (has('Suspended') || spec.suspend) return 'Suspended';
  if (has('FailureTarget')) return 'FailureTarget';
  return has('SuccessCriteriaMet') ? 'SuccessCriteriaMet' : 'Running';
}

function completionsText({ spec, status }: Job): string {
  const done = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${done}/${spec.completions}`;
  const parallelism = spec.parallelism ?? 0;
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`;
}

const job = defineResource(jobs, {
  generation: 'spec',
  defaultPropagation: 'Orphan',
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  columns: [
    nameColumn,
    column('Status', jobState),
    column('Completions', completionsText),
    column('Duration', ({ status }, { nowMs }) => {
      if (!status?.startTime) return '';
      const endMs = status.completionTime ? Date.parse(status.completionTime) : nowMs;
      return humanDuration(endMs - Date.parse(status.startTime));
    }),
    ageColumn,
    column(
      'Containers',
      ({ spec }) => listText((spec.template.spec?.containers ?? []).map(({ name }) => name ?? '')),
      wide,
    ),
    column(
      'Images',
      ({ spec }) => listText((spec.template.spec?.containers ?? []).map(({ image }) => image ?? '')),
      wide,
    ),
    column('Selector', ({ spec }) => selectorText(spec.selector), wide),
  ],
  strategy: specAndStatus<Job>({
    applyDefaults: ({ spec }) => defaultJobSpec(spec),
    prepareForCreate(object) {
      if (!object.spec.manualSelector) generateSelector(object);
    },
    validateCreate: ({ spec }) => validateJobSpec(spec, 'spec'),
    validateUpdate(next, previous) {
      const faults = validateJobSpec(next.spec, 'spec');
      if (!isDeepStrictEqual(next.spec.selector, previous.spec.selector))
        faults.push(fieldInvalid('spec.selector', next.spec.selector, 'field is immutable'));
      const suspended = previous.spec.suspend === true;
      const template = (spec: JobSpec): unknown => JSON.parse(JSON.stringify(spec.template));
      if (!suspended && !isDeepStrictEqual(template(next.spec), template(previous.spec))) {
        faults.push(fieldInvalid('spec.template', next.spec.template, 'field is immutable'));
      }
      if (next.spec.completionMode !== previous.spec.completionMode) {
        faults.push(fieldInvalid('spec.completionMode', next.spec.completionMode, 'field is immutable'));
      }
      return faults;
    },
  }),
});

const POLICIES = ['Allow', 'Forbid', 'Replace'];

const cronJob = defineResource(cronjobs, {
  generation: 'spec',
  columns: [
    nameColumn,
    column('Schedule', ({ spec }) => spec.schedule ?? ''),
    column('Timezone', ({ spec }) => spec.timeZone || '<none>'),
    column('Suspend', ({ spec }) => (spec.suspend ? 'True' : 'False')),
    column('Active', ({ status }) => status?.active?.length ?? 0, { type: 'integer' }),
    column('Last Schedule', ({ status }, { nowMs }) =>
      status?.lastScheduleTime ? ageOf(status.lastScheduleTime, nowMs) : '<none>',
    ),
    ageColumn,
    column(
      'Containers',
      ({ spec }) => listText((spec.jobTemplate?.spec?.template?.spec?.containers ?? []).map(({ name }) => name ?? '')),
      wide,
    ),
    column(
      'Images',
      ({ spec }) =>
        listText((spec.jobTemplate?.spec?.template?.spec?.containers ?? []).map(({ image }) => image ?? '')),
      wide,
    ),
    column('Selector', ({ spec }) => selectorText(spec.jobTemplate?.spec?.selector), wide),
  ],
  strategy: specAndStatus<CronJob>({
    applyDefaults({ spec }) {
      if (!spec.concurrencyPolicy) spec.concurrencyPolicy = 'Allow';
      spec.suspend ??= false;
      spec.successfulJobsHistoryLimit ??= 3;
      spec.failedJobsHistoryLimit ??= 1;
      defaultPodTemplate(spec.jobTemplate?.spec?.template);
    },
    validateCreate({ spec }) {
      const faults: FieldError[] = [];
      if (!spec.schedule) faults.push(fieldRequired('spec.schedule'));
      if (!POLICIES.includes(spec.concurrencyPolicy ?? ''))
        faults.push(fieldNotSupported('spec.concurrencyPolicy', spec.concurrencyPolicy, POLICIES));
      if (spec.jobTemplate?.spec) faults.push(...validateJobSpec(spec.jobTemplate.spec, 'spec.jobTemplate.spec'));
      return faults;
    },
  }),
});

export const batchKinds = [cronJob, job];
