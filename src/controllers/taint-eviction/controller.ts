import type { Client } from '../../client/client.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { Node, Pod } from '../../generated/api/core/v1.ts';
import { nodes, pods } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { indexPodsByNode, NODE_INDEX } from '../node-lifecycle/controller.ts';
import { markDisrupted } from '../pods/disruption-target.ts';
import { planEviction } from './plan.ts';

/** Deletes pods from nodes whose NoExecute taints they do not tolerate, or no longer. */
class TaintEvictionController implements Reconciler {
  readonly #client: Client;
  readonly #recorder: EventRecorder;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  readonly #clock: Clock;
  /** When the wait of each pod that is to go began. */
  readonly #since = new Map<string, number>();

  constructor(deps: {
    client: Client;
    recorder: EventRecorder;
    nodes: Informer<Node>;
    pods: Informer<Pod>;
    clock: Clock;
  }) {
    this.#client = deps.client;
    this.#recorder = deps.recorder;
    this.#nodes = deps.nodes;
    this.#pods = deps.pods;
    this.#clock = deps.clock;
  }

  async reconcile(key: string): Promise<Result> {
    const pod = this.#pods.get(key);
    if (pod === undefined || !pod.spec?.nodeName || pod.metadata.deletionTimestamp !== undefined) {
      this.#since.delete(key);
      return done;
    }
    const plan = planEviction(pod, this.#nodes.get(pod.spec.nodeName)?.spec?.taints ?? []);
    if (plan.step === 'keep') {
      if (this.#since.delete(key)) {
        const message = `Cancelling deletion of Pod ${key}`;
        this.#recorder.event(referenceTo(pods, pod), 'Normal', 'TaintManagerEviction', message);
      }
      return done;
    }
    if (plan.step === 'wait') {
      const nowMs = this.#clock.nowMs();
      const sinceMs = this.#since.get(key) ?? nowMs;
      this.#since.set(key, sinceMs);
      const leftMs = sinceMs + plan.seconds * 1000 - nowMs;
      if (leftMs > 0) return { requeueAfterMs: leftMs };
    }
    await this.#evict(key, pod);
    this.#since.delete(key);
    return done;
  }

  async #evict(key: string, pod: Pod): Promise<void> {
    const message = `Marking for deletion Pod ${key}`;
    this.#recorder.event(referenceTo(pods, pod), 'Normal', 'TaintManagerEviction', message);
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
  const { clientFor, informers, clock, logger, metrics } = deps;
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
      const sameNode = previous?.spec?.nodeName === object.spec?.nodeName;
      const isOld = type === 'updated' && sameNode && object.metadata.deletionTimestamp === undefined;
      const sameTolerations = previous?.spec?.tolerations?.length === object.spec?.tolerations?.length;
      return !object.spec?.nodeName || (isOld && sameTolerations) ? [] : [toKeyText(keyOf(object))];
    }),
  ];
  const reconciler = new TaintEvictionController({ client, recorder, nodes: nodeInformer, pods: podInformer, clock });
  return runController({ name: 'taint-eviction', reconciler, sources, workers: 8, clock, logger, metrics }, signal);
}
