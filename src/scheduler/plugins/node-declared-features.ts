import type { Container, PodSpec } from '../../generated/api/core/v1.ts';
import { type FilterPlugin, fits, unresolvable } from '../framework/plugin.ts';

/** What a pod needs nodes to be able to do, by the names under which nodes declare it. */
const features: readonly (readonly [name: string, isNeeded: (spec: PodSpec) => boolean])[] = [
  [
    'RestartAllContainersOnContainerExits',
    ({ containers, initContainers = [] }) => [...containers, ...initContainers].some(restartsAll),
  ],
  ['UserNamespacesHostNetworkSupport', ({ hostNetwork, hostUsers }) => hostNetwork === true && hostUsers === false],
];

function restartsAll({ restartPolicyRules = [] }: Container): boolean {
  return restartPolicyRules.some(({ action }) => action === 'RestartAllContainers');
}

/**
 * Keeps pods that need something new of a node to nodes that say they can do it.
 *
 * Source: nodedeclaredfeatures/nodedeclaredfeatures.go, component-helpers `nodedeclaredfeatures/features`.
 */
export const nodeDeclaredFeatures: FilterPlugin = {
  name: 'NodeDeclaredFeatures',
  wakesOn: ['node-added', 'node-updated'],
  looksAt: 'node',
  prepare({ pod }) {
    const needed = features.filter(([, isNeeded]) => isNeeded(pod.spec)).map(([name]) => name);
    if (needed.length === 0) return undefined;
    return {
      filter({ node }) {
        const declared = node.status?.declaredFeatures ?? [];
        if (needed.every((name) => declared.includes(name))) return fits;
        return unresolvable("node(s) didn't match Pod's required features");
      },
    };
  },
};
