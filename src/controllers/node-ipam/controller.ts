import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { Node } from '../../generated/api/core/v1.ts';
import { nodes } from '../../generated/resource-types.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import { contains, parseCidr } from '../../std/cidr.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type ControllerConfig, type ControllerDeps, controllerUser } from '../definition.ts';
import { CidrSet } from './cidr-set.ts';

/** Gives each node a range of pod addresses out of each cluster range. */
export class NodeIpamController implements Reconciler {
  readonly #client: Client;
  readonly #recorder: EventRecorder;
  readonly #nodes: Informer<Node>;
  readonly #logger: Logger;
  readonly #sets: readonly CidrSet[];
  /** What each node holds; the cache may not show it yet. */
  readonly #held = new Map<string, readonly string[]>();

  constructor(
    deps: { client: Client; recorder: EventRecorder; nodes: Informer<Node>; logger: Logger },
    sets: readonly CidrSet[],
  ) {
    this.#client = deps.client;
    this.#recorder = deps.recorder;
    this.#nodes = deps.nodes;
    this.#logger = deps.logger;
    this.#sets = sets;
  }

  /** Takes over what nodes have; must run before the first allocation, or two nodes might get the same range. */
  occupyExisting(): void {
    for (const node of this.#nodes.list()) this.#occupy(node);
  }

  async reconcile(name: string): Promise<Result> {
    const node = this.#nodes.get(name);
    if (node === undefined) {
      this.#release(name);
      return done;
    }
    if (rangesOf(node).length > 0) {
      this.#occupy(node);
      return done;
    }
    if (node.metadata.deletionTimestamp !== undefined) return done;
    const ranges = this.#held.get(name) ?? this.#allocate(name);
    if (ranges === undefined) {
      this.#event(node, 'CIDRNotAvailable');
      throw new Error('CIDR allocation failed; there are no remaining CIDRs left to allocate in the accepted range');
    }
    const spec = { podCIDR: ranges[0], podCIDRs: ranges };
    try {
      await this.#client.patch(nodes, { name }, { spec }, { type: 'strategic' });
    } catch (error) {
      this.#event(node, 'CIDRAssignmentFailed');
      throw error;
    }
    return done;
  }

  #allocate(name: string): readonly string[] | undefined {
    const ranges: string[] = [];
    for (const set of this.#sets) {
      const range = set.allocate();
      if (range === undefined) {
        for (const [i, taken] of ranges.entries()) this.#sets[i]?.release(taken);
        return undefined;
      }
      ranges.push(range);
    }
    this.#held.set(name, ranges);
    return ranges;
  }

  #occupy(node: Node): void {
    const name = node.metadata.name ?? '';
    const ranges = rangesOf(node);
    const held = this.#held.get(name);
    if (ranges.length === 0 || held?.join() === ranges.join()) return;
    if (held !== undefined) this.#release(name);
    ranges.forEach((range, i) => {
      try {
        if (this.#sets[i]?.occupy(range) === false) {
          this.#logger.warn('a node has a range outside of the cluster range', { node: name, range });
        }
      } catch (error) {
        this.#logger.warn('a node has a range that cannot be read', { node: name, range, error });
      }
    });
    this.#held.set(name, ranges);
  }

  #release(name: string): void {
    this.#held.get(name)?.forEach((range, i) => {
      try {
        this.#sets[i]?.release(range);
      } catch {
        // It could not be read when it came, so nothing was taken.
      }
    });
    this.#held.delete(name);
  }

  #event(node: Node, reason: string): void {
    const name = node.metadata.name ?? '';
    // Node events carry the node's name as uid, so that `kubectl describe node` finds them.
    const about = { kind: 'Node', apiVersion: 'v1', name, uid: name };
    this.#recorder.event(about, 'Normal', reason, `Node ${name} status is now: ${reason}`);
  }
}

/** The sets of a configuration, service ranges left out of them. */
export function createCidrSets(config: ControllerConfig): CidrSet[] {
  return config.clusterCIDRs.map((text) => {
    const cluster = parseCidr(text);
    const { ipv4 = 24, ipv6 = 64 } = config.nodeCIDRMaskSize ?? {};
    // A cluster range smaller than the usual node range becomes the one node's range.
    const set = new CidrSet(cluster, Math.max(cluster.family === 4 ? ipv4 : ipv6, cluster.prefixBits));
    for (const service of config.serviceCIDRs) {
      const cidr = parseCidr(service);
      if (cidr.family === cluster.family && contains(cluster, cidr)) set.occupy(service);
    }
    return set;
  });
}

function rangesOf(node: Node): readonly string[] {
  const { podCIDR, podCIDRs } = node.spec ?? {};
  return podCIDRs ?? (podCIDR === undefined || podCIDR === '' ? [] : [podCIDR]);
}

export async function runNodeIpamController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics, config } = deps;
  if (config.clusterCIDRs.length === 0) return;
  const client = clientFor(controllerUser('node-controller'));
  const nodeInformer = informers.for(nodes);
  const recorder = deps.events('cidrAllocator', client);
  const reconciler = new NodeIpamController({ client, recorder, nodes: nodeInformer, logger }, createCidrSets(config));
  const synced = nodeInformer.synced.then(() => reconciler.occupyExisting());
  const sources = [{ ...onChange(nodeInformer), synced }];
  await runController({ name: 'node-ipam', reconciler, sources, clock, logger, metrics }, signal);
}
