import type { Pod, Taint, Toleration } from '../../generated/api/core/v1.ts';

export type EvictionPlan =
  | { readonly step: 'keep' }
  | { readonly step: 'evict' }
  /** Evict after so long, counted from when the taints came. */
  | { readonly step: 'wait'; readonly seconds: number };

/**
 * Decides what the NoExecute taints of its node do to a pod. The shortest time of the tolerations that are used counts;
 * one of 0 or less evicts at once.
 *
 * Source: `pkg/controller/tainteviction/taint_eviction.go` (processPodOnNode, getMinTolerationTime).
 */
export function planEviction(pod: Pod, taints: readonly Taint[]): EvictionPlan {
  const evicting = taints.filter((taint) => taint.effect === 'NoExecute');
  if (evicting.length === 0) return { step: 'keep' };
  const used: Toleration[] = [];
  for (const taint of evicting) {
    const toleration = (pod.spec?.tolerations ?? []).find((each) => toleratesTaint(each, taint));
    if (toleration === undefined) return { step: 'evict' };
    used.push(toleration);
  }
  const limits = used
    .map((toleration) => toleration.tolerationSeconds)
    .filter((seconds) => seconds !== undefined)
    .map(Number);
  if (limits.length === 0) return { step: 'keep' };
  const seconds = Math.min(...limits);
  return seconds <= 0 ? { step: 'evict' } : { step: 'wait', seconds };
}

/** Whether a toleration covers a taint. Source: `k8s.io/api/core/v1/toleration.go` (ToleratesTaint). */
export function toleratesTaint(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  switch (toleration.operator ?? '') {
    case '':
    case 'Equal':
      return (toleration.value ?? '') === (taint.value ?? '');
    case 'Exists':
      return true;
    default:
      return false;
  }
}
