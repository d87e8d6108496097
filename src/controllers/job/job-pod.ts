import type { Job } from '../../generated/api/batch/v1.ts';
import type { Container, Pod } from '../../generated/api/core/v1.ts';
import { type PodOwner, podFromTemplate } from '../pods/pod-control.ts';
import { INDEX } from './indexes.ts';
import { judgeFailure } from './policy.ts';

/** Holds a finished pod until the job has counted it. */
export const TRACKING = 'batch.kubernetes.io/job-tracking';
const FAILURES = 'batch.kubernetes.io/job-index-failure-count';
const IGNORED_FAILURES = 'batch.kubernetes.io/job-index-ignored-failure-count';
const INDEX_VARIABLE = 'JOB_COMPLETION_INDEX';

export function isIndexed(job: Job): boolean {
  return job.spec.completionMode === 'Indexed';
}

/** Whether each index has a limit of failures of its own. */
export function hasIndexLimit(job: Job): boolean {
  return isIndexed(job) && job.spec.backoffLimitPerIndex !== undefined;
}

export function hasTracking(pod: Pod): boolean {
  return pod.metadata.finalizers?.includes(TRACKING) ?? false;
}

/** Failures of the pod's index before this pod. */
export function indexFailuresOf(pod: Pod): number {
  return Number(pod.metadata.annotations?.[FAILURES] ?? 0) || 0;
}

/** Failures that count and those that a policy ignores, together. */
export function allIndexFailuresOf(pod: Pod): number {
  return indexFailuresOf(pod) + (Number(pod.metadata.annotations?.[IGNORED_FAILURES] ?? 0) || 0);
}

/** The pod that a job creates; `replaced` is the failed pod of the same index, where indexes count failures. */
export function jobPod(owner: PodOwner & { readonly object: Job }, index: number | undefined, replaced?: Pod): Pod {
  const job = owner.object;
  const pod = podFromTemplate(job.spec.template, owner);
  pod.metadata.finalizers = [...new Set([...(pod.metadata.finalizers ?? []), TRACKING])];
  if (index === undefined) return pod;
  const name = job.metadata.name ?? '';
  pod.metadata.generateName = `${`${name}-${index}`.slice(0, 57)}-`;
  pod.metadata.annotations = { ...pod.metadata.annotations, [INDEX]: String(index) };
  pod.metadata.labels = { ...pod.metadata.labels, [INDEX]: String(index) };
  if (hasIndexLimit(job)) Object.assign(pod.metadata.annotations, failureAnnotations(job, replaced));
  pod.spec.hostname = `${name}-${index}`;
  for (const list of [pod.spec.containers, pod.spec.initContainers ?? []])
    for (const each of list) addIndexVariable(each);
  return pod;
}

function failureAnnotations(job: Job, replaced: Pod | undefined): Record<string, string> {
  if (replaced === undefined) return { [FAILURES]: '0' };
  const { counts } = judgeFailure(job.spec, replaced);
  const failures = indexFailuresOf(replaced);
  const ignored = allIndexFailuresOf(replaced) - failures;
  const nextIgnored = counts ? ignored : ignored + 1;
  return {
    [FAILURES]: String(counts ? failures + 1 : failures),
    ...(nextIgnored > 0 ? { [IGNORED_FAILURES]: String(nextIgnored) } : {}),
  };
}

function addIndexVariable(container: Container): void {
  if (container.env?.some((variable) => variable.name === INDEX_VARIABLE)) return;
  const fieldRef = { fieldPath: `metadata.labels['${INDEX}']` };
  container.env = [...(container.env ?? []), { name: INDEX_VARIABLE, valueFrom: { fieldRef } }];
}
