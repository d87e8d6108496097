import type { NodeInfo } from '../cache/node-info.ts';
import {
  type FilterPlugin,
  fits,
  MAX_SCORE,
  type ScorePlugin,
  unresolvable,
  unschedulable,
} from '../framework/plugin.ts';

/** Lets a pod onto nodes that have room for its requests. Source: noderesources/fit.go. */
export const nodeResourcesFit: FilterPlugin = {
  name: 'NodeResourcesFit',
  wakesOn: ['node-added', 'node-updated', 'pod-deleted', 'pod-updated', 'class-changed'],
  looksAt: 'node',
  prepare({ request }, { devices }) {
    const wanted = [...request.amounts].filter(([, amount]) => amount > 0);
    return {
      filter(node) {
        let reasons: string[] | undefined;
        let hopeless = false;
        const add = (reason: string): void => {
          reasons ??= [];
          reasons.push(reason);
        };
        if (node.podCount + 1 > node.allocatable('pods')) add('Too many pods');
        for (const [resource, amount] of wanted) {
          const allocatable = node.allocatable(resource);
          if (amount <= allocatable - node.used(resource)) continue;
          // The node offers it by devices, which are judged elsewhere.
          if (allocatable === 0 && devices?.standFor(resource)) continue;
          add(`Insufficient ${resource}`);
          // More than the whole node has: no eviction makes room.
          if (amount > allocatable) hopeless = true;
        }
        if (reasons === undefined) return fits;
        return hopeless ? unresolvable(...reasons) : unschedulable(...reasons);
      },
    };
  },
};

const SCORED = ['cpu', 'memory'] as const;

export type ScoringType = 'LeastAllocated' | 'MostAllocated';

export function isScoringType(type: unknown): type is ScoringType {
  return type === 'LeastAllocated' || type === 'MostAllocated';
}

/**
 * Prefers nodes by the part of their resources that would be taken: with `LeastAllocated` those with the largest free
 * part, with `MostAllocated` those that are fullest.
 *
 * Source: noderesources/least_allocated.go, most_allocated.go.
 */
export function resourceScore(
  type: ScoringType,
  weights: Readonly<Record<'cpu' | 'memory', number>> = { cpu: 1, memory: 1 },
): ScorePlugin {
  return {
    name: 'NodeResourcesFit',
    weight: 1,
    score: ({ request }, nodes) =>
      nodes.map((node) => {
        let sum = 0;
        let weight = 0;
        for (const resource of SCORED) {
          const allocatable = node.allocatable(resource);
          if (allocatable === 0) continue;
          const taken = node.scored[resource] + request.scored[resource];
          const counted = type === 'MostAllocated' ? Math.min(taken, allocatable) : Math.max(0, allocatable - taken);
          sum += Math.floor((counted * MAX_SCORE) / allocatable) * weights[resource];
          weight += weights[resource];
        }
        return weight === 0 ? 0 : Math.floor(sum / weight);
      }),
  };
}

/** As upstream scores where nothing else is configured. */
export const leastAllocated: ScorePlugin = resourceScore('LeastAllocated');

/**
 * Prefers nodes on which the pod makes the use of cpu and memory more alike than it is.
 *
 * Source: noderesources/balanced_allocation.go (balancedResourceScorer).
 */
export const balancedAllocation: ScorePlugin = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  score({ request }, nodes) {
    const more = { cpu: request.amounts.get('cpu') ?? 0, memory: request.amounts.get('memory') ?? 0 };
    // Pods that ask for nothing cannot unbalance anything.
    if (more.cpu === 0 && more.memory === 0) return undefined;
    return nodes.map((node) => {
      const gain = balanceOf(node, more) - balanceOf(node, { cpu: 0, memory: 0 });
      return MAX_SCORE / 2 + Math.trunc((MAX_SCORE / 2 + gain) / 2);
    });
  },
};

/** 50 to 100: how alike the used parts of cpu and memory are. Called twice for each node and pod: nothing is made here. */
function balanceOf(node: NodeInfo, more: Readonly<Record<'cpu' | 'memory', number>>): number {
  const cpu = partOf(node, 'cpu', more.cpu);
  const memory = partOf(node, 'memory', more.memory);
  // A node that has none of a resource is balanced in what it has.
  const difference = cpu < 0 || memory < 0 ? 0 : Math.abs(cpu - memory);
  return Math.trunc((1 - difference / 2) * MAX_SCORE);
}

/** The part of a resource that is taken with `more` of it, at most 1; -1 where the node has none. */
function partOf(node: NodeInfo, resource: 'cpu' | 'memory', more: number): number {
  const allocatable = node.allocatable(resource);
  return allocatable === 0 ? -1 : Math.min(1, (node.used(resource) + more) / allocatable);
}
