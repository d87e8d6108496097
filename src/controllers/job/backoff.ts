import type { Pod } from '../../generated/api/core/v1.ts';
import { findCondition } from '../conditions.ts';
import { parseTime } from '../timestamps.ts';

/** Failures in a row of a job's pods. */
export interface BackoffRecord {
  readonly failures: number;
  readonly lastFailureMs: number | undefined;
}

/** Source: `pkg/controller/job/job_controller.go` (DefaultJobPodFailureBackOff, MaxJobPodFailureBackOff). */
const FIRST_MS = 10_000;
const MAX_MS = 600_000;

/** When a pod ended, as well as its status tells. Source: `pkg/controller/job/backoff_utils.go` (getFinishedTime). */
export function finishedAtMs(pod: Pod): number {
  const sidecars = new Set(
    (pod.spec?.initContainers ?? []).filter((each) => each.restartPolicy === 'Always').map((each) => each.name),
  );
  const statuses = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []).filter((status) => sidecars.has(status.name)),
  ];
  const ends = statuses.map((status) => parseTime(status.state?.terminated?.finishedAt));
  const known = ends.filter((ms) => ms !== undefined);
  if (known.length > 0 && known.length === ends.length) return Math.max(...known);
  const ready = findCondition(pod.status?.conditions, 'Ready');
  const unreadyMs = ready?.status === 'False' ? parseTime(ready.lastTransitionTime) : undefined;
  if (unreadyMs !== undefined) return unreadyMs;
  const deletedMs = parseTime(pod.metadata.deletionTimestamp);
  if (deletedMs !== undefined) return deletedMs - (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  return parseTime(pod.metadata.creationTimestamp) ?? 0;
}

/** The record after pods that ended newly: a success ends the row of failures before it. */
export function nextBackoff(record: BackoffRecord, succeeded: readonly Pod[], failed: readonly Pod[]): BackoffRecord {
  const failures = failed.map(finishedAtMs).sort((a, b) => a - b);
  if (succeeded.length === 0) {
    if (failures.length === 0) return record;
    return { failures: record.failures + failures.length, lastFailureMs: failures.at(-1) };
  }
  const lastSuccessMs = Math.max(...succeeded.map(finishedAtMs));
  const since = failures.filter((ms) => ms > lastSuccessMs);
  return { failures: since.length, lastFailureMs: since.at(-1) };
}

/** Milliseconds to wait before the next pod: 10 s after the first failure, doubled up to 10 minutes. */
export function remainingMs({ failures, lastFailureMs }: BackoffRecord, nowMs: number): number {
  if (failures === 0 || lastFailureMs === undefined) return 0;
  const backoffMs = Math.min(MAX_MS, FIRST_MS * 2 ** (failures - 1));
  return Math.max(0, lastFailureMs + backoffMs - nowMs);
}
