import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { Node, Pod } from '../../generated/api/core/v1.ts';
import { nodes, pods } from '../../generated/resource-types.ts';
import { isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { everyPeriod, untilSynced } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { markDisrupted } from '../pods/disruption-target.ts';
import { isPodEnded } from '../pods/pod-state.ts';
import { planPodGc } from './plan.ts';

/** Source: `pkg/controller/podgc/gc_controller.go` (gcCheckPeriod, quarantineTime). */
const PERIOD_MS = 20_000;
const QUARANTINE_MS = 40_000;
const DEFAULT_THRESHOLD = 12_500;

/** Removes pods that nobody else will. */
class PodGarbageCollector implements Reconciler {
  readonly #client: Client;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #clock: Clock;
  readonly #threshold: number;
  /** Since when a node has been missing: one that registers late must not lose its pods. */
  readonly #missingSince = new Map<string, number>();

  constructor(deps: { client: Client; pods: Informer<Pod>; nodes: Informer<Node>; clock: Clock; threshold: number }) {
    this.#client = deps.client;
    this.#pods = deps.pods;
    this.#nodes = deps.nodes;
    this.#clock = deps.clock;
    this.#threshold = deps.threshold;
  }

  async reconcile(): Promise<Result> {
    const nowMs = this.#clock.nowMs();
    const all = this.#pods.list();
    const byName = new Map(this.#nodes.list().map((node) => [node.metadata.name ?? '', node]));
    const gone = await this.#findGone(all, byName, nowMs);
    const plan = planPodGc(all, byName, this.#threshold, (node) => gone.has(node));
    for (const pod of plan.excess) await this.#remove(pod);
    for (const pod of plan.orphaned) {
      if (!isPodEnded(pod)) await this.#fail(pod, 'PodGC: node no longer exists', nowMs);
      await this.#remove(pod);
    }
    for (const pod of plan.unscheduled) {
      if (!isPodEnded(pod)) await this.#fail(pod, undefined, nowMs);
      await this.#remove(pod);
    }
    for (const pod of plan.stranded) {
      if (!isPodEnded(pod)) await this.#fail(pod, undefined, nowMs);
      await this.#remove(pod);
    }
    return done;
  }

  /** Nobody else says that the pod has ended; its owner and its finalizers' holders wait for that. */
  async #fail(pod: Pod, message: string | undefined, nowMs: number): Promise<void> {
    const status = { phase: 'Failed', observedGeneration: pod.metadata.generation };
    if (message !== undefined) {
      await markDisrupted(this.#client, pod, { reason: 'DeletionByPodGC', message }, nowMs, status);
      return;
    }
    const patch = { metadata: { uid: pod.metadata.uid }, status };
    await this.#client
      .patch(pods, keyOf(pod), patch, { type: 'strategic', subresource: 'status' })
      .catch((error: unknown) => {
        if (!isNotFound(error) && !isConflict(error)) throw error;
      });
  }

  async #findGone(all: readonly Pod[], known: ReadonlyMap<string, Node>, nowMs: number): Promise<Set<string>> {
    const missing = new Set(
      all.map((pod) => pod.spec?.nodeName ?? '').filter((name) => name !== '' && !known.has(name)),
    );
    for (const name of this.#missingSince.keys()) if (!missing.has(name)) this.#missingSince.delete(name);
    const gone = new Set<string>();
    for (const name of missing) {
      const sinceMs = this.#missingSince.get(name) ?? nowMs;
      this.#missingSince.set(name, sinceMs);
      if (nowMs - sinceMs < QUARANTINE_MS) continue;
      try {
        await this.#client.get(nodes, { name });
      } catch (error) {
        if (isNotFound(error)) gone.add(name);
      }
    }
    return gone;
  }

  async #remove(pod: Pod): Promise<void> {
    const preconditions = { uid: pod.metadata.uid };
    await this.#client.delete(pods, keyOf(pod), { gracePeriodSeconds: 0, preconditions }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
}

export function runPodGarbageCollector(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics, config } = deps;
  const podInformer = informers.for(pods);
  const nodeInformer = informers.for(nodes);
  const reconciler = new PodGarbageCollector({
    client: clientFor(controllerUser('pod-garbage-collector')),
    pods: podInformer,
    nodes: nodeInformer,
    clock,
    threshold: config.terminatedPodThreshold ?? DEFAULT_THRESHOLD,
  });
  const sources = [everyPeriod(clock, PERIOD_MS, 'pods'), untilSynced(podInformer), untilSynced(nodeInformer)];
  return runController({ name: 'pod-gc', reconciler, sources, clock, logger, metrics }, signal);
}
