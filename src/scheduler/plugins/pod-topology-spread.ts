import type { Pod, TopologySpreadConstraint } from '../../generated/api/core/v1.ts';
import { matchesLabels, parseSelectorObject } from '../../machinery/values/selector-object.ts';
import type { NodeInfo } from '../cache/node-info.ts';
import { type FilterPlugin, fits, labelsOf, type Snapshot, unresolvable, unschedulable } from '../framework/plugin.ts';
import { matchesNodeSelector } from './node-selector.ts';
import { isTolerated } from './tolerations.ts';

interface Constraint {
  readonly key: string;
  readonly maxSkew: number;
  /** Matching pods of each domain. */
  readonly counts: ReadonlyMap<string, number>;
  readonly least: number;
  readonly matchesItself: boolean;
}

/**
 * Hard topology spread: a domain may hold at most `maxSkew` more matching pods than the emptiest one.
 *
 * Source: pkg/scheduler/framework/plugins/podtopologyspread/filtering.go.
 */
export const podTopologySpread: FilterPlugin = {
  name: 'PodTopologySpread',
  wakesOn: ['node-added', 'node-updated', 'pod-added', 'pod-updated', 'pod-deleted'],
  prepare({ pod }, snapshot) {
    const hard = (pod.spec.topologySpreadConstraints ?? []).filter(
      ({ whenUnsatisfiable }) => whenUnsatisfiable !== 'ScheduleAnyway',
    );
    if (hard.length === 0) return undefined;
    const constraints = hard.map((constraint) => count(constraint, pod, snapshot));
    return {
      filter(node) {
        const labels = labelsOf(node.node);
        for (const { key, maxSkew, counts, least, matchesItself } of constraints) {
          const value = labels[key];
          if (value === undefined)
            return unresolvable("node(s) didn't match pod topology spread constraints (missing required label)");
          const skew = (counts.get(value) ?? 0) + (matchesItself ? 1 : 0) - least;
          if (skew > maxSkew) return unschedulable("node(s) didn't match pod topology spread constraints");
        }
        return fits;
      },
    };
  },
};

function count(constraint: TopologySpreadConstraint, pod: Pod, snapshot: Snapshot): Constraint {
  const { topologyKey: key = '', maxSkew = 1, minDomains = 1 } = constraint;
  const labels = pod.metadata.labels ?? {};
  const keyed = (constraint.matchLabelKeys ?? []).filter((name) => labels[name] !== undefined);
  const selector = parseSelectorObject(constraint.labelSelector ?? {});
  const matches = (other: Pod): boolean =>
    other.metadata.namespace === pod.metadata.namespace &&
    constraint.labelSelector !== undefined &&
    matchesLabels(selector, other.metadata.labels ?? {}) &&
    keyed.every((name) => other.metadata.labels?.[name] === labels[name]);
  const counts = new Map<string, number>();
  for (const node of snapshot.nodes) {
    const value = labelsOf(node.node)[key];
    if (value === undefined || !isEligible(constraint, pod, node)) continue;
    let found = counts.get(value) ?? 0;
    for (const { pod: other } of node.pods.values())
      if (other.metadata.deletionTimestamp === undefined && matches(other)) found++;
    counts.set(value, found);
  }
  const least = counts.size < minDomains ? 0 : Math.min(...counts.values());
  return { key, maxSkew, counts, least: Number.isFinite(least) ? least : 0, matchesItself: matches(pod) };
}

/** Nodes that the pod could never go to do not count, unless the constraint says so. */
function isEligible(
  { nodeAffinityPolicy = 'Honor', nodeTaintsPolicy = 'Ignore' }: TopologySpreadConstraint,
  pod: Pod,
  { node }: NodeInfo,
): boolean {
  if (nodeAffinityPolicy === 'Honor') {
    const labels = labelsOf(node);
    if (!Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false;
    const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    if (required !== undefined && !matchesNodeSelector(required, node)) return false;
  }
  if (nodeTaintsPolicy !== 'Honor') return true;
  const hard = (node.spec?.taints ?? []).filter(({ effect }) => effect !== 'PreferNoSchedule');
  return hard.every((taint) => isTolerated(taint, pod.spec.tolerations ?? []));
}
