import type { Pod, TopologySpreadConstraint } from '../../generated/api/core/v1.ts';
import { matchesNodeSelector } from '../../machinery/values/node-selector.ts';
import { matchesLabels, parseSelectorObject, type Requirements } from '../../machinery/values/selector-object.ts';
import { isGoing, type NodeInfo } from '../cache/node-info.ts';
import {
  type FilterPlugin,
  fits,
  MAX_SCORE,
  type ScorePlugin,
  unresolvable,
  unschedulable,
} from '../framework/plugin.ts';
import { isTolerated } from './tolerations.ts';

const HOSTNAME = 'kubernetes.io/hostname';
const ZONE = 'topology.kubernetes.io/zone';

interface Constraint {
  readonly key: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly selector: Requirements;
  readonly nodeAffinityPolicy: string;
  readonly nodeTaintsPolicy: string;
}

/**
 * Hard topology spread: a domain may hold at most `maxSkew` more matching pods than the emptiest one.
 *
 * Source: pkg/scheduler/framework/plugins/podtopologyspread/filtering.go.
 */
export function podTopologySpreadFilter(defaults: SpreadDefaults = 'system'): FilterPlugin {
  return {
    name: 'PodTopologySpread',
    wakesOn: ['node-added', 'node-updated', 'pod-added', 'pod-updated', 'pod-deleted'],
    looksAt: 'cluster',
    prepare({ pod }, { nodes, defaultSpread }) {
      const constraints = asksForSpread(pod)
        ? constraintsOf(pod, 'DoNotSchedule')
        : defaultConstraints(defaults, 'DoNotSchedule', () => defaultSpread(pod));
      if (constraints.length === 0) return undefined;
      const counts = constraints.map(() => new Map<string, number>());
      for (const node of nodes) {
        if (!hasAllKeys(node, constraints)) continue;
        constraints.forEach((constraint, index) => {
          if (!isIncluded(constraint, pod, node)) return;
          const value = node.labels[constraint.key] ?? '';
          const domain = counts[index] as Map<string, number>;
          domain.set(value, (domain.get(value) ?? 0) + countMatching(node, constraint.selector, pod));
        });
      }
      const judged = constraints.map((constraint, index) => {
        const domain = counts[index] as Map<string, number>;
        const isShort = domain.size === 0 || domain.size < constraint.minDomains;
        const least = isShort ? 0 : Math.min(...domain.values());
        return {
          ...constraint,
          domain,
          least,
          own: matchesLabels(constraint.selector, pod.metadata.labels ?? {}) ? 1 : 0,
        };
      });
      return {
        filter(node) {
          for (const { key, maxSkew, domain, least, own } of judged) {
            const value = node.labels[key];
            if (value === undefined)
              return unresolvable("node(s) didn't match pod topology spread constraints (missing required label)");
            if ((domain.get(value) ?? 0) + own - least > maxSkew)
              return unschedulable("node(s) didn't match pod topology spread constraints");
          }
          return fits;
        },
      };
    },
  };
}

/**
 * Soft topology spread, and upstream's built-in one (over hosts and zones, among the pods of the same services and
 * owner) for pods that ask for none.
 *
 * Source: podtopologyspread/scoring.go, plugin.go (systemDefaultConstraints).
 */
export function podTopologySpreadScore(defaults: SpreadDefaults = 'system'): ScorePlugin {
  return {
    name: 'PodTopologySpread',
    weight: 2,
    score({ pod }, nodes, { nodes: all, defaultSpread }) {
      const constraints = asksForSpread(pod)
        ? constraintsOf(pod, 'ScheduleAnyway')
        : defaultConstraints(defaults, 'ScheduleAnyway', () => defaultSpread(pod));
      const asks = asksForSpread(pod) || defaults !== 'system';
      if (constraints.length === 0) return undefined;
      // The built-in spreading goes by hosts even where nodes have no zones.
      const isScored = nodes.map((node) => !asks || hasAllKeys(node, constraints));
      const scoredCount = isScored.filter((each) => each).length;
      const domains = constraints.map(({ key }) => {
        const counts = new Map<string, number>();
        if (key !== HOSTNAME)
          for (const [index, node] of nodes.entries()) if (isScored[index]) counts.set(node.labels[key] ?? '', 0);
        return counts;
      });
      for (const node of all) {
        if (asks && !hasAllKeys(node, constraints)) continue;
        constraints.forEach((constraint, index) => {
          const domain = domains[index] as Map<string, number>;
          const known = domain.get(node.labels[constraint.key] ?? '');
          if (known === undefined || !isIncluded(constraint, pod, node)) return;
          domain.set(node.labels[constraint.key] ?? '', known + countMatching(node, constraint.selector, pod));
        });
      }
      const weights = constraints.map(({ key }, index) =>
        Math.log((key === HOSTNAME ? scoredCount : (domains[index] as Map<string, number>).size) + 2),
      );
      const raw = nodes.map((node, at) => {
        if (!isScored[at]) return undefined;
        const sum = constraints.reduce((total, { key, maxSkew, selector }, index) => {
          const value = node.labels[key];
          if (value === undefined) return total;
          const count = key === HOSTNAME ? countMatching(node, selector, pod) : (domains[index]?.get(value) ?? 0);
          return total + count * (weights[index] ?? 0) + maxSkew - 1;
        }, 0);
        return Math.round(sum);
      });
      const known = raw.filter((each) => each !== undefined);
      const most = Math.max(0, ...known);
      const least = Math.min(...known);
      return raw.map((each) =>
        each === undefined ? 0 : most === 0 ? MAX_SCORE : Math.trunc((MAX_SCORE * (most + least - each)) / most),
      );
    },
  };
}

