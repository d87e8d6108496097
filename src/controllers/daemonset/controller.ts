import type { Client } from '../../client/client.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { ControllerRevision, DaemonSet, DaemonSetStatus } from '../../generated/api/apps/v1.ts';
import type { Node, Pod } from '../../generated/api/core/v1.ts';
import { controllerrevisions, daemonsets, nodes, pods } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { Expectations } from '../../reconcile/expectations.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange, ownerOf } from '../../reconcile/sources.ts';
import { toBackoffMs } from '../../std/backoff.ts';
import type { Clock } from '../../std/clock.ts';
import { runAll, runSlowStart } from '../batches.ts';
import { claimObjects } from '../claim.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { ensureHistory, trimHistory } from '../history.ts';
import { isNamespaceTerminating, PodControl, podFromTemplate } from '../pods/pod-control.ts';
import { claimable, indexByController } from '../pods/pod-indexes.ts';
import { availableInMs } from '../pods/pod-state.ts';
import { onPodChange } from '../pods/pod-tracking.ts';
import { toStableText } from '../safe-hash.ts';
import { isEmptySelector } from '../selector.ts';
import { HASH_LABEL, planPlacement, templateFor } from './placement.ts';
import { type Context, type DaemonPlan, groupByNode, planPods, planStatus, planUpdate } from './plan.ts';

interface Deps {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly control: PodControl;
  readonly daemonSets: Informer<DaemonSet>;
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly revisions: Informer<ControllerRevision>;
  readonly expectations: Expectations;
  readonly clock: Clock;
}

/** Pods made or deleted in one go at most. Source: `daemon_controller.go` (BurstReplicas). */
const BURST = 250;
/** Failed pods are replaced after 1 s, then ever later, up to 15 minutes. */
const failedPodBackoff = { firstMs: 1000, maxMs: 900_000 };

/** Keeps one pod on every node that a daemon set wants to be on. */
class DaemonSetController implements Reconciler {
  readonly #deps: Deps;
  readonly #failures = new Map<string, { count: number; nextMs: number }>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Result> {
    const { client, recorder, daemonSets, pods: podInformer, revisions, expectations, clock } = this.#deps;
    const daemonSet = daemonSets.get(key);
    if (daemonSet === undefined) {
      expectations.forget(key);
      for (const each of this.#failures.keys()) if (each.startsWith(`${key}|`)) this.#failures.delete(each);
      return done;
    }
    if (isEmptySelector(daemonSet.spec.selector)) {
      const message = 'This daemon set is selecting all pods. A non-empty selector is required.';
      recorder.event(referenceTo(daemonsets, daemonSet), 'Warning', 'SelectingAll', message);
      return done;
    }
    if (daemonSet.metadata.deletionTimestamp !== undefined) return done;
    const { current, old } = await ensureHistory({
      client,
      informer: revisions,
      type: daemonsets,
      owner: daemonSet,
      selector: daemonSet.spec.selector,
      template: daemonSet.spec.template,
      collisionCount: daemonSet.status?.collisionCount,
      hashLabel: HASH_LABEL,
      onCollision: (collisionCount) => this.#writeStatus(daemonSet, { ...statusOf(daemonSet), collisionCount }),
    });
    const owned = await claimObjects({
      client,
      type: pods,
      owner: daemonSet,
      ownerType: daemonsets,
      selector: daemonSet.spec.selector,
      objects: claimable(podInformer, daemonSet),
    });
    const context = this.#context(daemonSet, owned, current.metadata.labels?.[HASH_LABEL] ?? '');
    if (!expectations.isMet(key)) {
      await this.#writeStatus(daemonSet, planStatus(context, { observed: false }));
      return done;
    }
    let failure: unknown;
    let retryInMs: number | undefined;
    try {
      retryInMs = await this.#manage(key, context);
      const used = new Set(owned.map((pod) => pod.metadata.labels?.[HASH_LABEL]));
      const limit = daemonSet.spec.revisionHistoryLimit ?? 10;
      await trimHistory(client, old, { limit }, (each) => used.has(each.metadata.labels?.[HASH_LABEL]));
    } catch (error) {
      failure = error;
    }
    await this.#writeStatus(daemonSet, planStatus(context, { observed: true }));
    if (failure !== undefined && !isNamespaceTerminating(failure)) throw failure;
    const waits = owned.map((pod) => availableInMs(pod, daemonSet.spec.minReadySeconds ?? 0, clock.nowMs()));
    const times = [retryInMs, ...waits].filter((ms) => ms !== undefined);
    return times.length === 0 ? done : { requeueAfterMs: Math.min(...times) };
  }

  #context(daemonSet: DaemonSet, owned: readonly Pod[], hash: string): Context {
    const nowMs = this.#deps.clock.nowMs();
    return { daemonSet, nodes: this.#deps.nodes.list(), podsByNode: groupByNode(owned), hash, nowMs };
  }

