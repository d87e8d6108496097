import type { Job, JobSpec } from '../../../generated/api/batch/v1.ts';
import { defaultPodTemplate } from '../../core/pod-spec/defaults.ts';

/** The parts of a job that cron jobs have too. Source: pkg/apis/batch/v1/zz_generated.defaults.go. */
export function defaultJobTemplateSpec(spec: JobSpec): void {
  spec.template ??= {};
  defaultPodTemplate(spec.template);
  for (const { onPodConditions } of spec.podFailurePolicy?.rules ?? [])
    for (const pattern of onPodConditions ?? []) if (!pattern.status) pattern.status = 'True';
}

/** Source: pkg/apis/batch/v1/defaults.go (SetDefaults_Job). */
export function defaultJob({ metadata, spec }: Job): void {
  defaultJobTemplateSpec(spec);
  if (spec.completions === undefined && spec.parallelism === undefined) {
    spec.completions = 1;
    spec.parallelism = 1;
  }
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2 ** 31 - 1;
  const labels = spec.template.metadata?.labels;
  // The very same map, as upstream: what the server adds to the template's labels shows in the job's too.
  if (labels !== undefined && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = labels;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed';
  spec.manualSelector ??= false;
}
