import { type FilterPlugin, fits, normalise, type ScorePlugin, unresolvable } from '../framework/plugin.ts';
import { isTolerated } from './tolerations.ts';

/** Keeps pods off nodes whose taints they do not tolerate. */
export const taintToleration: FilterPlugin = {
  name: 'TaintToleration',
  wakesOn: ['node-added', 'node-updated'],
  looksAt: 'node',
  prepare({ pod }) {
    const tolerations = pod.spec.tolerations ?? [];
    return {
      filter({ node }) {
        const taint = (node.spec?.taints ?? []).find(
          (found) =>
            (found.effect === 'NoSchedule' || found.effect === 'NoExecute') && !isTolerated(found, tolerations),
        );
        if (taint === undefined) return fits;
        return unresolvable(`node(s) had untolerated taint(s)`);
      },
    };
  },
};

/** Prefers nodes with few taints that the pod would rather not have. */
export const taintTolerationScore: ScorePlugin = {
  name: 'TaintToleration',
  weight: 3,
  score({ pod }, nodes) {
    const tolerations = (pod.spec.tolerations ?? []).filter(({ effect }) => !effect || effect === 'PreferNoSchedule');
    const counts = nodes.map(
      ({ node }) =>
        (node.spec?.taints ?? []).filter(
          (taint) => taint.effect === 'PreferNoSchedule' && !isTolerated(taint, tolerations),
        ).length,
    );
    return counts.every((count) => count === 0) ? undefined : normalise(counts, { reversed: true });
  },
};
