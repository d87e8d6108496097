import { type FilterPlugin, fits, unschedulable } from '../framework/plugin.ts';

/** Keeps a pod off nodes on which its host ports are taken. */
export const nodePorts: FilterPlugin = {
  name: 'NodePorts',
  wakesOn: ['node-added', 'node-updated', 'pod-deleted'],
  looksAt: 'node',
  prepare({ request }) {
    if (request.hostPorts.length === 0) return undefined;
    return {
      filter: (node) =>
        node.hasPortConflict(request.hostPorts)
          ? unschedulable("node(s) didn't have free ports for the requested pod ports")
          : fits,
    };
  },
};
