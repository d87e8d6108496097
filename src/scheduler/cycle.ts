import type { NodeInfo } from './cache/node-info.ts';
import type { FilterPlugin, PodUnderScheduling, ScorePlugin, Snapshot } from './framework/plugin.ts';

export interface Decision {
  /** The chosen node; undefined where none fits. */
  readonly nodeName: string | undefined;
  /** Plugins that turned a node down. */
  readonly rejectedBy: ReadonlySet<string>;
  /** How often each reason was given. */
  readonly reasons: ReadonlyMap<string, number>;
  readonly nodeCount: number;
}

/**
 * Decides on a node for a pod: each node must pass every filter, the highest sum of weighted scores wins, and among
 * equals chance decides. Pure but for `random`.
 */
export function decide(
  subject: PodUnderScheduling,
  snapshot: Snapshot,
  plugins: { readonly filters: readonly FilterPlugin[]; readonly scores: readonly ScorePlugin[] },
  random: () => number,
): Decision {
  const prepared = plugins.filters.flatMap((plugin) => {
    const filter = plugin.prepare(subject, snapshot);
    return filter === undefined ? [] : [{ name: plugin.name, filter }];
  });
  const feasible: NodeInfo[] = [];
  const rejectedBy = new Set<string>();
  const reasons = new Map<string, number>();
  for (const node of snapshot.nodes) {
    let passes = true;
    for (const { name, filter } of prepared) {
      const judgement = filter.filter(node);
      if (judgement.fits) continue;
      passes = false;
      rejectedBy.add(name);
      for (const reason of judgement.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      break;
    }
    if (passes) feasible.push(node);
  }
  // Without a node, a new one is what helps, whichever filter would have judged it.
  if (snapshot.nodes.length === 0) for (const { name } of prepared) rejectedBy.add(name);
  const nodeName = feasible.length === 0 ? undefined : choose(subject, feasible, snapshot, plugins.scores, random);
  return { nodeName, rejectedBy, reasons, nodeCount: snapshot.nodes.length };
}

function choose(
  subject: PodUnderScheduling,
  nodes: readonly NodeInfo[],
  snapshot: Snapshot,
  scores: readonly ScorePlugin[],
  random: () => number,
): string {
  if (nodes.length === 1) return nodes[0]?.name ?? '';
  const totals = nodes.map(() => 0);
  for (const plugin of scores) {
    const raw = plugin.score(subject, nodes, snapshot);
    raw?.forEach((score, index) => {
      totals[index] = (totals[index] ?? 0) + score * plugin.weight;
    });
  }
  const highest = Math.max(...totals);
  const best = nodes.filter((_, index) => totals[index] === highest);
  return best[Math.floor(random() * best.length)]?.name ?? '';
}

/** What users read in events. Source: pkg/scheduler/framework/types.go (FitError.Error). */
export function toFitMessage({ reasons, nodeCount }: Decision): string {
  const head = `0/${nodeCount} nodes are available`;
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const parts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort();
  return parts.length === 0 ? `${head}.` : `${head}: ${parts.join(', ')}.`;
}
