import type { Pod, PodCondition } from '../../generated/api/core/v1.ts';
import { findCondition, isConditionTrue } from '../conditions.ts';
import { parseTime } from '../timestamps.ts';

export function isPodReady(pod: Pod): boolean {
  return isConditionTrue(pod.status?.conditions, 'Ready');
}

/** Whether the pod has been ready for `minReadySeconds`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  const ready = findCondition<PodCondition>(pod.status?.conditions, 'Ready');
  if (ready?.status !== 'True') return false;
  if (minReadySeconds === 0) return true;
  const sinceMs = parseTime(ready.lastTransitionTime);
  return sinceMs !== undefined && sinceMs + minReadySeconds * 1000 <= nowMs;
}

/** Milliseconds until a ready pod becomes available; undefined where time alone changes nothing. */
export function availableInMs(pod: Pod, minReadySeconds: number, nowMs: number): number | undefined {
  const ready = findCondition<PodCondition>(pod.status?.conditions, 'Ready');
  const sinceMs = parseTime(ready?.lastTransitionTime);
  if (ready?.status !== 'True' || minReadySeconds === 0 || sinceMs === undefined) return undefined;
  const leftMs = sinceMs + minReadySeconds * 1000 - nowMs;
  return leftMs > 0 ? leftMs : undefined;
}

/** Whether all containers have ended for good. */
export function isPodEnded(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

export function isPodTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

/** Neither ended nor on its way out. */
export function isPodActive(pod: Pod): boolean {
  return !isPodEnded(pod) && !isPodTerminating(pod);
}

/** Restarts of all containers. */
export function restartsOf(pod: Pod): number {
  const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  return all.reduce((sum, container) => sum + (container.restartCount ?? 0), 0);
}

/** Value of `controller.kubernetes.io/pod-deletion-cost`; 0 where absent or unreadable. */
export function deletionCostOf(pod: Pod): number {
  const text = pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'];
  return text !== undefined && /^-?([1-9]\d*|0)$/.test(text) ? Number(text) : 0;
}
