import type { NodeInfo } from './cache/node-info.ts';
import type { PodInfo } from './cache/pod-info.ts';
import { Filters, type Rejection, statusOf } from './framework/filters.ts';
import type { FilterPlugin, ScorePlugin, Snapshot } from './framework/plugin.ts';
import type { CycleMeasure } from './metrics/cycle-measure.ts';

export interface Plugins {
  readonly filters: readonly FilterPlugin[];
  readonly scores: readonly ScorePlugin[];
}

export interface CycleOptions {
  /** Random number in [0, 1). */
  random(): number;
  /** Pods of at least this priority that were promised room on a node and are not there yet, the pod itself left out. */
  nominatedOn(nodeName: string, subject: PodInfo): readonly PodInfo[];
  /** Index of the node that the search begins with, so that in large clusters all nodes get their turn. */
  readonly startAt: number;
  /** Nodes that must fit before the search ends, in percent of all. Default: fewer the more there are. */
  readonly percentageOfNodesToScore?: number | undefined;
  /** Default: nobody measures. */
  readonly measure?: CycleMeasure | undefined;
}

export interface Decision {
  /** The chosen node; undefined where none fits. */
  readonly nodeName: string | undefined;
  /** Plugins that turned a node down. */
  readonly rejectedBy: ReadonlySet<string>;
  /** Why, for each node that was looked at and does not fit. */
  readonly rejections: ReadonlyMap<string, Rejection>;
  readonly filters: Filters;
  readonly nodeCount: number;
  /** How many nodes were looked at. */
  readonly examined: number;
}

/**
 * Decides on a node for a pod: each node must pass every filter, the highest sum of weighted scores wins, and among
 * equals chance decides. A node that was promised to the pod before is tried first. Pure but for `random`.
 *
 * Source: pkg/scheduler/schedule_one.go (schedulePod, findNodesThatFitPod).
 */
export function decide(subject: PodInfo, snapshot: Snapshot, plugins: Plugins, options: CycleOptions): Decision {
  const { measure } = options;
  const preparedAt = measure?.now() ?? 0;
  const filters = new Filters(subject, snapshot, plugins.filters, measure);
  const { everywhere } = filters;
  measure?.point('PreFilter', everywhere === undefined ? 'Success' : statusOf(everywhere.refusal), preparedAt);
  const rejections = new Map<string, Rejection>();
  const base = { filters, rejections, nodeCount: snapshot.nodes.length };
  if (everywhere !== undefined)
    return { ...base, nodeName: undefined, rejectedBy: new Set([everywhere.plugin]), examined: 0 };

  const filteredAt = measure?.now() ?? 0;
  const rejectedBy = new Set<string>();
  const nodes = filters.isNarrow ? narrow(snapshot.nodes, filters, rejections, rejectedBy) : snapshot.nodes;
  const promised = subject.pod.status?.nominatedNodeName;
  const promisedNode = promised ? nodes.find(({ name }) => name === promised) : undefined;
  if (promisedNode !== undefined && judgeWithNominated(subject, promisedNode, filters, options) === undefined)
    return { ...base, nodeName: promisedNode.name, rejectedBy: new Set(), examined: 0 };

  const enough = countEnough(nodes.length, options.percentageOfNodesToScore);
  const feasible: NodeInfo[] = [];
  let examined = 0;
  while (examined < nodes.length && feasible.length < enough) {
    const node = nodes[(options.startAt + examined++) % nodes.length] as NodeInfo;
    const rejection = judgeWithNominated(subject, node, filters, options);
    if (rejection === undefined) feasible.push(node);
    else {
      rejections.set(node.name, rejection);
      rejectedBy.add(rejection.plugin);
    }
  }
  filters.tellAsked();
  measure?.point('Filter', feasible.length > 0 ? 'Success' : 'Unschedulable', filteredAt);
  // Without a node, a new one is what helps, whichever filter would have judged it.
  if (snapshot.nodes.length === 0) for (const name of filters.names) rejectedBy.add(name);
  const nodeName = feasible.length === 0 ? undefined : choose(subject, feasible, snapshot, plugins.scores, options);
  return { ...base, nodeName, rejectedBy, examined };
}

