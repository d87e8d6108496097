import type { Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec } from '../generated/api/core/v1.ts';
import { matchesLabels } from './selector.ts';

/** Whether a pod's node selector and required node affinity let it run on the node. */
export function matchesNode(spec: PodSpec, node: Node): boolean {
  if (!matchesLabels(spec.nodeSelector, node.metadata.labels)) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || matchesNodeTerms(required.nodeSelectorTerms ?? [], node);
}

/** Whether one of the terms holds for the node. An empty term holds for none. */
export function matchesNodeTerms(terms: readonly NodeSelectorTerm[], node: Node): boolean {
  return terms.some(({ matchExpressions = [], matchFields = [] }) => {
    if (matchExpressions.length === 0 && matchFields.length === 0) return false;
    const labels = node.metadata.labels ?? {};
    return (
      matchExpressions.every((requirement) => holds(requirement, labels[requirement.key])) &&
      matchFields.every((requirement) =>
        holds(requirement, requirement.key === 'metadata.name' ? node.metadata.name : undefined),
      )
    );
  });
}

function holds({ operator, values = [] }: NodeSelectorRequirement, actual: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return actual !== undefined && values.includes(actual);
    case 'NotIn':
      return actual === undefined || !values.includes(actual);
    case 'Exists':
      return actual !== undefined;
    case 'DoesNotExist':
      return actual === undefined;
    case 'Gt':
    case 'Lt': {
      if (actual === undefined || !/^-?\d+$/.test(actual) || !/^-?\d+$/.test(values[0] ?? '')) return false;
      const difference = BigInt(actual) - BigInt(values[0] ?? '0');
      return operator === 'Gt' ? difference > 0n : difference < 0n;
    }
    default:
      return false;
  }
}