  async #manage(key: string, context: Context): Promise<number | undefined> {
    const { daemonSet } = context;
    const plan = planPods(context, (node) => this.#failureDelay(key, daemonSet, node));
    const about = referenceTo(daemonsets, daemonSet);
    for (const { pod, node } of plan.ended) {
      const failed = pod.status?.phase === 'Failed';
      const what = `${pod.metadata.namespace}/${pod.metadata.name} on node ${node}`;
      if (failed) {
        const message = `Found failed daemon pod ${what}, will try to kill it`;
        this.#deps.recorder.event(about, 'Warning', 'FailedDaemonPod', message);
      } else {
        const message = `Found succeeded daemon pod ${what}, will try to delete it`;
        this.#deps.recorder.event(about, 'Normal', 'SucceededDaemonPod', message);
      }
    }
    await this.#apply(key, context, plan);
    const isRolling = (daemonSet.spec.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
    if (isRolling && plan.create.length === 0 && plan.remove.length === 0) {
      await this.#apply(key, context, planUpdate(context));
    }
    return plan.retryInMs;
  }

  async #apply(key: string, { daemonSet, hash }: Context, plan: DaemonPlan): Promise<void> {
    const { control, expectations } = this.#deps;
    const owner = { type: daemonsets, object: daemonSet };
    const create = plan.create.slice(0, BURST);
    const remove = plan.remove.slice(0, BURST);
    if (create.length === 0 && remove.length === 0) return;
    expectations.expect(key, {
      creations: create.length,
      deletions: remove.map((pod) => toKeyText(keyOf(pod))),
    });
    const { successes, error } = await runSlowStart(create.length, (index) =>
      control.create(podFromTemplate(templateFor(daemonSet, create[index] ?? '', hash), owner), owner),
    );
    expectations.creationSeen(key, create.length - successes);
    await runAll(remove, async (pod) => {
      try {
        await control.delete(pod, owner);
      } catch (cause) {
        expectations.deletionSeen(key, toKeyText(keyOf(pod)));
        if (!isNotFound(cause)) throw cause;
      }
    });
    if (error !== undefined) throw error;
  }

  #failureDelay(key: string, daemonSet: DaemonSet, node: string): number {
    const nowMs = this.#deps.clock.nowMs();
    const id = `${key}|${daemonSet.status?.observedGeneration}|${node}`;
    const known = this.#failures.get(id);
    if (known !== undefined && nowMs < known.nextMs) return known.nextMs - nowMs;
    const count = known === undefined || nowMs > known.nextMs + 2 * failedPodBackoff.maxMs ? 0 : known.count;
    this.#failures.set(id, { count: count + 1, nextMs: nowMs + toBackoffMs(failedPodBackoff, count) });
    return 0;
  }

  async #writeStatus(daemonSet: DaemonSet, status: DaemonSetStatus): Promise<void> {
    if (toStableText(status) === toStableText(daemonSet.status ?? {})) return;
    try {
      await this.#deps.client.update(daemonsets, { ...daemonSet, status }, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function statusOf(daemonSet: DaemonSet): DaemonSetStatus {
  const zero = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
  return daemonSet.status ?? zero;
}

export function runDaemonSetController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const client = clientFor(controllerUser('daemon-set-controller'));
  const recorder = deps.events('daemonset-controller', client);
  const daemonSets = informers.for(daemonsets);
  const podInformer = informers.for(pods);
  const nodeInformer = informers.for(nodes);
  const revisions = informers.for(controllerrevisions);
  indexByController(podInformer);
  indexByController(revisions);
  const expectations = new Expectations(clock);
  const reconciler = new DaemonSetController({
    client,
    recorder,
    control: new PodControl(client, recorder),
    daemonSets,
    pods: podInformer,
    nodes: nodeInformer,
    revisions,
    expectations,
    clock,
  });
  const fits = (daemonSet: DaemonSet, node: Node): string => JSON.stringify(planPlacement(daemonSet, node));
  const sources = [
    onChange(daemonSets, ({ type, object, previous }) => {
      const key = toKeyText(keyOf(object));
      const isAnother = previous !== undefined && previous.metadata.uid !== object.metadata.uid;
      if (type === 'deleted' || isAnother) expectations.forget(key);
      return [key];
    }),
    onChange(nodeInformer, ({ type, object, previous }) =>
      daemonSets
        .list()
        .filter((each) => type !== 'updated' || previous === undefined || fits(each, object) !== fits(each, previous))
        .map((each) => toKeyText(keyOf(each))),
    ),
    onPodChange({
      pods: podInformer,
      owners: daemonSets,
      ownerType: daemonsets,
      selectorOf: (each) => each.spec.selector,
      expectations,
      minReadySecondsOf: (each) => each.spec.minReadySeconds ?? 0,
      nowMs: () => clock.nowMs(),
    }),
    onChange(revisions, ownerOf(daemonsets)),
  ];
  return runController({ name: 'daemonset', reconciler, sources, workers: 2, clock, logger, metrics }, signal);
}
