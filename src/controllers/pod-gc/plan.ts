import type { Node, Pod } from '../../generated/api/core/v1.ts';
import { findCondition } from '../conditions.ts';
import { isPodEnded, isPodTerminating } from '../pods/pod-state.ts';
import { parseTime } from '../timestamps.ts';

export interface PodGcPlan {
  /** Ended pods beyond what is kept, evicted ones first, then the oldest. */
  readonly excess: readonly Pod[];
  /** Pods bound to a node that is gone. */
  readonly orphaned: readonly Pod[];
  /** Pods that are to go and were never bound: no kubelet will end them. */
  readonly unscheduled: readonly Pod[];
  /** Pods that are to go on a node that is out of service. */
  readonly stranded: readonly Pod[];
}

/** Source: `pkg/controller/podgc/gc_controller.go`. `isGone` says whether a node is surely gone. */
export function planPodGc(
  pods: readonly Pod[],
  nodes: ReadonlyMap<string, Node>,
  threshold: number,
  isGone: (node: string) => boolean,
): PodGcPlan {
  const createdMs = (pod: Pod): number => parseTime(pod.metadata.creationTimestamp) ?? 0;
  const ended = pods
    .filter((pod) => isPodEnded(pod) && !isPodTerminating(pod))
    .sort(
      (a, b) =>
        Number(isEvicted(b)) - Number(isEvicted(a)) ||
        createdMs(a) - createdMs(b) ||
        ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1),
    );
  const excess = threshold > 0 ? ended.slice(0, Math.max(0, ended.length - threshold)) : [];
  const orphaned = pods.filter(
    (pod) => pod.spec?.nodeName && !nodes.has(pod.spec.nodeName) && isGone(pod.spec.nodeName),
  );
  const going = pods.filter(isPodTerminating);
  const unscheduled = going.filter((pod) => !pod.spec?.nodeName);
  const stranded = going.filter((pod) => isOutOfService(nodes.get(pod.spec?.nodeName ?? '')));
  return { excess, orphaned, unscheduled, stranded };
}

function isEvicted({ status }: Pod): boolean {
  return status?.phase === 'Failed' && status.reason === 'Evicted';
}

function isOutOfService(node: Node | undefined): boolean {
  if (node === undefined || findCondition(node.status?.conditions, 'Ready')?.status === 'True') return false;
  return node.spec?.taints?.some((taint) => taint.key === 'node.kubernetes.io/out-of-service') ?? false;
}