/** What spreads pods that ask for none: upstream's built-in constraints, or those that a profile lists. */
export type SpreadDefaults = 'system' | readonly TopologySpreadConstraint[];

const builtIn: readonly TopologySpreadConstraint[] = [
  { topologyKey: HOSTNAME, maxSkew: 3, whenUnsatisfiable: 'ScheduleAnyway' },
  { topologyKey: ZONE, maxSkew: 5, whenUnsatisfiable: 'ScheduleAnyway' },
];

const asksForSpread = ({ spec }: Pod): boolean => (spec.topologySpreadConstraints ?? []).length > 0;

function defaultConstraints(
  defaults: SpreadDefaults,
  whenUnsatisfiable: string,
  findSelector: () => Requirements | undefined,
): Constraint[] {
  const listed = (defaults === 'system' ? builtIn : defaults).filter(
    (each) => each.whenUnsatisfiable === whenUnsatisfiable,
  );
  const selector = listed.length === 0 ? undefined : findSelector();
  return selector === undefined ? [] : listed.map((each) => toConstraint(each, selector));
}

function constraintsOf(pod: Pod, whenUnsatisfiable: string): Constraint[] {
  return (pod.spec.topologySpreadConstraints ?? [])
    .filter((constraint) => (constraint.whenUnsatisfiable || 'DoNotSchedule') === whenUnsatisfiable)
    .map((constraint) =>
      toConstraint(constraint, [...parseSelectorObject(constraint.labelSelector), ...keyed(constraint, pod)]),
    );
}

function toConstraint(constraint: TopologySpreadConstraint, selector: Requirements): Constraint {
  return {
    key: constraint.topologyKey ?? '',
    maxSkew: constraint.maxSkew ?? 1,
    minDomains: constraint.minDomains ?? 1,
    selector,
    nodeAffinityPolicy: constraint.nodeAffinityPolicy ?? 'Honor',
    nodeTaintsPolicy: constraint.nodeTaintsPolicy ?? 'Ignore',
  };
}

/** `matchLabelKeys`: pods are alike where they have the same values. */
function keyed({ matchLabelKeys }: TopologySpreadConstraint, pod: Pod): Requirements {
  return (matchLabelKeys ?? []).flatMap((key) => {
    const value = pod.metadata.labels?.[key];
    return value === undefined ? [] : [{ key, operator: 'In' as const, values: [value] }];
  });
}

const hasAllKeys = ({ labels }: NodeInfo, constraints: readonly Constraint[]): boolean =>
  constraints.every(({ key }) => labels[key] !== undefined);

function countMatching(node: NodeInfo, selector: Requirements, { metadata: { namespace } }: Pod): number {
  let count = 0;
  // As upstream, a selector that selects everything counts nothing.
  if (selector.length === 0) return count;
  for (const { pod } of node.pods()) {
    if (pod.metadata.namespace !== namespace || isGoing(pod)) continue;
    if (matchesLabels(selector, pod.metadata.labels ?? {})) count++;
  }
  return count;
}

/** Nodes that the pod could never go to do not count, unless the constraint says so. Source: podtopologyspread/common.go. */
function isIncluded(
  { nodeAffinityPolicy, nodeTaintsPolicy }: Constraint,
  { spec }: Pod,
  { node, labels }: NodeInfo,
): boolean {
  if (nodeAffinityPolicy === 'Honor') {
    if (!Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false;
    const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    if (required !== undefined && !matchesNodeSelector(required, node)) return false;
  }
  if (nodeTaintsPolicy !== 'Honor') return true;
  const hard = (node.spec?.taints ?? []).filter(({ effect }) => effect !== 'PreferNoSchedule');
  return hard.every((taint) => isTolerated(taint, spec.tolerations ?? []));
}
