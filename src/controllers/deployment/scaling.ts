import type { Deployment, ReplicaSet } from '../../generated/api/apps/v1.ts';
import { isRollingUpdate, maxSurgeOf, maxUnavailableOf } from './fenceposts.ts';
import { byCreation, DESIRED, MAX } from './revisions.ts';

/** A wished size for one replica set. */
export interface Scale {
  readonly replicaSet: ReplicaSet;
  readonly replicas: number;
}

export function sizeOf(replicaSet: ReplicaSet | undefined): number {
  return replicaSet === undefined ? 0 : (replicaSet.spec.replicas ?? 1);
}

export function totalSize(all: readonly ReplicaSet[]): number {
  return all.reduce((sum, each) => sum + sizeOf(each), 0);
}

export function totalAvailable(all: readonly ReplicaSet[]): number {
  return all.reduce((sum, each) => sum + (each.status?.availableReplicas ?? 0), 0);
}

/** Size of the new replica set in a roll-out: as far up as the surge allows. */
export function planNewSize(deployment: Deployment, all: readonly ReplicaSet[], newSize: number): number {
  const wanted = deployment.spec.replicas ?? 1;
  if (!isRollingUpdate(deployment)) return wanted;
  if (newSize >= wanted) return wanted;
  const room = wanted + maxSurgeOf(deployment) - totalSize(all);
  return room <= 0 ? newSize : newSize + Math.min(room, wanted - newSize);
}

/**
 * Sizes of old replica sets in a rolling update: unhealthy pods first, as they add nothing, then as many healthy ones as
 * availability allows; the oldest sets first. Empty where nothing may go yet.
 *
 * Source: `pkg/controller/deployment/rolling.go` (reconcileOldReplicaSets).
 */
export function planOldSizes(
  deployment: Deployment,
  newReplicaSet: ReplicaSet,
  oldReplicaSets: readonly ReplicaSet[],
): Scale[] {
  const minAvailable = (deployment.spec.replicas ?? 1) - maxUnavailableOf(deployment);
  const old = oldReplicaSets.filter((each) => sizeOf(each) > 0).sort(byCreation);
  if (old.length === 0) return [];
  const newUnavailable = sizeOf(newReplicaSet) - (newReplicaSet.status?.availableReplicas ?? 0);
  const maxScaledDown = totalSize([...old, newReplicaSet]) - minAvailable - newUnavailable;
  if (maxScaledDown <= 0) return [];
  const sizes = new Map(old.map((each) => [each, sizeOf(each)]));
  let cleaned = 0;
  for (const each of old) {
    const unhealthy = sizeOf(each) - (each.status?.availableReplicas ?? 0);
    const count = Math.min(maxScaledDown - cleaned, unhealthy);
    if (count <= 0) continue;
    sizes.set(each, sizeOf(each) - count);
    cleaned += count;
  }
  let spare = totalAvailable([...old, newReplicaSet]) - minAvailable;
  for (const each of old) {
    const count = Math.min(sizes.get(each) ?? 0, spare);
    if (count <= 0) continue;
    sizes.set(each, (sizes.get(each) ?? 0) - count);
    spare -= count;
  }
  return old
    .filter((each) => sizes.get(each) !== sizeOf(each))
    .map((replicaSet) => ({ replicaSet, replicas: sizes.get(replicaSet) ?? 0 }));
}

export interface ProportionalPlan {
  readonly scales: readonly Scale[];
  /** Write sizes remembered in annotations even where the size itself stays. */
  readonly force: boolean;
}

/**
 * Sizes after the deployment itself was scaled (or while it is paused). One active replica set takes it all; in the
 * middle of a rolling update each takes its share, the largest what rounding leaves.
 *
 * Source: `pkg/controller/deployment/sync.go` (scale).
 */
export function planProportional(
  deployment: Deployment,
  newReplicaSet: ReplicaSet | undefined,
  oldReplicaSets: readonly ReplicaSet[],
): ProportionalPlan {
  const wanted = deployment.spec.replicas ?? 1;
  const everything = newReplicaSet === undefined ? [...oldReplicaSets] : [...oldReplicaSets, newReplicaSet];
  const active = everything.filter((each) => sizeOf(each) > 0);
  if (active.length <= 1) {
    const only = active[0] ?? newReplicaSet ?? [...oldReplicaSets].sort(byCreation).at(-1);
    return { scales: only === undefined ? [] : [{ replicaSet: only, replicas: wanted }], force: false };
  }
  if (newReplicaSet !== undefined && isSaturated(wanted, newReplicaSet)) {
    const old = active.filter((each) => each !== newReplicaSet);
    return { scales: old.map((replicaSet) => ({ replicaSet, replicas: 0 })), force: false };
  }
  if (!isRollingUpdate(deployment)) return { scales: [], force: false };
  const allowed = wanted > 0 ? wanted + maxSurgeOf(deployment) : 0;
  const toAdd = allowed - totalSize(active);
  const ordered = [...active].sort(
    (a, b) => sizeOf(b) - sizeOf(a) || (toAdd > 0 ? byCreation(b, a) : byCreation(a, b)),
  );
  let added = 0;
  const sizes = ordered.map((each) => {
    const share = toAdd === 0 ? 0 : toShare(each, deployment, toAdd, added);
    added += share;
    return sizeOf(each) + share;
  });
  if (toAdd !== 0) sizes[0] = Math.max(0, (sizes[0] ?? 0) + toAdd - added);
  return { scales: ordered.map((replicaSet, i) => ({ replicaSet, replicas: sizes[i] ?? 0 })), force: true };
}

/** Whether some replica set remembers another size of the deployment: it was scaled since. */
export function isScalingEvent(deployment: Deployment, all: readonly ReplicaSet[]): boolean {
  return all
    .filter((each) => sizeOf(each) > 0)
    .map((each) => each.metadata.annotations?.[DESIRED])
    .some((desired) => desired !== undefined && Number(desired) !== (deployment.spec.replicas ?? 1));
}

function isSaturated(wanted: number, replicaSet: ReplicaSet): boolean {
  const desired = Number(replicaSet.metadata.annotations?.[DESIRED] ?? Number.NaN);
  const available = replicaSet.status?.availableReplicas ?? 0;
  return sizeOf(replicaSet) === wanted && desired === wanted && available === wanted;
}

function toShare(replicaSet: ReplicaSet, deployment: Deployment, toAdd: number, added: number): number {
  const size = sizeOf(replicaSet);
  const left = toAdd - added;
  if (size === 0 || left === 0) return 0;
  const fraction = toFraction(replicaSet, deployment, size);
  return toAdd > 0 ? Math.min(fraction, left) : Math.max(fraction, left);
}

function toFraction(replicaSet: ReplicaSet, deployment: Deployment, size: number): number {
  const wanted = deployment.spec.replicas ?? 1;
  if (wanted === 0) return -size;
  const before = Number(replicaSet.metadata.annotations?.[MAX] ?? 0) || (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  return Math.round((size * (wanted + maxSurgeOf(deployment))) / before) - size;
}
