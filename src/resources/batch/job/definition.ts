import type { Job, JobSpec } from '../../../generated/api/batch/v1.ts';
import { jobs } from '../../../generated/resource-types.ts';
import { wideCells } from '../../apps/workload.ts';
import { isSame } from '../../checks/same.ts';
import { ageOf } from '../../columns.ts';
import { dropDisabledTemplateFields } from '../../core/pod-spec/pod-template.ts';
import { templateWarnings } from '../../core/pod-spec/warnings.ts';
import { podNameWarnings } from '../../core/replication-controller/definition.ts';
import { defineResource } from '../../define.ts';
import { humanDuration } from '../../human-duration.ts';
import { specAndStatus } from '../../status-strategy.ts';
import { defaultJob } from './defaults.ts';
import { validateJobStatus } from './status-validation.ts';
import { validateJobUpdate } from './update-validation.ts';
import { validateJob } from './validation.ts';

/** Source: pkg/registry/batch/job/strategy.go (generateSelector). */
function generateSelector({ metadata, spec }: Job): void {
  const { template } = spec;
  const { name = '', uid = '', generateName } = metadata;
  template.metadata ??= {};
  const before = template.metadata.labels;
  const isShared =
    before !== undefined && (metadata.labels === before || (!!generateName && isSame(metadata.labels, before)));
  const labels = inOrder({
    'job-name': name,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'batch.kubernetes.io/controller-uid': uid,
    ...before,
  });
  template.metadata.labels = labels;
  if (isShared) metadata.labels = { ...labels };
  const matchLabels = inOrder({ 'batch.kubernetes.io/controller-uid': uid, ...spec.selector?.matchLabels });
  spec.selector = { ...spec.selector, matchLabels };
}

/** Keys as Go writes those of maps. */
const inOrder = (map: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Source: pkg/api/job/warnings.go (WarningsForJobSpec). */
export function jobSpecWarnings(spec: JobSpec, path: string): string[] {
  const isHuge = (spec.completions ?? 0) > 100_000 && (spec.parallelism ?? 0) > 10_000;
  const text =
    'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail';
  const own = spec.completionMode === 'Indexed' && isHuge ? [`${path}: ${text}`] : [];
  return [...own, ...templateWarnings(spec.template, `${path}.template`)];
}

/** Source: printJob. */
function stateText({ metadata, status }: Job): string {
  const has = (wanted: string): boolean => status?.conditions?.find(({ type }) => type === wanted)?.status === 'True';
  if (has('Complete')) return 'Complete';
  if (has('Failed')) return 'Failed';
  if (metadata.deletionTimestamp) return 'Terminating';
  return ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find(has) ?? 'Running';
}

function completionsText({ spec, status }: Job): string {
  const done = status?.succeeded ?? 0;
  const { completions, parallelism = 0 } = spec;
  if (completions !== undefined) return `${done}/${completions}`;
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`;
}

function durationText({ status }: Job, nowMs: number): string {
  const { startTime, completionTime } = status ?? {};
  if (!startTime) return '';
  if (!completionTime) return ageOf(startTime, nowMs);
  return humanDuration(Date.parse(completionTime) - Date.parse(startTime));
}

export const jobResource = defineResource(jobs, {
  generation: 'spec',
  defaultPropagation: 'Orphan',
  propagationWarning:
    'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  cells: {
    Status: stateText,
    Completions: completionsText,
    Duration: (job, { nowMs }) => durationText(job, nowMs),
    ...wideCells,
  },
  strategy: specAndStatus<Job>({
    applyDefaults: defaultJob,
    prepareForCreate(job) {
      if (!job.spec.manualSelector) generateSelector(job);
      dropDisabledTemplateFields(job.spec.template);
    },
    prepareForUpdate: ({ spec }) => dropDisabledTemplateFields(spec.template),
    validateCreate: validateJob,
    validateUpdate: validateJobUpdate,
    validateStatusUpdate: validateJobStatus,
    warningsOnCreate: ({ metadata, spec }) => [
      ...podNameWarnings(metadata.name ?? ''),
      ...jobSpecWarnings(spec, 'spec'),
    ],
    warningsOnUpdate: (next, previous) => (isSame(next.spec, previous.spec) ? [] : jobSpecWarnings(next.spec, 'spec')),
  }),
});
