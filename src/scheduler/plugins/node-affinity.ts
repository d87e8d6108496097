import { type FilterPlugin, fits, normalise, type ScorePlugin, unresolvable } from '../framework/plugin.ts';
import { matchesNodeSelector, matchesTerm } from './node-selector.ts';

/** `nodeSelector` and required node affinity. */
export const nodeAffinity: FilterPlugin = {
  name: 'NodeAffinity',
  wakesOn: ['node-added', 'node-updated'],
  looksAt: 'node',
  prepare({ pod }) {
    const wanted = Object.entries(pod.spec.nodeSelector ?? {});
    const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    if (wanted.length === 0 && required === undefined) return undefined;
    return {
      filter({ node }) {
        const labels = node.metadata.labels ?? {};
        const selected = wanted.every(([key, value]) => labels[key] === value);
        if (selected && (required === undefined || matchesNodeSelector(required, node))) return fits;
        return unresolvable("node(s) didn't match Pod's node affinity/selector");
      },
    };
  },
};

/** Preferred node affinity. */
export const nodeAffinityScore: ScorePlugin = {
  name: 'NodeAffinity',
  weight: 2,
  score({ pod }, nodes) {
    const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
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
