import type { HorizontalPodAutoscaler, HPAScalingRules } from '../../generated/api/autoscaling/v2.ts';

/** A change of size that was made, or a size that was recommended. */
export interface Mark {
  readonly ms: number;
  readonly value: number;
}

export interface Memory {
  /** Sizes recommended in the past, for the stabilization windows. */
  readonly recommendations: readonly Mark[];
  /** Pods added and removed in the past, for the policies. */
  readonly ups: readonly Mark[];
  readonly downs: readonly Mark[];
}

export const emptyMemory: Memory = { recommendations: [], ups: [], downs: [] };

export interface SizePlan {
  readonly replicas: number;
  readonly memory: Memory;
  readonly able: { readonly reason: string; readonly message: string };
  readonly limited: { readonly status: 'True' | 'False'; readonly reason: string; readonly message: string };
}

const LONGEST_WINDOW_MS = 3_600_000;

/** Source: `k8s.io/kubernetes/pkg/apis/autoscaling/v2/defaults.go`. */
const upRules: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const downRules: HPAScalingRules = {
  stabilizationWindowSeconds: 300,
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
};

export function rulesOf(hpa: HorizontalPodAutoscaler): {
  readonly up: HPAScalingRules;
  readonly down: HPAScalingRules;
} {
  const { scaleUp, scaleDown } = hpa.spec.behavior ?? {};
  return { up: { ...upRules, ...defined(scaleUp) }, down: { ...downRules, ...defined(scaleDown) } };
}

function defined(rules: HPAScalingRules | undefined): HPAScalingRules {
  return Object.fromEntries(Object.entries(rules ?? {}).filter(([, value]) => value !== undefined));
}

/**
 * The size that a recommendation leads to: steadied over the windows, slowed by the policies, kept within the limits. The
 * first look remembers the size that there is, so that nothing is scaled down right after a start.
 *
 * Source: `pkg/controller/podautoscaler/horizontal.go` (normalizeDesiredReplicas, normalizeDesiredReplicasWithBehaviors).
 */
export function planSize(
  hpa: HorizontalPodAutoscaler,
  current: number,
  recommended: number,
  memory: Memory,
  nowMs: number,
): SizePlan {
  const rules = rulesOf(hpa);
  const first = memory.recommendations.length === 0 ? [{ ms: nowMs, value: current }] : memory.recommendations;
  const recent = first.filter((mark) => nowMs - mark.ms < LONGEST_WINDOW_MS);
  const recommendations = [...recent, { ms: nowMs, value: recommended }];
  const next = { ...memory, recommendations };
  const inWindow = ({ stabilizationWindowSeconds = 0 }: HPAScalingRules): number[] =>
    recommendations.filter((mark) => mark.ms > nowMs - stabilizationWindowSeconds * 1000).map((mark) => mark.value);
  const highest = Math.max(recommended, ...inWindow(rules.down));
  if (hpa.spec.behavior === undefined) {
    const able = highest === recommended ? readyToScale : downStabilized;
    return { ...limitPlainly(hpa, current, highest), memory: next, able };
  }
  const lowest = Math.min(recommended, ...inWindow(rules.up));
  const steady = Math.min(Math.max(current, lowest), highest);
  const stabilized = recommended >= current ? upStabilized : downStabilized;
  const { replicas, limited } = limit(hpa, current, steady, next, { ...rules, nowMs });
  return { replicas, memory: next, able: steady === recommended ? readyToScale : stabilized, limited };
}

const readyToScale = { reason: 'ReadyForNewScale', message: 'recommended size matches current size' };
const upStabilized = {
  reason: 'ScaleUpStabilized',
  message: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
};
const downStabilized = {
  reason: 'ScaleDownStabilized',
  message: 'recent recommendations were higher than current one, applying the highest recent recommendation',
};

type Limited = Pick<SizePlan, 'replicas' | 'limited'>;

