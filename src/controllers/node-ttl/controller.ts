import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { Node } from '../../generated/api/core/v1.ts';
import { nodes } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';

const TTL = 'node.alpha.kubernetes.io/ttl';

/** Sizes of clusters, and how many seconds kubelets of such a cluster may keep what they read. */
const steps = [
  { least: 0, most: 100, seconds: 0 },
  { least: 90, most: 500, seconds: 15 },
  { least: 450, most: 1000, seconds: 30 },
  { least: 900, most: 2000, seconds: 60 },
  { least: 1800, most: Number.POSITIVE_INFINITY, seconds: 300 },
] as const;

/**
 * The step of a cluster's size. The steps overlap, so that a cluster at the edge of one does not change with every node.
 *
 * Source: `pkg/controller/ttl/ttl_controller.go`.
 */
export function planStep(step: number, nodeCount: number): number {
  let next = step;
  while (nodeCount > (steps[next]?.most ?? Number.POSITIVE_INFINITY)) next++;
  while (nodeCount < (steps[next]?.least ?? 0)) next--;
  return next;
}

/** Tells kubelets by an annotation how long they may keep secrets and config maps that they read. */
class NodeTtlController implements Reconciler {
  readonly #client: Client;
  readonly #nodes: Informer<Node>;
  #step = 0;

  constructor(client: Client, nodeInformer: Informer<Node>) {
    this.#client = client;
    this.#nodes = nodeInformer;
  }

  async reconcile(name: string): Promise<Result> {
    const node = this.#nodes.get(name);
    if (node === undefined) return done;
    this.#step = planStep(this.#step, this.#nodes.list().length);
    const wanted = String(steps[this.#step]?.seconds ?? 0);
    if (node.metadata.annotations?.[TTL] === wanted) return done;
    const metadata = { annotations: { [TTL]: wanted } };
    await this.#client.patch(nodes, { name }, { metadata }, { type: 'strategic' }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
    return done;
  }
}

export function runNodeTtlController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const nodeInformer = informers.for(nodes);
  const reconciler = new NodeTtlController(clientFor(controllerUser('ttl-controller')), nodeInformer);
  return runController({ name: 'ttl', reconciler, sources: [onChange(nodeInformer)], clock, logger, metrics }, signal);
}
