import type { NodeInfo } from '../cache/node-info.ts';
import {
  type FilterPlugin,
  fits,
  MAX_SCORE,
  type PodUnderScheduling,
  type ScorePlugin,
  unresolvable,
  unschedulable,
} from '../framework/plugin.ts';

/** Lets a pod onto nodes that have room for its requests. */
export const nodeResourcesFit: FilterPlugin = {
  name: 'NodeResourcesFit',
  wakesOn: ['node-added', 'node-updated', 'pod-deleted', 'pod-updated'],
  prepare({ request }) {
    return {
      filter(node) {
        const reasons: string[] = [];
        let hopeless = false;
        if (node.pods.size + 1 > node.allocatable('pods')) reasons.push('Too many pods');
        for (const [resource, amount] of request.amounts) {
          if (amount === 0) continue;
          const allocatable = node.allocatable(resource);
          if (amount <= allocatable - node.used(resource)) continue;
          reasons.push(`Insufficient ${resource}`);
          // More than the whole node has: no eviction makes room.
          if (amount > allocatable) hopeless = true;
        }
        if (reasons.length === 0) return fits;
        return hopeless ? unresolvable(...reasons) : unschedulable(...reasons);
      },
    };
  },
};

/** Prefers nodes with the largest free part. Source: noderesources/least_allocated.go. */
export const leastAllocated: ScorePlugin = {
  name: 'NodeResourcesFit',
  weight: 1,
  score: (subject, nodes) =>
    nodes.map((node) => average(shares(subject, node).map((share) => Math.floor((1 - share) * MAX_SCORE)))),
};

/** Prefers nodes on which cpu and memory are used alike. Source: noderesources/balanced_allocation.go. */
export const balancedAllocation: ScorePlugin = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  score({ request, pod }, nodes) {
    // Pods that ask for nothing cannot unbalance anything.
    if (request.amounts.size === 0) return undefined;
    return nodes.map((node) => {
      const [cpu = 0, memory = 0] = shares({ request, pod }, node);
      return Math.floor((1 - Math.abs(cpu - memory) / 2) * MAX_SCORE);
    });
  },
};

/** Used parts of cpu and memory with the pod on the node, 0 to 1. */
function shares({ request }: PodUnderScheduling, node: NodeInfo): number[] {
  return (['cpu', 'memory'] as const).map((resource) => {
    const allocatable = node.allocatable(resource);
    if (allocatable === 0) return 1;
    return Math.min(1, (node.scored[resource] + request.scored[resource]) / allocatable);
  });
}

function average(values: readonly number[]): number {
  return values.length === 0 ? 0 : Math.floor(values.reduce((sum, value) => sum + value, 0) / values.length);
}