const capped = (replicas: number, reason: string, message: string): Limited => ({
  replicas,
  limited: { status: 'True', reason, message },
});
const tooFast = 'the desired replica count is increasing faster than the maximum scale rate';
const tooMany = 'the desired replica count is more than the maximum replica count';
const tooFew = 'the desired replica count is less than the minimum replica count';
const withinRange = {
  status: 'False',
  reason: 'DesiredWithinRange',
  message: 'the desired count is within the acceptable range',
} as const;

/** Without wishes of the user: at most doubled at a time, but 4 in any case. Source: convertDesiredReplicasWithRules. */
function limitPlainly({ spec }: HorizontalPodAutoscaler, current: number, wanted: number): Limited {
  const { minReplicas = 1, maxReplicas } = spec;
  const rate = Math.max(2 * current, 4);
  if (wanted < minReplicas) return capped(minReplicas, 'TooFewReplicas', tooFew);
  if (wanted > Math.min(rate, maxReplicas)) {
    return maxReplicas > rate ? capped(rate, 'ScaleUpLimit', tooFast) : capped(maxReplicas, 'TooManyReplicas', tooMany);
  }
  return { replicas: wanted, limited: withinRange };
}

/** Source: convertDesiredReplicasWithBehaviorRate. */
function limit(
  { spec }: HorizontalPodAutoscaler,
  current: number,
  wanted: number,
  memory: Memory,
  { up, down, nowMs }: { readonly up: HPAScalingRules; readonly down: HPAScalingRules; readonly nowMs: number },
): Limited {
  const { minReplicas = 1, maxReplicas } = spec;
  if (wanted > current) {
    const rate = Math.max(current, upLimit(up, current, memory, nowMs));
    if (wanted > Math.min(rate, maxReplicas)) {
      return maxReplicas > rate
        ? capped(rate, 'ScaleUpLimit', tooFast)
        : capped(maxReplicas, 'TooManyReplicas', tooMany);
    }
  } else if (wanted < current) {
    const rate = Math.min(current, downLimit(down, current, memory, nowMs));
    if (wanted < Math.max(rate, minReplicas)) {
      const tooSlow = 'the desired replica count is decreasing faster than the maximum scale rate';
      return rate > minReplicas
        ? capped(rate, 'ScaleDownLimit', tooSlow)
        : capped(minReplicas, 'TooFewReplicas', tooFew);
    }
  }
  return { replicas: wanted, limited: withinRange };
}

function changeWithin(marks: readonly Mark[], seconds: number, nowMs: number): number {
  return marks.filter((mark) => nowMs - mark.ms < seconds * 1000).reduce((sum, mark) => sum + mark.value, 0);
}

function upLimit(rules: HPAScalingRules, current: number, memory: Memory, nowMs: number): number {
  if (rules.selectPolicy === 'Disabled') return current;
  const limits = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start =
      current - changeWithin(memory.ups, periodSeconds, nowMs) + changeWithin(memory.downs, periodSeconds, nowMs);
    return type === 'Pods' ? start + value : Math.ceil(start * (1 + value / 100));
  });
  if (limits.length === 0) return Number.POSITIVE_INFINITY;
  return rules.selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits);
}

function downLimit(rules: HPAScalingRules, current: number, memory: Memory, nowMs: number): number {
  if (rules.selectPolicy === 'Disabled') return current;
  const limits = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start =
      current - changeWithin(memory.ups, periodSeconds, nowMs) + changeWithin(memory.downs, periodSeconds, nowMs);
    return type === 'Pods' ? start - value : Math.floor(start * (1 - value / 100));
  });
  if (limits.length === 0) return 0;
  return rules.selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits);
}

/** The memory after a change of size. */
export function remember(memory: Memory, before: number, after: number, nowMs: number): Memory {
  const fresh = (marks: readonly Mark[]): Mark[] => marks.filter((mark) => nowMs - mark.ms < LONGEST_WINDOW_MS);
  const ups = fresh(memory.ups);
  const downs = fresh(memory.downs);
  if (after > before) ups.push({ ms: nowMs, value: after - before });
  if (after < before) downs.push({ ms: nowMs, value: before - after });
  return { ...memory, ups, downs };
}
