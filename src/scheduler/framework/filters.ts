import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import type { CycleMeasure } from '../metrics/cycle-measure.ts';
import { type FilterPlugin, type PreparedFilter, type Refusal, type Snapshot, unresolvable } from './plugin.ts';

/** A refusal with the plugin that gave it. */
export interface Rejection {
  readonly plugin: string;
  readonly refusal: Refusal;
}

interface Named {
  readonly plugin: FilterPlugin;
  readonly filter: PreparedFilter;
  /** Nodes that it has judged. */
  asked: number;
}

/** All filters, prepared for one pod on one snapshot. */
export class Filters {
  readonly #subject: PodInfo;
  readonly #snapshot: Snapshot;
  readonly #plugins: readonly FilterPlugin[];
  readonly #prepared: Named[] = [];
  readonly #measure: CycleMeasure | undefined;
  /** Set where no node will do, whatever the nodes are. */
  readonly everywhere: Rejection | undefined;

  constructor(subject: PodInfo, snapshot: Snapshot, plugins: readonly FilterPlugin[], measure?: CycleMeasure) {
    this.#measure = measure;
    this.#subject = subject;
    this.#snapshot = snapshot;
    this.#plugins = plugins;
    for (const plugin of plugins) {
      const startedAt = measure?.plugin === undefined ? 0 : measure.now();
      const filter = plugin.prepare(subject, snapshot);
      if (filter === undefined) continue;
      measure?.asked(plugin.name, 'PreFilter', 1);
      measure?.plugin?.(plugin.name, 'PreFilter', 'fits' in filter ? statusOf(filter) : 'Success', startedAt);
      if ('fits' in filter) {
        this.everywhere = { plugin: plugin.name, refusal: filter };
        return;
      }
      this.#prepared.push({ plugin, filter, asked: 0 });
    }
  }

  /** Names of the plugins that have a say about the pod. */
  get names(): readonly string[] {
    return this.#prepared.map(({ plugin }) => plugin.name);
  }

  /** What nodes get that are not looked at, since some plugins know by name which may do; undefined for the others. */
  passOver({ name }: NodeInfo): Rejection | undefined {
    const strict = this.#prepared.filter(({ filter }) => filter.nodeNames !== undefined);
    if (strict.every(({ filter }) => filter.nodeNames?.has(name))) return undefined;
    const names = strict.map(({ plugin }) => plugin.name);
    return { plugin: names[0] ?? '', refusal: unresolvable(`node(s) didn't satisfy plugin(s) [${names.join(' ')}]`) };
  }

  /** Whether some plugin knows by name which nodes may do. */
  get isNarrow(): boolean {
    return this.#prepared.some(({ filter }) => filter.nodeNames !== undefined);
  }

  /** The first rejection of a node of the snapshot; undefined where the pod fits. */
  judge(node: NodeInfo): Rejection | undefined {
    const { plugin: tell, now } = this.#measure ?? {};
    for (const each of this.#prepared) {
      const startedAt = tell === undefined ? 0 : (now?.() ?? 0);
      const judgement = each.filter.filter(node);
      each.asked++;
      tell?.(each.plugin.name, 'Filter', judgement.fits ? 'Success' : statusOf(judgement), startedAt);
      if (!judgement.fits) return { plugin: each.plugin.name, refusal: judgement };
    }
    return undefined;
  }

  /** Tells how often each plugin was asked about a node. */
  tellAsked(): void {
    for (const { plugin, asked } of this.#prepared) if (asked > 0) this.#measure?.asked(plugin.name, 'Filter', asked);
  }

  /** Judges a node as it would be with other pods on it; what depends on other nodes as well is prepared anew. */
  judgeChanged(changed: NodeInfo): Rejection | undefined {
    let snapshot: Snapshot | undefined;
    for (const plugin of this.#plugins) {
      let filter = this.#prepared.find((each) => each.plugin === plugin)?.filter;
      if (plugin.looksAt === 'cluster') {
        snapshot ??= {
          ...this.#snapshot,
          nodes: this.#snapshot.nodes.map((node) => (node.name === changed.name ? changed : node)),
        };
        const again = plugin.prepare(this.#subject, snapshot);
        if (again !== undefined && 'fits' in again) return { plugin: plugin.name, refusal: again };
        filter = again;
      }
      const judgement = filter?.filter(changed);
      if (judgement !== undefined && !judgement.fits) return { plugin: plugin.name, refusal: judgement };
    }
    return undefined;
  }
}

/** What upstream calls a refusal. */
export function statusOf({ resolvable }: Refusal): 'Unschedulable' | 'UnschedulableAndUnresolvable' {
  return resolvable ? 'Unschedulable' : 'UnschedulableAndUnresolvable';
}
