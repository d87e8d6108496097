import type { Node, NodeSelector, NodeSelectorTerm } from '../../generated/api/core/v1.ts';
import { meetsRequirement } from './selector-object.ts';

/** Whether a node satisfies one of the terms. Source: component-helpers `scheduling/corev1/nodeaffinity`. */
export function matchesNodeSelector(selector: NodeSelector, node: Node): boolean {
  return (selector.nodeSelectorTerms ?? []).some((term) => matchesTerm(term, node));
}

/** All requirements of a term; an empty term matches nothing. */
export function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const { name, labels } = node.metadata;
  return (
    matchExpressions.every(({ key, operator, values }) => meetsRequirement(operator, values, labels?.[key])) &&
    matchFields.every(({ key, operator, values }) =>
      meetsRequirement(operator, values, key === 'metadata.name' ? name : undefined),
    )
  );
}

/** The nodes that a selector names, where every term names some; undefined where labels may choose others. */
export function namedNodes({ nodeSelectorTerms }: NodeSelector): ReadonlySet<string> | undefined {
  let named: Set<string> | undefined;
  for (const { matchFields = [] } of nodeSelectorTerms ?? []) {
    let ofTerm: Set<string> | undefined;
    for (const { key, operator, values = [] } of matchFields) {
      if (key !== 'metadata.name' || operator !== 'In') continue;
      const names = new Set(values);
      ofTerm = ofTerm?.intersection(names) ?? names;
    }
    if (ofTerm === undefined) return undefined;
    named = named?.union(ofTerm) ?? ofTerm;
  }
  return named;
}
