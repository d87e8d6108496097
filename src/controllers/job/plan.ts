import type { Job, JobCondition } from '../../generated/api/batch/v1.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import { findCondition } from '../conditions.ts';
import { isPodActive, isPodEnded, isPodReady, isPodTerminating, restartsOf } from '../pods/pod-state.ts';
import { rankForDeletion } from '../replicaset/plan.ts';
import { parseTime, toTime } from '../timestamps.ts';
import { type BackoffRecord, nextBackoff } from './backoff.ts';
import { indexOf, parseIndexes } from './indexes.ts';
import { hasIndexLimit, hasTracking, indexFailuresOf, isIndexed } from './job-pod.ts';
import { hasFailed, judgeFailure, matchSuccess, replacesOnlyFailed } from './policy.ts';

/** What a job's pods and status amount to. */
export interface JobView {
  readonly job: Job;
  readonly pods: readonly Pod[];
  readonly active: readonly Pod[];
  readonly ready: number;
  readonly terminating: number;
  /** Pods counted as succeeded and failed, those counted in this round included. */
  readonly succeeded: number;
  readonly failed: number;
  readonly succeededIndexes: ReadonlySet<number>;
  /** Indexes that the stored status knows as succeeded. */
  readonly knownIndexes: ReadonlySet<number>;
  /** Only with a limit per index. */
  readonly failedIndexes: ReadonlySet<number> | undefined;
  /** The last failed pod of each index that waits for its replacement: it remembers the count of failures. */
  readonly lastFailed: ReadonlyMap<number, Pod>;
  readonly backoff: BackoffRecord;
  /** Pods whose finalizer was taken off, though the cache does not show it yet. */
  readonly released: ReadonlySet<string>;
}

/** Counts pods. Source: `pkg/controller/job/job_controller.go` (syncJob). */
export function viewJob(
  job: Job,
  pods: readonly Pod[],
  released: ReadonlySet<string>,
  backoff: BackoffRecord,
): JobView {
  const completions = job.spec.completions ?? 0;
  const uncounted = job.status?.uncountedTerminatedPods ?? {};
  const isValid = (pod: Pod): boolean => {
    if (!hasTracking(pod) || released.has(pod.metadata.uid ?? '')) return false;
    const index = indexOf(pod);
    return !isIndexed(job) || (index !== undefined && index < completions);
  };
  const isListed = (list: readonly string[] | undefined, pod: Pod): boolean =>
    list?.includes(pod.metadata.uid ?? '') ?? false;
  const newSucceeded = pods.filter(
    (pod) => isValid(pod) && pod.status?.phase === 'Succeeded' && !isListed(uncounted.succeeded, pod),
  );
  const newFailed = pods.filter((pod) => isValid(pod) && hasFailed(job, pod) && !isListed(uncounted.failed, pod));
  const active = pods.filter(isPodActive);
  const knownIndexes = parseIndexes(job.status?.completedIndexes, completions);
  const succeededIndexes = new Set(knownIndexes);
  if (isIndexed(job)) {
    for (const pod of pods) {
      const index = indexOf(pod);
      const counts = pod.status?.phase === 'Succeeded' && hasTracking(pod);
      if (counts && index !== undefined && index < completions) succeededIndexes.add(index);
    }
  }
  const failedIndexes = hasIndexLimit(job) ? planFailedIndexes(job, pods) : undefined;
  const countedFailures = newFailed.filter((pod) => judgeFailure(job.spec, pod).counts).length;
  return {
    job,
    pods,
    active,
    ready: active.filter(isPodReady).length,
    terminating: pods.filter((pod) => isPodTerminating(pod) && !isPodEnded(pod)).length,
    succeeded: isIndexed(job)
      ? succeededIndexes.size
      : (job.status?.succeeded ?? 0) + newSucceeded.length + (uncounted.succeeded?.length ?? 0),
    failed: (job.status?.failed ?? 0) + countedFailures + (uncounted.failed?.length ?? 0),
    succeededIndexes,
    knownIndexes,
    failedIndexes,
    lastFailed:
      failedIndexes === undefined ? new Map() : findLastFailed(job, pods, succeededIndexes, failedIndexes, active),
    backoff: nextBackoff(backoff, newSucceeded, newFailed),
    released,
  };
}

function planFailedIndexes(job: Job, pods: readonly Pod[]): Set<number> {
  const completions = job.spec.completions ?? 0;
  const failed = parseIndexes(job.status?.failedIndexes, completions);
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index === undefined || index >= completions || !hasTracking(pod) || !hasFailed(job, pod)) continue;
    const { counts, action } = judgeFailure(job.spec, pod);
    const isOver = counts && indexFailuresOf(pod) >= (job.spec.backoffLimitPerIndex ?? 0);
    if (action === 'FailIndex' || isOver) failed.add(index);
  }
  return failed;
}

function findLastFailed(
  job: Job,
  pods: readonly Pod[],
  succeeded: ReadonlySet<number>,
  failed: ReadonlySet<number>,
  active: readonly Pod[],
): Map<number, Pod> {
  const running = new Set(active.map(indexOf));
  const last = new Map<number, Pod>();
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index === undefined || index >= (job.spec.completions ?? 0) || running.has(index)) continue;
    if (!hasTracking(pod) || !hasFailed(job, pod) || succeeded.has(index) || failed.has(index)) continue;
    const known = last.get(index);
    if (known === undefined || indexFailuresOf(known) <= indexFailuresOf(pod)) last.set(index, pod);
  }
  return last;
}

export function jobCondition(type: string, reason: string, message: string, nowMs: number): JobCondition {
  const now = toTime(nowMs);
  return { type, status: 'True', lastProbeTime: now, lastTransitionTime: now, reason, message };
}

