import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import { type FilterPlugin, type PreparedFilter, type Refusal, type Snapshot, unresolvable } from './plugin.ts';

/** A refusal with the plugin that gave it. */
export interface Rejection {
  readonly plugin: string;
  readonly refusal: Refusal;
}

interface Named {
  readonly plugin: FilterPlugin;
  readonly filter: PreparedFilter;
}

/** All filters, prepared for one pod on one snapshot. */
export class Filters {
  readonly #subject: PodInfo;
  readonly #snapshot: Snapshot;
  readonly #plugins: readonly FilterPlugin[];
  readonly #prepared: Named[] = [];
  /** Set where no node will do, whatever the nodes are. */
  readonly everywhere: Rejection | undefined;

  constructor(subject: PodInfo, snapshot: Snapshot, plugins: readonly FilterPlugin[]) {
    this.#subject = subject;
    this.#snapshot = snapshot;
    this.#plugins = plugins;
    for (const plugin of plugins) {
      const filter = plugin.prepare(subject, snapshot);
      if (filter === undefined) continue;
      if ('fits' in filter) {
        this.everywhere = { plugin: plugin.name, refusal: filter };
        return;
      }
      this.#prepared.push({ plugin, filter });
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
    for (const { plugin, filter } of this.#prepared) {
      const judgement = filter.filter(node);
      if (!judgement.fits) return { plugin: plugin.name, refusal: judgement };
    }
    return undefined;
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
