import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { Node } from '../../generated/api/core/v1.ts';
import { nodes } from '../../generated/resource-types.ts';
import { isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { AddonDeps } from '../deps.ts';
import { isEmptyPlan, planNode } from './node-plan.ts';

/** Tells of the machines that join what a cloud would tell: their addresses and identity. */
class CloudNodes implements Reconciler {
  readonly #client: Client;
  readonly #nodes: Informer<Node>;

  constructor(client: Client, informer: Informer<Node>) {
    this.#client = client;
    this.#nodes = informer;
  }

  async reconcile(name: string): Promise<Result> {
    const node = this.#nodes.get(name);
    if (node === undefined || node.metadata.deletionTimestamp !== undefined) return done;
    const { addresses, labels, taints, providerId } = planNode(node);
    try {
      // Addresses first: a node is not open for pods before they are known.
      if (addresses !== undefined) {
        // A list that merges by type would keep what is gone.
        const patch = { status: { addresses } };
        await this.#client.patch(nodes, { name }, patch, { type: 'merge', subresource: 'status' });
      }
      if (labels !== undefined || taints !== undefined || providerId !== undefined) {
        const spec = { ...(providerId === undefined ? {} : { providerID: providerId }), ...(taints ? { taints } : {}) };
        const version = taints === undefined ? {} : { resourceVersion: await this.#versionWith(node) };
        const metadata = { ...version, ...(labels === undefined ? {} : { labels }) };
        await this.#client.patch(nodes, { name }, { metadata, spec }, { type: 'merge' });
      }
    } catch (error) {
      // A newer state of the node comes as an event.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
    return done;
  }

  /** The revision to change the taints at: the newest, if these are still what was looked at. */
  async #versionWith(node: Node): Promise<string | undefined> {
    const newest = await this.#client.get(nodes, { name: node.metadata.name ?? '' });
    const isSame = JSON.stringify(newest.spec?.taints) === JSON.stringify(node.spec?.taints);
    return isSame ? newest.metadata.resourceVersion : node.metadata.resourceVersion;
  }
}

export function runCloudNodes({ client, informers, clock, logger }: AddonDeps, signal: AbortSignal): Promise<void> {
  const informer = informers.for(nodes);
  // Heartbeats change nodes all the time; only those with something to do are looked at.
  const source = onChange(informer, ({ type, object }) =>
    type === 'deleted' || isEmptyPlan(planNode(object)) ? [] : [object.metadata.name ?? ''],
  );
  const reconciler = new CloudNodes(client, informer);
  return runController({ name: 'cloud-node', reconciler, sources: [source], clock, logger }, signal);
}
