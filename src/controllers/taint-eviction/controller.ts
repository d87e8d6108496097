import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { Node, Pod } from '../../generated/api/core/v1.ts';
import { nodes, pods } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf, parseKeyText, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import type { ControllerCounts } from '../controller-counts.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { indexPodsByNode, NODE_INDEX } from '../node-lifecycle/controller.ts';
import { markDisrupted } from '../pods/disruption-target.ts';
import { toStableText } from '../safe-hash.ts';
import { planEviction } from './plan.ts';

/** Deletes pods from nodes whose NoExecute taints they do not tolerate, or no longer. */
class TaintEvictionController implements Reconciler {
  readonly #client: Client;
  readonly #recorder: EventRecorder;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  readonly #clock: Clock;
  readonly #counts: ControllerCounts | undefined;
  /** When each pod that may stay for a while is to go. */
  readonly #dueMs = new Map<string, number>();
  /** For which taints each pod was deleted that is still there. */
  readonly #evicted = new Map<string, string>();

  constructor(deps: {
    client: Client;
    recorder: EventRecorder;
    nodes: Informer<Node>;
    pods: Informer<Pod>;
    clock: Clock;
    counts: ControllerCounts | undefined;
  }) {
    this.#counts = deps.counts;
    this.#client = deps.client;
    this.#recorder = deps.recorder;
    this.#nodes = deps.nodes;
    this.#pods = deps.pods;
    this.#clock = deps.clock;
  }

  async reconcile(key: string): Promise<Result> {
    const pod = this.#pods.get(key);
    if (pod === undefined || !pod.spec?.nodeName) {
      this.#cancel(key);
      this.#evicted.delete(key);
      return done;
    }
    const taints = this.#nodes.get(pod.spec.nodeName)?.spec?.taints ?? [];
    // Further taints evict it once more; an old timer does not.
    const cause = `${pod.metadata.uid} ${toStableText(taints)}`;
    if (this.#evicted.get(key) === cause) return done;
    const plan = planEviction(pod, taints);
    if (plan.step === 'keep') {
      this.#cancel(key);
      return done;
    }
    let dueAtMs = this.#clock.nowMs();
    if (plan.step === 'wait') {
      const nowMs = this.#clock.nowMs();
      // Once it is set, further taints do not change the time.
      const dueMs = this.#dueMs.get(key) ?? nowMs + plan.seconds * 1000;
      this.#dueMs.set(key, dueMs);
      if (dueMs > nowMs) return { requeueAfterMs: dueMs - nowMs };
      this.#dueMs.delete(key);
      dueAtMs = dueMs;
    } else this.#cancel(key);
    await this.#evict(key, pod);
    this.#counts?.podEvicted(Math.max(0, this.#clock.nowMs() - dueAtMs));
    this.#evicted.set(key, cause);
    return done;
  }

  /** Forgets an eviction that was to come, and says so. */
  #cancel(key: string): void {
    if (this.#dueMs.delete(key)) this.#tell(key, `Cancelling deletion of Pod ${key}`);
  }

  #tell(key: string, message: string): void {
    this.#recorder.event(
      { apiVersion: 'v1', kind: 'Pod', ...parseKeyText(key) },
      'Normal',
      'TaintManagerEviction',
      message,
    );
  }

  async #evict(key: string, pod: Pod): Promise<void> {
    this.#tell(key, `Marking for deletion Pod ${key}`);
    const condition = {
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
    };
    await markDisrupted(this.#client, pod, condition, this.#clock.nowMs());
    try {
      await this.#client.delete(pods, keyOf(pod), { preconditions: { uid: pod.metadata.uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

export function runTaintEvictionController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics, counts } = deps;
  const client = clientFor(controllerUser('node-controller'));
  const nodeInformer = informers.for(nodes);
  const podInformer = informers.for(pods);
  indexPodsByNode(podInformer);
  const recorder = deps.events('taint-eviction-controller', client);
  const taintsOf = (node: Node | undefined): string =>
    JSON.stringify((node?.spec?.taints ?? []).filter((taint) => taint.effect === 'NoExecute'));
  const sources = [
    onChange(nodeInformer, ({ object, previous }) =>
      taintsOf(object) === taintsOf(previous)
        ? []
        : podInformer.byIndex(NODE_INDEX, object.metadata.name ?? '').map((pod) => toKeyText(keyOf(pod))),
    ),
    onChange(podInformer, ({ type, object, previous }) => {
      // A pod that is about to go is left to its kubelet.
      const sameNode = previous?.spec?.nodeName === object.spec?.nodeName;
      const sameTolerations = previous?.spec?.tolerations?.length === object.spec?.tolerations?.length;
      const isOld = type === 'updated' && sameNode && sameTolerations;
      return !object.spec?.nodeName || isOld ? [] : [toKeyText(keyOf(object))];
    }),
  ];
  const reconciler = new TaintEvictionController({
    client,
    recorder,
    nodes: nodeInformer,
    pods: podInformer,
    clock,
    counts,
  });
  return runController({ name: 'taint-eviction', reconciler, sources, workers: 8, clock, logger, metrics }, signal);
}
