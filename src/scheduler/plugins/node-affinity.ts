import type { NodeAffinity, PreferredSchedulingTerm } from '../../generated/api/core/v1.ts';
import { matchesNodeSelector, matchesTerm, namedNodes } from '../../machinery/values/node-selector.ts';
import { type FilterPlugin, fits, normalise, type ScorePlugin, unresolvable } from '../framework/plugin.ts';

/**
 * `nodeSelector` and required node affinity.
 *
 * @param added - What the profile wants of the nodes of all pods, beside their own wishes.
 * Source: nodeaffinity/node_affinity.go.
 */
export function nodeAffinityFilter(added?: NodeAffinity): FilterPlugin {
  const enforced = added?.requiredDuringSchedulingIgnoredDuringExecution;
  return {
    name: 'NodeAffinity',
    wakesOn: ['node-added', 'node-updated'],
    looksAt: 'node',
    prepare({ pod }) {
      const wanted = Object.entries(pod.spec.nodeSelector ?? {});
      const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
      if (wanted.length === 0 && required === undefined && enforced === undefined) return undefined;
      const nodeNames = required === undefined ? undefined : namedNodes(required);
      if (nodeNames?.size === 0) return unresolvable('pod affinity terms conflict');
      return {
        nodeNames,
        filter({ node }) {
          if (enforced !== undefined && !matchesNodeSelector(enforced, node))
            return unresolvable("node(s) didn't match scheduler-enforced node affinity");
          const labels = node.metadata.labels ?? {};
          const selected = wanted.every(([key, value]) => labels[key] === value);
          if (selected && (required === undefined || matchesNodeSelector(required, node))) return fits;
          return unresolvable("node(s) didn't match Pod's node affinity/selector");
        },
      };
    },
  };
}

/** Preferred node affinity. */
export function nodeAffinityScore(added?: NodeAffinity): ScorePlugin {
  const always = added?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return {
    name: 'NodeAffinity',
    weight: 2,
    score({ pod }, nodes) {
      const own = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
      const preferred: readonly PreferredSchedulingTerm[] = [...always, ...own];
      if (preferred.length === 0) return undefined;
      const sums = nodes.map(({ node }) =>
        preferred.reduce(
          (sum, { weight = 0, preference }) => sum + (preference && matchesTerm(preference, node) ? weight : 0),
          0,
        ),
      );
      return normalise(sums, { reversed: false });
    },
  };
}
