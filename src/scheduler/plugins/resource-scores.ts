import type { NodeInfo } from '../cache/node-info.ts';
import type { PodRequest } from '../cache/pod-request.ts';
import { MAX_SCORE, type ScorePlugin } from '../framework/plugin.ts';

export interface WeightedResource {
  readonly name: string;
  readonly weight: number;
}

/** A point of a line: at how much of a resource taken, in percent, which score from 0 to 10. */
export interface ShapePoint {
  readonly utilization: number;
  readonly score: number;
}

export type ScoringStrategy =
  | { readonly type: 'LeastAllocated' | 'MostAllocated'; readonly resources: readonly WeightedResource[] }
  | {
      readonly type: 'RequestedToCapacityRatio';
      readonly resources: readonly WeightedResource[];
      readonly shape: readonly ShapePoint[];
    };

export const defaultResources: readonly WeightedResource[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];

/** Highest score of a shape. Source: apis/config (MaxCustomPriorityScore). */
const MOST_OF_SHAPE = 10;

/**
 * Prefers nodes by the part of their resources that would be taken: with `LeastAllocated` those with the largest free
 * part, with `MostAllocated` those that are fullest, else as a line says.
 *
 * Source: noderesources/resource_allocation.go, least_allocated.go, most_allocated.go, requested_to_capacity_ratio.go.
 */
export function resourceScore(strategy: ScoringStrategy): ScorePlugin {
  const scoreOf = toScoreFunction(strategy);
  const isRatio = strategy.type === 'RequestedToCapacityRatio';
  return {
    name: 'NodeResourcesFit',
    weight: 1,
    score: ({ request }, nodes) =>
      nodes.map((node) => {
        let sum = 0;
        let weights = 0;
        for (const { name, weight } of strategy.resources) {
          const allocatable = node.allocatable(name);
          if (allocatable === 0 || (isScalar(name) && !request.amounts.get(name))) continue;
          const score = scoreOf(takenOf(node, name) + wantedOf(request, name), allocatable);
          // As upstream, what scores nothing by a line does not count at all.
          if (isRatio && score <= 0) continue;
          sum += score * weight;
          weights += weight;
        }
        if (weights === 0) return 0;
        return isRatio ? Math.round(sum / weights) : Math.floor(sum / weights);
      }),
  };
}

function toScoreFunction(strategy: ScoringStrategy): (taken: number, allocatable: number) => number {
  switch (strategy.type) {
    case 'LeastAllocated':
      return (taken, all) => Math.floor((Math.max(0, all - taken) * MAX_SCORE) / all);
    case 'MostAllocated':
      return (taken, all) => Math.floor((Math.min(taken, all) * MAX_SCORE) / all);
    case 'RequestedToCapacityRatio':
      return (taken, all) => lineAt(strategy.shape, taken > all ? 100 : Math.floor((taken * 100) / all));
  }
}

/** Source: plugins/helper/shape_score.go (BuildBrokenLinearFunction). */
function lineAt(shape: readonly ShapePoint[], utilization: number): number {
  let before: ShapePoint | undefined;
  for (const point of shape) {
    if (utilization > point.utilization) {
      before = point;
      continue;
    }
    const to = point.score * (MAX_SCORE / MOST_OF_SHAPE);
    if (before === undefined) return to;
    const from = before.score * (MAX_SCORE / MOST_OF_SHAPE);
    const part = ((to - from) * (utilization - before.utilization)) / (point.utilization - before.utilization);
    return from + Math.trunc(part);
  }
  return (before?.score ?? 0) * (MAX_SCORE / MOST_OF_SHAPE);
}

/** Devices and huge pages: they matter only for pods that ask for them. */
const isScalar = (name: string): boolean => name.includes('/') || name.startsWith('hugepages-');

/** Pods that ask for no cpu or memory count with upstream's least values. */
const takenOf = (node: NodeInfo, name: string): number =>
  name === 'cpu' || name === 'memory' ? node.scored[name] : node.used(name);
const wantedOf = (request: PodRequest, name: string): number =>
  name === 'cpu' || name === 'memory' ? request.scored[name] : (request.amounts.get(name) ?? 0);

/**
 * Prefers nodes on which the pod makes the use of their resources more alike than it is.
 *
 * Source: noderesources/balanced_allocation.go (balancedResourceScorer).
 */
export function balancedAllocation(resources: readonly WeightedResource[] = defaultResources): ScorePlugin {
  const names = resources.map(({ name }) => name);
  return {
    name: 'NodeResourcesBalancedAllocation',
    weight: 1,
    score({ request }, nodes) {
      const more = names.map((name) => request.amounts.get(name) ?? 0);
      // Pods that ask for nothing cannot unbalance anything.
      if (more.every((amount) => amount === 0)) return undefined;
      const none = more.map(() => 0);
      const isCounted = names.map((name, index) => !isScalar(name) || more[index] !== 0);
      return nodes.map((node) => {
        const gain = balanceOf(node, names, isCounted, more) - balanceOf(node, names, isCounted, none);
        return MAX_SCORE / 2 + Math.trunc((MAX_SCORE / 2 + gain) / 2);
      });
    },
  };
}

/** 50 to 100: how alike the used parts are. Called twice for each node and pod: nothing is made here. */
function balanceOf(
  node: NodeInfo,
  names: readonly string[],
  isCounted: readonly boolean[],
  more: readonly number[],
): number {
  let count = 0;
  let sum = 0;
  let squares = 0;
  for (let at = 0; at < names.length; at++) {
    const name = names[at] as string;
    const allocatable = node.allocatable(name);
    if (allocatable === 0 || !isCounted[at]) continue;
    const part = Math.min(1, (node.used(name) + (more[at] ?? 0)) / allocatable);
    count++;
    sum += part;
    squares += part * part;
  }
  if (count < 2) return MAX_SCORE;
  const mean = sum / count;
  const deviation = Math.sqrt(Math.max(0, squares / count - mean * mean));
  return Math.trunc((1 - deviation) * MAX_SCORE);
}
