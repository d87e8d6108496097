import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../generated/api/apps/v1.ts';
import { findCondition, withCondition, withoutCondition } from '../conditions.ts';
import { parseTime, toTime } from '../timestamps.ts';
import { maxUnavailableOf } from './fenceposts.ts';
import { totalAvailable, totalSize } from './scaling.ts';

/** A deadline of the largest 32-bit number means none. */
export function hasProgressDeadline(deployment: Deployment): boolean {
  const { progressDeadlineSeconds } = deployment.spec;
  return progressDeadlineSeconds !== undefined && progressDeadlineSeconds !== 2147483647;
}

export function progressCondition(
  status: 'True' | 'False' | 'Unknown',
  reason: string,
  message: string,
  nowMs: number,
): DeploymentCondition {
  const now = toTime(nowMs);
  return { type: 'Progressing', status, lastUpdateTime: now, lastTransitionTime: now, reason, message };
}

/** Counts of all replica sets, and the Available condition. Source: `sync.go` (calculateStatus). */
export function planStatus(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  newReplicaSet: ReplicaSet | undefined,
  nowMs: number,
): DeploymentStatus {
  const sum = (count: (each: ReplicaSet) => number | undefined): number =>
    all.reduce((total, each) => total + (count(each) ?? 0), 0);
  const available = totalAvailable(all);
  const isAvailable = available >= (deployment.spec.replicas ?? 1) - maxUnavailableOf(deployment);
  const now = toTime(nowMs);
  const condition: DeploymentCondition = {
    type: 'Available',
    status: isAvailable ? 'True' : 'False',
    lastUpdateTime: now,
    lastTransitionTime: now,
    reason: isAvailable ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: isAvailable ? 'Deployment has minimum availability.' : 'Deployment does not have minimum availability.',
  };
  const { collisionCount, conditions } = deployment.status ?? {};
  const counts = {
    replicas: sum((each) => each.status?.replicas),
    updatedReplicas: newReplicaSet?.status?.replicas ?? 0,
    readyReplicas: sum((each) => each.status?.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, totalSize(all) - available),
  };
  const tellTerminating = all.every((each) => each.status?.terminatingReplicas !== undefined);
  return {
    ...(deployment.metadata.generation === undefined ? {} : { observedGeneration: deployment.metadata.generation }),
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    ...(tellTerminating ? { terminatingReplicas: sum((each) => each.status?.terminatingReplicas) } : {}),
    conditions: withCondition(conditions, condition),
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
}

/** The status with the Progressing and ReplicaFailure conditions of a roll-out. Source: `progress.go` (syncRolloutStatus). */
export function withProgress(
  deployment: Deployment,
  status: DeploymentStatus,
  all: readonly ReplicaSet[],
  newReplicaSet: ReplicaSet | undefined,
  nowMs: number,
): DeploymentStatus {
  const conditions = planProgress(deployment, status, newReplicaSet, nowMs);
  const failure = findFailure(newReplicaSet) ?? all.map(findFailure).find((each) => each !== undefined);
  if (failure === undefined) return { ...status, conditions: withoutCondition(conditions, 'ReplicaFailure') };
  const lastUpdateTime = failure.lastTransitionTime;
  return { ...status, conditions: withCondition(conditions, { ...failure, lastUpdateTime }) };
}

function planProgress(
  deployment: Deployment,
  status: DeploymentStatus,
  newReplicaSet: ReplicaSet | undefined,
  nowMs: number,
): DeploymentCondition[] {
  const conditions = [...(status.conditions ?? [])];
  if (!hasProgressDeadline(deployment)) return withoutCondition(conditions, 'Progressing');
  const current = findCondition<DeploymentCondition>(deployment.status?.conditions, 'Progressing');
  const isSettled =
    (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === 'NewReplicaSetAvailable';
  if (isSettled) return conditions;
  const what =
    newReplicaSet === undefined
      ? `Deployment "${deployment.metadata.name}"`
      : `ReplicaSet "${newReplicaSet.metadata.name}"`;
  if (isComplete(deployment, status)) {
    const message = `${what} has successfully progressed.`;
    return withCondition(conditions, progressCondition('True', 'NewReplicaSetAvailable', message, nowMs));
  }
  if (isProgressing(deployment, status)) {
    const next = progressCondition('True', 'ReplicaSetUpdated', `${what} is progressing.`, nowMs);
    // Put in anew, so that the time of the last progress moves on.
    const kept = current?.status === 'True' ? current.lastTransitionTime : undefined;
    return [
      ...withoutCondition(conditions, 'Progressing'),
      kept === undefined ? next : { ...next, lastTransitionTime: kept },
    ];
  }
  if (isTimedOut(deployment, status, nowMs)) {
    const message = `${what} has timed out progressing.`;
    return withCondition(conditions, progressCondition('False', 'ProgressDeadlineExceeded', message, nowMs));
  }
  return conditions;
}

/** Whether all pods are of the new template, wished for and available. */
export function isComplete(deployment: Deployment, status: DeploymentStatus | undefined): boolean {
  const wanted = deployment.spec.replicas ?? 1;
  return (
    (status?.updatedReplicas ?? 0) === wanted &&
    (status?.replicas ?? 0) === wanted &&
    (status?.availableReplicas ?? 0) === wanted &&
    (status?.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

/** Milliseconds until the roll-out is to be judged for its deadline again; undefined where it is not waited for. */
export function progressCheckInMs(deployment: Deployment, nowMs: number): number | undefined {
  const current = findCondition<DeploymentCondition>(deployment.status?.conditions, 'Progressing');
  if (!hasProgressDeadline(deployment) || current === undefined) return undefined;
  if (deployment.spec.paused || deployment.metadata.deletionTimestamp !== undefined) return undefined;
  if (isComplete(deployment, deployment.status)) return undefined;
  // A roll-out that has ended, well or not, does not time out any more.
  if (current.reason === 'ProgressDeadlineExceeded' || current.reason === 'NewReplicaSetAvailable') return undefined;
  const sinceMs = parseTime(current.lastUpdateTime) ?? nowMs;
  const leftMs = sinceMs + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000 - nowMs;
  return Math.max(leftMs + 1000, 1000);
}

function isProgressing(deployment: Deployment, status: DeploymentStatus): boolean {
  const before = deployment.status ?? {};
  const oldOf = (each: DeploymentStatus): number => (each.replicas ?? 0) - (each.updatedReplicas ?? 0);
  return (
    (status.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    oldOf(status) < oldOf(before) ||
    (status.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (status.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function isTimedOut(deployment: Deployment, status: DeploymentStatus, nowMs: number): boolean {
  const current = findCondition<DeploymentCondition>(status.conditions, 'Progressing');
  if (current === undefined || current.reason === 'NewReplicaSetAvailable') return false;
  if (current.reason === 'ProgressDeadlineExceeded') return true;
  const sinceMs = parseTime(current.lastUpdateTime) ?? nowMs;
  return sinceMs + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000 < nowMs;
}

function findFailure(replicaSet: ReplicaSet | undefined): DeploymentCondition | undefined {
  return findCondition(replicaSet?.status?.conditions, 'ReplicaFailure');
}
