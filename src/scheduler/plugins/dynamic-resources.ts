import { type FilterPlugin, normalise, type ScorePlugin } from '../framework/plugin.ts';

/** Keeps a pod to nodes from which its claims can be served. Source: plugins/dynamicresources. */
export const dynamicResources: FilterPlugin = {
  name: 'DynamicResources',
  wakesOn: ['node-added', 'node-updated', 'claim-changed', 'slice-changed', 'class-changed'],
  looksAt: 'node',
  prepare: (_, { devices }) => devices?.prepare(),
};

/** Prefers nodes that serve the first of a claim's alternatives. */
export const dynamicResourcesScore: ScorePlugin = {
  name: 'DynamicResources',
  weight: 2,
  score(_, nodes, { devices }) {
    const raw = devices?.scores(nodes);
    return raw === undefined ? undefined : normalise(raw, { reversed: false });
  },
};
