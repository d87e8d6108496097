import { type FilterPlugin, fits, unresolvable } from '../framework/plugin.ts';

/** Keeps a pod that names its node away from all the others. Evicting pods cannot help, so: unresolvable. */
export const nodeName: FilterPlugin = {
  name: 'NodeName',
  wakesOn: ['node-added'],
  looksAt: 'node',
  prepare({ pod }) {
    const wanted = pod.spec.nodeName;
    if (!wanted) return undefined;
    return {
      filter: ({ name }) => (name === wanted ? fits : unresolvable("node(s) didn't match the requested node name")),
    };
  },
};