/** Why the job ends now; undefined where it goes on. The stored intent to end is kept. */
export function planEnd(view: JobView, nowMs: number): JobCondition | undefined {
  const { job, pods, failedIndexes, succeededIndexes } = view;
  const isMet = (type: string): JobCondition | undefined => {
    const found = findCondition<JobCondition>(job.status?.conditions, type);
    return found?.status === 'True' ? found : undefined;
  };
  const met = isMet('SuccessCriteriaMet');
  if (met !== undefined) return met;
  const target = isMet('FailureTarget');
  if (target !== undefined) return jobCondition('Failed', target.reason ?? '', target.message ?? '', nowMs);
  const fail = (reason: string, message: string): JobCondition => jobCondition('FailureTarget', reason, message, nowMs);
  for (const pod of pods) {
    if (job.spec.podFailurePolicy === undefined || !hasFailed(job, pod)) continue;
    const { message } = judgeFailure(job.spec, pod);
    if (message !== undefined) return fail('PodFailurePolicy', message);
  }
  const limit = job.spec.backoffLimit ?? 6;
  if (view.failed > limit || exceedsRestarts(job, pods, limit)) {
    return fail('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  const leftMs = deadlineInMs(job, nowMs);
  if (leftMs !== undefined && leftMs <= 0) {
    return fail('DeadlineExceeded', 'Job was active longer than specified deadline');
  }
  if (!isIndexed(job)) return undefined;
  if (failedIndexes !== undefined) {
    const { maxFailedIndexes, completions = 0 } = job.spec;
    if (maxFailedIndexes !== undefined && failedIndexes.size > maxFailedIndexes) {
      return fail('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
    }
    if (failedIndexes.size > 0 && failedIndexes.size + succeededIndexes.size >= completions) {
      return fail('FailedIndexes', 'Job has failed indexes');
    }
  }
  const message = matchSuccess(job.spec, succeededIndexes);
  return message === undefined ? undefined : jobCondition('SuccessCriteriaMet', 'SuccessPolicy', message, nowMs);
}

function exceedsRestarts(job: Job, pods: readonly Pod[], limit: number): boolean {
  if (job.spec.template.spec?.restartPolicy !== 'OnFailure') return false;
  const restarts = pods
    .filter((pod) => pod.status?.phase === 'Running' || pod.status?.phase === 'Pending')
    .reduce((sum, pod) => sum + restartsOf(pod), 0);
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

/** Milliseconds until the job's deadline; undefined where it has none or is suspended. */
export function deadlineInMs(job: Job, nowMs: number): number | undefined {
  const { activeDeadlineSeconds, suspend } = job.spec;
  const startMs = parseTime(job.status?.startTime);
  if (activeDeadlineSeconds === undefined || suspend || startMs === undefined) return undefined;
  return startMs + Number(activeDeadlineSeconds) * 1000 - nowMs;
}

export type JobPlan =
  | { readonly step: 'keep' }
  | { readonly step: 'delete'; readonly pods: readonly Pod[] }
  | { readonly step: 'create'; readonly count: number };

/** Pods made or deleted in one go at most. Source: `job_controller.go` (MaxPodCreateDeletePerSync). */
const BURST = 500;

/** How many pods are to run now. */
export function planActive(view: JobView, nowMs: number): JobPlan {
  const { job, active } = view;
  const { completions, suspend } = job.spec;
  const parallelism = job.spec.parallelism ?? 1;
  const wanted = suspend
    ? 0
    : completions === undefined
      ? view.succeeded > 0
        ? active.length
        : parallelism
      : Math.max(0, Math.min(parallelism, completions - view.succeeded));
  const surplus = planSurplus(view, Math.max(0, active.length - wanted), nowMs);
  if (surplus.length > 0) return { step: 'delete', pods: surplus.slice(0, BURST) };
  if (suspend) return { step: 'keep' };
  const stopping = replacesOnlyFailed(job) ? view.terminating : 0;
  const missing = Math.min(wanted - stopping - active.length, BURST);
  return missing > 0 ? { step: 'create', count: missing } : { step: 'keep' };
}

/** Pods to delete: second ones of an index or of none first, then those that did the least. */
function planSurplus({ job, active }: JobView, least: number, nowMs: number): Pod[] {
  const surplus: Pod[] = [];
  let rest: readonly Pod[] = active;
  if (isIndexed(job)) {
    const kept = new Map<number, Pod>();
    for (const pod of rankForDeletion(active, [], nowMs).reverse()) {
      const index = indexOf(pod);
      if (index === undefined || index >= (job.spec.completions ?? 0) || kept.has(index)) surplus.push(pod);
      else kept.set(index, pod);
    }
    rest = [...kept.values()];
  }
  if (surplus.length >= least) return surplus;
  return [...surplus, ...rankForDeletion(rest, [], nowMs).slice(0, least - surplus.length)];
}

/** The lowest indexes that neither succeeded, failed for good nor run. */
export function planIndexes(view: JobView, count: number): number[] {
  const { job, active, pods } = view;
  const taken = new Set<number | undefined>([...view.succeededIndexes, ...(view.failedIndexes ?? [])]);
  for (const pod of active) taken.add(indexOf(pod));
  if (replacesOnlyFailed(job))
    for (const pod of pods) if (isPodTerminating(pod) && !isPodEnded(pod)) taken.add(indexOf(pod));
  const indexes: number[] = [];
  for (let index = 0; index < (job.spec.completions ?? 0) && indexes.length < count; index++) {
    if (!taken.has(index)) indexes.push(index);
  }
  return indexes;
}

export function isFinished(job: Job): boolean {
  return (job.status?.conditions ?? []).some(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  );
}
