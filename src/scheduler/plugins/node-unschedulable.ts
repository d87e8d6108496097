import { type FilterPlugin, fits, unresolvable } from '../framework/plugin.ts';
import { isTolerated } from './tolerations.ts';

const TAINT = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** Keeps pods off cordoned nodes. */
export const nodeUnschedulable: FilterPlugin = {
  name: 'NodeUnschedulable',
  wakesOn: ['node-added', 'node-updated'],
  looksAt: 'node',
  prepare({ pod }) {
    if (isTolerated(TAINT, pod.spec.tolerations ?? [])) return undefined;
    return { filter: ({ node }) => (node.spec?.unschedulable ? unresolvable('node(s) were unschedulable') : fits) };
  },
};
