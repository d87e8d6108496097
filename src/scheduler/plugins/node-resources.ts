import { isExtendedResource } from '../devices/extended-resources.ts';
import { type FilterPlugin, fits, unresolvable, unschedulable } from '../framework/plugin.ts';

export interface FitArguments {
  /** Extended resources that are not looked at. */
  readonly ignoredResources: readonly string[];
  /** The same for all of a domain. */
  readonly ignoredResourceGroups: readonly string[];
}

/** Lets a pod onto nodes that have room for its requests. Source: noderesources/fit.go. */
export function nodeResourcesFit(ignored?: FitArguments): FilterPlugin {
  const isIgnored = (name: string): boolean =>
    ignored !== undefined &&
    isExtendedResource(name) &&
    (ignored.ignoredResources.includes(name) || ignored.ignoredResourceGroups.includes(name.split('/', 1)[0] ?? ''));
  return {
    name: 'NodeResourcesFit',
    wakesOn: ['node-added', 'node-updated', 'pod-deleted', 'pod-updated', 'class-changed'],
    looksAt: 'node',
    prepare({ request }, { devices }) {
      const wanted = [...request.amounts].filter(([name, amount]) => amount > 0 && !isIgnored(name));
      return {
        filter(node) {
          let reasons: string[] | undefined;
          let hopeless = false;
          const add = (reason: string): void => {
            reasons ??= [];
            reasons.push(reason);
          };
          if (node.podCount + 1 > node.allocatable('pods')) add('Too many pods');
          for (const [resource, amount] of wanted) {
            const allocatable = node.allocatable(resource);
            if (amount <= allocatable - node.used(resource)) continue;
            // The node offers it by devices, which are judged elsewhere.
            if (allocatable === 0 && devices?.standFor(resource)) continue;
            add(`Insufficient ${resource}`);
            // More than the whole node has: no eviction makes room.
            if (amount > allocatable) hopeless = true;
          }
          if (reasons === undefined) return fits;
          return hopeless ? unresolvable(...reasons) : unschedulable(...reasons);
        },
      };
    },
  };
}
