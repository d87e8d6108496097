import type { Lister } from '../client/informer.ts';
import type { Node } from '../generated/api/core/v1.ts';
import { configmaps } from '../generated/resource-types.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import type { AddonDeps } from './deps.ts';

const RETRY_MS = 5_000;
const CONFIG_MAP = { namespace: 'kube-system', name: 'coredns' };

/** Keeps the names of nodes in cluster DNS. Source: k3s `pkg/node/controller.go` (updateCoreDNSConfigMap). */
export class NodeHosts {
  readonly #deps: AddonDeps & { readonly nodes: Lister<Node> };
  readonly #signal: AbortSignal;
  #busy = false;
  #again = false;

  constructor(deps: AddonDeps & { readonly nodes: Lister<Node> }, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  /** Nodes change all the time by their heartbeats; only their names and addresses matter here. */
  nodeChanged(next: Node | undefined, previous: Node | undefined): void {
    if (next === undefined || previous === undefined || addressOf(next) !== addressOf(previous)) this.write();
  }

  /** Writes what differs, soon. */
  write(): void {
    this.#again = true;
    if (!this.#busy) void this.#run();
  }

  async #run(): Promise<void> {
    this.#busy = true;
    try {
      while (this.#again && !this.#signal.aborted) {
        this.#again = false;
        await this.#writeOnce();
      }
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#deps.logger.warn('the names of nodes are not up to date in cluster DNS, trying again', { error });
      this.#deps.clock.after(RETRY_MS, () => this.write());
    } finally {
      this.#busy = false;
    }
  }

  async #writeOnce(): Promise<void> {
    const { client, nodes } = this.#deps;
    const signal = this.#signal;
    const NodeHosts = toNodeHosts(nodes.list());
    try {
      const present = await client.get(configmaps, CONFIG_MAP, { signal });
      if (present.data?.['NodeHosts'] === NodeHosts) return;
      const options = { type: 'merge', fieldManager: 'node-hosts', signal } as const;
      await client.patch(configmaps, CONFIG_MAP, { data: { NodeHosts } }, options);
    } catch (error) {
      // Not deployed yet, or removed by the user: then it is theirs to bring back.
      if (!isNotFound(error)) throw error;
    }
  }
}

/** One line a node, sorted by address. Source: k3s `pkg/node/controller.go` (updateCoreDNSConfigMap). */
export function toNodeHosts(all: readonly Node[]): string {
  return all
    .map((node) => ({ address: addressOf(node), name: node.metadata.name ?? '' }))
    .filter(({ address }) => address !== '')
    .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : a.name < b.name ? -1 : 1))
    .map(({ address, name }) => `${address} ${name}\n`)
    .join('');
}

function addressOf(node: Node): string {
  return node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '';
}
