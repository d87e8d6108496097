import type { Job, JobCondition, JobStatus } from '../../generated/api/batch/v1.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import { findCondition } from '../conditions.ts';
import { toTime } from '../timestamps.ts';
import { formatIndexes, indexOf } from './indexes.ts';
import { hasTracking, isIndexed } from './job-pod.ts';
import { type JobView, jobCondition } from './plan.ts';
import { hasFailed, judgeFailure } from './policy.ts';

/** Pods counted in one write of the status. Source: `job_controller.go` (MaxUncountedPods). */
const MAX_UNCOUNTED = 500;

export interface CountPlan {
  /** The status with ended pods listed as uncounted: a pod is counted in two steps, so that none counts twice. */
  readonly status: JobStatus;
  /** Pods to let go, once that status is written. */
  readonly release: readonly Pod[];
  /** There are more: look again. */
  readonly more: boolean;
}

/**
 * Step one: lists ended pods by uid in the status. Step two, {@link settleCounts}, adds them to the counters after their
 * finalizers are off. Whoever dies between finds the uids and goes on.
 *
 * Source: `job_controller.go` (trackJobStatusAndRemoveFinalizers).
 */
export function planCounts(view: JobView, status: JobStatus, end: JobCondition | undefined): CountPlan {
  const { job, pods, released } = view;
  const held = new Set(pods.filter((pod) => hasTracking(pod) && !released.has(pod.metadata.uid ?? '')));
  const settled = settleCounts(status, new Set([...held].map((pod) => pod.metadata.uid ?? '')));
  const succeeded = [...(settled.uncountedTerminatedPods?.succeeded ?? [])];
  const failed = [...(settled.uncountedTerminatedPods?.failed ?? [])];
  const newIndexes = new Set(view.knownIndexes);
  const release: Pod[] = [];
  let more = false;
  const isFailing = end !== undefined && end.type !== 'SuccessCriteriaMet';
  for (const pod of held) {
    const uid = pod.metadata.uid ?? '';
    const isFailed = hasFailed(job, pod);
    const hasSucceeded = pod.status?.phase === 'Succeeded';
    if (!mayRelease(view, pod, { isFailed, hasSucceeded, end })) continue;
    release.push(pod);
    const index = indexOf(pod);
    const isInRange = index !== undefined && index < (job.spec.completions ?? 0);
    if (hasSucceeded && !failed.includes(uid)) {
      if (isIndexed(job)) {
        if (isInRange) newIndexes.add(index);
      } else if (!succeeded.includes(uid)) succeeded.push(uid);
    } else if ((isFailed || isFailing) && !failed.includes(uid) && (!isIndexed(job) || isInRange)) {
      if (judgeFailure(job.spec, pod).counts) failed.push(uid);
    }
    if (newIndexes.size - view.knownIndexes.size + succeeded.length + failed.length >= MAX_UNCOUNTED) {
      more = true;
      break;
    }
  }
  const indexed = isIndexed(job)
    ? {
        succeeded: newIndexes.size,
        completedIndexes: formatIndexes(newIndexes),
        ...(view.failedIndexes === undefined ? {} : { failedIndexes: formatIndexes(view.failedIndexes) }),
      }
    : {};
  const next: JobStatus = { ...settled, ...indexed, uncountedTerminatedPods: toUncounted(succeeded, failed) };
  return { status: next, release, more };
}

function mayRelease(
  view: JobView,
  pod: Pod,
  facts: { readonly isFailed: boolean; readonly hasSucceeded: boolean; readonly end: JobCondition | undefined },
): boolean {
  if (view.job.metadata.deletionTimestamp !== undefined || facts.end !== undefined || facts.hasSucceeded) return true;
  if (!facts.isFailed) return false;
  // It remembers the failures of its index until its replacement is there.
  const index = indexOf(pod);
  return index === undefined || view.lastFailed.get(index)?.metadata.uid !== pod.metadata.uid;
}

/** Adds uncounted pods that no longer hold a finalizer to the counters. */
export function settleCounts(status: JobStatus, held: ReadonlySet<string>): JobStatus {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const [stillSucceeded, stillFailed] = [
    succeeded.filter((uid) => held.has(uid)),
    failed.filter((uid) => held.has(uid)),
  ];
  if (stillSucceeded.length === succeeded.length && stillFailed.length === failed.length) return status;
  return {
    ...status,
    succeeded: (status.succeeded ?? 0) + succeeded.length - stillSucceeded.length,
    failed: (status.failed ?? 0) + failed.length - stillFailed.length,
    uncountedTerminatedPods: toUncounted(stillSucceeded, stillFailed),
  };
}

function toUncounted(succeeded: string[], failed: string[]): JobStatus['uncountedTerminatedPods'] {
  return { ...(succeeded.length > 0 ? { succeeded } : {}), ...(failed.length > 0 ? { failed } : {}) };
}

/** The status that says that the job is about to end, and the condition that will say that it has. */
export function withIntent(
  status: JobStatus,
  end: JobCondition | undefined,
  nowMs: number,
): { readonly status: JobStatus; readonly final: JobCondition | undefined } {
  if (end === undefined) return { status, final: undefined };
  const { reason = '', message = '' } = end;
  if (end.type === 'Failed') return { status, final: end };
  const final = jobCondition(end.type === 'FailureTarget' ? 'Failed' : 'Complete', reason, message, nowMs);
  if (findCondition(status.conditions, end.type)?.status === 'True') return { status, final };
  return { status: { ...status, conditions: [...(status.conditions ?? []), end] }, final };
}

/** The status of an ended job; undefined while pods are still to be counted or to stop. */
export function withEnd(
  status: JobStatus,
  final: JobCondition,
  terminating: number,
  nowMs: number,
): JobStatus | undefined {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  if (succeeded.length + failed.length > 0 || terminating > 0) return undefined;
  const completion = final.type === 'Complete' ? { completionTime: toTime(nowMs) } : {};
  return { ...status, ...completion, conditions: [...(status.conditions ?? []), final] };
}

/** Sets the Suspended condition as the spec says; `changed` where users are to be told. */
export function withSuspension(
  job: Job,
  status: JobStatus,
  nowMs: number,
): { readonly status: JobStatus; readonly changed?: 'Suspended' | 'Resumed' } {
  const current = findCondition<JobCondition>(status.conditions, 'Suspended');
  const now = toTime(nowMs);
  const others = (status.conditions ?? []).filter((condition) => condition.type !== 'Suspended');
  if (job.spec.suspend) {
    if (current?.status === 'True') return { status };
    const { startTime: _, ...rest } = status;
    const condition = jobCondition('Suspended', 'JobSuspended', 'Job suspended', nowMs);
    return { status: { ...rest, conditions: [...others, condition] }, changed: 'Suspended' };
  }
  if (current?.status !== 'True') return { status };
  const condition = { ...jobCondition('Suspended', 'JobResumed', 'Job resumed', nowMs), status: 'False' };
  return { status: { ...status, startTime: now, conditions: [...others, condition] }, changed: 'Resumed' };
}