/** The nodes that are worth a look; the others are rejected. */
function narrow(
  nodes: readonly NodeInfo[],
  filters: Filters,
  rejections: Map<string, Rejection>,
  rejectedBy: Set<string>,
): readonly NodeInfo[] {
  return nodes.filter((node) => {
    const rejection = filters.passOver(node);
    if (rejection === undefined) return true;
    rejections.set(node.name, rejection);
    rejectedBy.add(rejection.plugin);
    return false;
  });
}

/**
 * Judges a node both with the pods that were promised room on it and without: those may come or not.
 *
 * Source: framework/runtime/framework.go (RunFilterPluginsWithNominatedPods).
 */
export function judgeWithNominated(
  subject: PodInfo,
  node: NodeInfo,
  filters: Filters,
  { nominatedOn }: Pick<CycleOptions, 'nominatedOn'>,
  { isChanged = false }: { readonly isChanged?: boolean } = {},
): Rejection | undefined {
  const nominated = nominatedOn(node.name, subject);
  if (nominated.length > 0) {
    const crowded = node.copy();
    for (const info of nominated) crowded.add(info);
    const rejection = filters.judgeChanged(crowded);
    if (rejection !== undefined) return rejection;
  }
  return isChanged ? filters.judgeChanged(node) : filters.judge(node);
}

/** In large clusters a part of the fitting nodes is enough to choose from. Source: numFeasibleNodesToFind. */
export function countEnough(nodeCount: number, wanted?: number): number {
  const least = 100;
  if (nodeCount < least) return nodeCount;
  const percentage = wanted ?? Math.max(50 - Math.floor(nodeCount / 125), 5);
  return Math.max(Math.floor((nodeCount * percentage) / 100), least);
}

function choose(
  subject: PodInfo,
  nodes: readonly NodeInfo[],
  snapshot: Snapshot,
  scores: readonly ScorePlugin[],
  { random, measure }: CycleOptions,
): string {
  if (nodes.length === 1) return nodes[0]?.name ?? '';
  const startedAt = measure?.now() ?? 0;
  const totals = nodes.map(() => 0);
  for (const plugin of scores) {
    const pluginAt = measure?.plugin === undefined ? 0 : measure.now();
    const raw = plugin.score(subject, nodes, snapshot);
    if (raw !== undefined) {
      measure?.asked(plugin.name, 'PreScore', 1);
      measure?.asked(plugin.name, 'Score', nodes.length);
      measure?.plugin?.(plugin.name, 'Score', 'Success', pluginAt);
    }
    raw?.forEach((score, index) => {
      totals[index] = (totals[index] ?? 0) + score * plugin.weight;
    });
  }
  measure?.point('Score', 'Success', startedAt);
  const highest = Math.max(...totals);
  const best = nodes.filter((_, index) => totals[index] === highest);
  return best[Math.floor(random() * best.length)]?.name ?? '';
}

/** What users read in events. @param afterwards - What came of making room. Source: pkg/scheduler/framework/types.go (FitError.Error). */
export function toFitMessage({ filters, rejections, nodeCount }: Decision, afterwards = ''): string {
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const { everywhere } = filters;
  const why =
    everywhere === undefined
      ? countReasons([...rejections.values()].flatMap(({ refusal }) => refusal.reasons))
      : everywhere.refusal.reasons.join(', ');
  const tail = afterwards === '' ? '' : ` ${afterwards}`;
  return `0/${nodeCount} nodes are available:${why === '' ? '' : ` ${why}.`}${tail}`;
}

/** `2 of one reason, 1 of another`, as texts in order. */
export function countReasons(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}
