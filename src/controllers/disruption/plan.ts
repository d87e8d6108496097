import type { Pod } from '../../generated/api/core/v1.ts';
import type { Condition } from '../../generated/api/meta/v1.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../generated/api/policy/v1.ts';
import { findCondition } from '../conditions.ts';
import { toScaledInt } from '../int-or-percent.ts';
import { isPodEnded, isPodReady, isPodTerminating } from '../pods/pod-state.ts';
import { toStableText } from '../safe-hash.ts';
import { parseTime, toTime } from '../timestamps.ts';

/** An evicted pod that is still there after so long was not deleted at all. Source: `disruption.go` (DeletionTimeout). */
const DELETION_TIMEOUT_MS = 120_000;

/** Whether the budget needs the number of pods that their controllers wish for. */
export function needsScale({ spec }: PodDisruptionBudget): boolean {
  return spec?.maxUnavailable !== undefined || typeof spec?.minAvailable === 'string';
}

/** How many pods there should be, and how many of them must stay healthy. `scale` is what the controllers wish for. */
export function planExpected(
  { spec }: PodDisruptionBudget,
  podCount: number,
  scale: number,
): { readonly expected: number; readonly desired: number } {
  if (spec?.maxUnavailable !== undefined) {
    return { expected: scale, desired: Math.max(0, scale - toScaledInt(spec.maxUnavailable, scale, 'up')) };
  }
  if (typeof spec?.minAvailable === 'string') {
    return { expected: scale, desired: toScaledInt(spec.minAvailable, scale, 'up') };
  }
  return { expected: podCount, desired: spec?.minAvailable ?? 0 };
}

export interface DisruptionPlan {
  readonly status: PodDisruptionBudgetStatus;
  /** Evicted pods that were never deleted. */
  readonly notDeleted: readonly Pod[];
  /** When the status changes by time alone. */
  readonly recheckInMs: number | undefined;
}

/** Source: `pkg/controller/disruption/disruption.go` (buildDisruptedPodMap, countHealthyPods, updatePdbStatus). */
export function planStatus(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  { expected, desired }: { readonly expected: number; readonly desired: number },
  nowMs: number,
): DisruptionPlan {
  const disrupted: Record<string, string> = {};
  const notDeleted: Pod[] = [];
  const waits: number[] = [];
  for (const pod of pods) {
    const { name = '' } = pod.metadata;
    const time = budget.status?.disruptedPods?.[name];
    const sinceMs = parseTime(time);
    if (time === undefined || sinceMs === undefined || isPodTerminating(pod)) continue;
    const leftMs = sinceMs + DELETION_TIMEOUT_MS - nowMs;
    if (leftMs < 0) notDeleted.push(pod);
    else {
      disrupted[name] = time;
      waits.push(leftMs + 1);
    }
  }
  const isHealthy = (pod: Pod): boolean =>
    !isPodTerminating(pod) && isPodReady(pod) && disrupted[pod.metadata.name ?? ''] === undefined;
  const currentHealthy = pods.filter(isHealthy).length;
  const allowed = expected <= 0 ? 0 : Math.max(0, currentHealthy - desired);
  const { generation } = budget.metadata;
  const status: PodDisruptionBudgetStatus = {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(Object.keys(disrupted).length === 0 ? {} : { disruptedPods: disrupted }),
    disruptionsAllowed: allowed,
    currentHealthy,
    desiredHealthy: desired,
    expectedPods: expected,
    conditions: withAllowed(budget.status?.conditions, {
      type: 'DisruptionAllowed',
      status: allowed > 0 ? 'True' : 'False',
      reason: allowed > 0 ? 'SufficientPods' : 'InsufficientPods',
      message: '',
      lastTransitionTime: toTime(nowMs),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    }),
  };
  return { status, notDeleted, recheckInMs: waits.length === 0 ? undefined : Math.min(...waits) };
}

/** The status of a budget that cannot be reckoned: nothing may be disrupted. */
export function planFailure(budget: PodDisruptionBudget, message: string, nowMs: number): PodDisruptionBudgetStatus {
  const { observedGeneration } = budget.status ?? {};
  const condition = {
    type: 'DisruptionAllowed',
    status: 'False',
    reason: 'SyncFailed',
    message,
    lastTransitionTime: toTime(nowMs),
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
  };
  return { ...budget.status, disruptionsAllowed: 0, conditions: withAllowed(budget.status?.conditions, condition) };
}

function withAllowed(conditions: readonly Condition[] | undefined, next: Condition): Condition[] {
  const current = findCondition(conditions, next.type);
  const kept = current?.status === next.status ? { ...next, lastTransitionTime: current.lastTransitionTime } : next;
  const others = (conditions ?? []).filter((each) => each.type !== next.type);
  return current !== undefined && toStableText(current) === toStableText(kept)
    ? [...(conditions ?? [])]
    : [...others, kept];
}

/**
 * Milliseconds until a pod's mark of disruption is stale, since nobody deleted it; undefined without such a mark.
 *
 * Source: `disruption.go` (nonTerminatingPodHasStaleDisruptionCondition), 2 minutes.
 */
export function staleMarkInMs(pod: Pod, nowMs: number): number | undefined {
  const mark = findCondition(pod.status?.conditions, 'DisruptionTarget');
  if (mark?.status !== 'True' || mark.reason === 'TerminationByKubelet') return undefined;
  if (isPodTerminating(pod) || isPodEnded(pod)) return undefined;
  return Math.max(0, (parseTime(mark.lastTransitionTime) ?? 0) + DELETION_TIMEOUT_MS - nowMs);
}
