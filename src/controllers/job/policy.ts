import type { Job, JobSpec, PodFailurePolicyOnExitCodesRequirement } from '../../generated/api/batch/v1.ts';
import type { ContainerStatus, Pod } from '../../generated/api/core/v1.ts';
import { isPodTerminating } from '../pods/pod-state.ts';
import { parseIndexes } from './indexes.ts';

export interface FailureVerdict {
  /** Whether the failure counts against the limits. */
  readonly counts: boolean;
  readonly action?: 'FailJob' | 'FailIndex' | 'Ignore' | 'Count';
  /** Why the job fails, with `FailJob`. */
  readonly message?: string;
}

/** The first rule of the policy that fits the failed pod decides. Source: `pkg/controller/job/pod_failure_policy.go`. */
export function judgeFailure(spec: JobSpec, pod: Pod): FailureVerdict {
  const { namespace, name } = pod.metadata;
  for (const [at, rule] of (spec.podFailurePolicy?.rules ?? []).entries()) {
    let what: string | undefined;
    if (rule.onExitCodes !== undefined) {
      const container = findExit(pod, rule.onExitCodes);
      const code = container?.state?.terminated?.exitCode;
      if (container !== undefined) {
        what = `Container ${container.name} for pod ${namespace}/${name} failed with exit code ${code}`;
      }
    } else {
      const found = (pod.status?.conditions ?? []).find((condition) =>
        (rule.onPodConditions ?? []).some(
          (pattern) => pattern.type === condition.type && (pattern.status ?? 'True') === condition.status,
        ),
      );
      if (found !== undefined) what = `Pod ${namespace}/${name} has condition ${found.type}`;
    }
    if (what === undefined) continue;
    switch (rule.action) {
      case 'Ignore':
        return { counts: false, action: 'Ignore' };
      case 'FailIndex':
        return { counts: true, action: 'FailIndex' };
      case 'Count':
        return { counts: true, action: 'Count' };
      case 'FailJob':
        return { counts: true, action: 'FailJob', message: `${what} matching ${rule.action} rule at index ${at}` };
    }
  }
  return { counts: true };
}

function findExit(pod: Pod, rule: PodFailurePolicyOnExitCodesRequirement): ContainerStatus | undefined {
  const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  return all.find(({ name, state }) => {
    const code = state?.terminated?.exitCode;
    if (code === undefined || code === 0) return false;
    if (rule.containerName !== undefined && rule.containerName !== name) return false;
    const listed = (rule.values ?? []).includes(code);
    return rule.operator === 'In' ? listed : rule.operator === 'NotIn' && !listed;
  });
}

/** Whether a pod counts as failed: with the policy `Failed` only once it has really ended. */
export function hasFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === 'Failed') return true;
  if (replacesOnlyFailed(job)) return false;
  return isPodTerminating(pod) && pod.status?.phase !== 'Succeeded';
}

export function replacesOnlyFailed(job: Job): boolean {
  return job.spec.podReplacementPolicy === 'Failed' || job.spec.podFailurePolicy !== undefined;
}

/** The message of the success rule that the indexes meet, if one is met. Source: `pkg/controller/job/success_policy.go`. */
export function matchSuccess(spec: JobSpec, succeeded: ReadonlySet<number>): string | undefined {
  if (succeeded.size === 0) return undefined;
  const isMet = (rule: { succeededIndexes?: string | undefined; succeededCount?: number | undefined }): boolean => {
    if (rule.succeededIndexes === undefined) {
      return rule.succeededCount !== undefined && succeeded.size >= rule.succeededCount;
    }
    const required = parseIndexes(rule.succeededIndexes, spec.completions ?? 0);
    if (required.size === 0) return false;
    const reached = [...required].filter((index) => succeeded.has(index)).length;
    return reached === required.size || (rule.succeededCount !== undefined && reached >= rule.succeededCount);
  };
  const at = (spec.successPolicy?.rules ?? []).findIndex(isMet);
  return at < 0 ? undefined : `Matched rules at index ${at}`;
}
