import type { Pod, PodTemplateSpec } from '../../generated/api/core/v1.ts';
import type { LabelSelector } from '../../generated/api/meta/v1.ts';
import { type AnyCondition, findCondition, withCondition, withoutCondition } from '../conditions.ts';
import { availableInMs, deletionCostOf, isPodAvailable, isPodReady, restartsOf } from '../pods/pod-state.ts';
import { matchesLabels } from '../selector.ts';
import { parseTime, toTime } from '../timestamps.ts';

/** What replica sets and replication controllers have in common. */
export interface ReplicaSpec {
  readonly replicas: number;
  readonly minReadySeconds: number;
  readonly selector: LabelSelector;
  readonly template: PodTemplateSpec;
}

export interface ReplicaStatus {
  replicas: number;
  fullyLabeledReplicas?: number | undefined;
  readyReplicas?: number | undefined;
  availableReplicas?: number | undefined;
  terminatingReplicas?: number | undefined;
  observedGeneration?: number | undefined;
  conditions?: AnyCondition[] | undefined;
}

/** Pods made or deleted in one go at most. Source: `pkg/controller/replicaset/replica_set.go` (BurstReplicas). */
const BURST = 500;

export type ScalePlan =
  | { readonly step: 'keep' }
  | { readonly step: 'create'; readonly count: number }
  | { readonly step: 'delete'; readonly pods: readonly Pod[] };

/** Decides how the number of pods comes to what is wished; `related` are all pods of the owner's siblings. */
export function planScale(replicas: number, active: readonly Pod[], related: readonly Pod[], nowMs: number): ScalePlan {
  const missing = replicas - active.length;
  if (missing === 0) return { step: 'keep' };
  if (missing > 0) return { step: 'create', count: Math.min(missing, BURST) };
  const count = Math.min(-missing, BURST);
  return { step: 'delete', pods: rankForDeletion(active, related, nowMs).slice(0, count) };
}

/**
 * Pods in the order in which they go first: those that do the least good. Among pods alike, those on nodes with many
 * siblings go first.
 *
 * Source: `pkg/controller/controller_utils.go` (ActivePodsWithRanks.Less).
 */
export function rankForDeletion(pods: readonly Pod[], related: readonly Pod[], nowMs: number): Pod[] {
  const onNode = new Map<string, number>();
  for (const pod of related) {
    const node = pod.spec?.nodeName ?? '';
    onNode.set(node, (onNode.get(node) ?? 0) + 1);
  }
  const phases: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };
  const readySinceMs = (pod: Pod): number =>
    parseTime(findCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime) ?? 0;
  const createdMs = (pod: Pod): number => parseTime(pod.metadata.creationTimestamp) ?? 0;
  /** Ages count by their power of two, so that of pods of about the same age not always the youngest goes. */
  const ageRank = (sinceMs: number): number => Math.floor(Math.log2(Math.max(1, (nowMs - sinceMs) / 1000)));
  const order = (a: Pod, b: Pod): number => {
    const rules: (() => number)[] = [
      () => Number(Boolean(a.spec?.nodeName)) - Number(Boolean(b.spec?.nodeName)),
      () => (phases[a.status?.phase ?? 'Pending'] ?? 0) - (phases[b.status?.phase ?? 'Pending'] ?? 0),
      () => Number(isPodReady(a)) - Number(isPodReady(b)),
      () => deletionCostOf(a) - deletionCostOf(b),
      () => (onNode.get(b.spec?.nodeName ?? '') ?? 0) - (onNode.get(a.spec?.nodeName ?? '') ?? 0),
      () => (isPodReady(a) && isPodReady(b) ? ageRank(readySinceMs(a)) - ageRank(readySinceMs(b)) : 0),
      () => restartsOf(b) - restartsOf(a),
      () => ageRank(createdMs(a)) - ageRank(createdMs(b)),
      () => ((a.metadata.uid ?? '') < (b.metadata.uid ?? '') ? -1 : 1),
    ];
    for (const rule of rules) {
      const difference = rule();
      if (difference !== 0) return difference;
    }
    return 0;
  };
  return [...pods].sort(order);
}

/** The status after a round; `failure` is what went wrong in it. */
export function planStatus(
  current: ReplicaStatus | undefined,
  spec: ReplicaSpec,
  pods: { readonly active: readonly Pod[]; readonly terminating: number | undefined },
  context: { readonly generation: number | undefined; readonly failure?: unknown; readonly nowMs: number },
): ReplicaStatus {
  const { active } = pods;
  const ready = active.filter(isPodReady);
  const failed = findCondition(current?.conditions, 'ReplicaFailure');
  let conditions = current?.conditions;
  if (context.failure !== undefined && failed === undefined) {
    const missing = spec.replicas - active.length;
    const reason = missing > 0 ? 'FailedCreate' : missing < 0 ? 'FailedDelete' : '';
    const message = context.failure instanceof Error ? context.failure.message : String(context.failure);
    const lastTransitionTime = toTime(context.nowMs);
    conditions = withCondition(conditions, {
      type: 'ReplicaFailure',
      status: 'True',
      reason,
      message,
      lastTransitionTime,
    });
  } else if (context.failure === undefined && failed !== undefined) {
    conditions = withoutCondition(conditions, 'ReplicaFailure');
  }
  const template = spec.template.metadata?.labels;
  const count = (name: string, value: number): object => (value === 0 ? {} : { [name]: value });
  return {
    replicas: active.length,
    ...count('fullyLabeledReplicas', active.filter((pod) => matchesLabels(template, pod.metadata.labels)).length),
    ...count('readyReplicas', ready.length),
    ...count(
      'availableReplicas',
      ready.filter((pod) => isPodAvailable(pod, spec.minReadySeconds, context.nowMs)).length,
    ),
    ...(pods.terminating === undefined ? {} : { terminatingReplicas: pods.terminating }),
    ...(context.generation === undefined ? {} : { observedGeneration: context.generation }),
    ...(conditions === undefined || conditions.length === 0 ? {} : { conditions }),
  };
}

/** Milliseconds until the next ready pod becomes available; undefined where none will by time alone. */
export function nextAvailabilityMs(spec: ReplicaSpec, active: readonly Pod[], nowMs: number): number | undefined {
  const waits = active
    .map((pod) => availableInMs(pod, spec.minReadySeconds, nowMs))
    .filter((waitMs) => waitMs !== undefined);
  return waits.length === 0 ? undefined : Math.min(...waits);
}
