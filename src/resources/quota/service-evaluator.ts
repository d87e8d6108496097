import type { Service } from '../../generated/api/core/v1.ts';
import { whole } from './amounts.ts';
import type { Evaluator } from './evaluator.ts';

const names = new Set(['count/services', 'services', 'services.nodeports', 'services.loadbalancers']);

/** Counts services, and what they take of the cluster's edge. Source: `pkg/quota/v1/evaluator/core/services.go`. */
export const serviceEvaluator: Evaluator = {
  counts: (name) => names.has(name),
  isInScope: () => false,
  usage(object) {
    const { spec } = object as unknown as Service;
    return new Map([
      ['count/services', whole(1)],
      ['services', whole(1)],
      ['services.nodeports', whole(nodePortsOf(spec))],
      ['services.loadbalancers', whole(spec?.type === 'LoadBalancer' ? 1 : 0)],
    ]);
  },
};

/** Ports are counted by what is wished: they are allocated later. */
function nodePortsOf(spec: Service['spec']): number {
  const ports = spec?.ports ?? [];
  if (spec?.type === 'NodePort') return ports.length;
  if (spec?.type !== 'LoadBalancer') return 0;
  return spec.allocateLoadBalancerNodePorts === false ? ports.filter(({ nodePort }) => nodePort).length : ports.length;
}
