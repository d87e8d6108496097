import type { Client } from '../../client/client.ts';
import { discoverResources } from '../../client/discovery.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { Scale } from '../../generated/api/autoscaling/v1.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import type { APIResourceList, OwnerReference } from '../../generated/api/meta/v1.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../generated/api/policy/v1.ts';
import {
  deployments,
  poddisruptionbudgets,
  pods,
  replicasets,
  replicationcontrollers,
  statefulsets,
} from '../../generated/resource-types.ts';
import { isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import {
  controllerOf,
  type KubeObject,
  keyOf,
  parseApiVersion,
  type ResourceType,
  toKeyText,
} from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { isPodReady, isPodTerminating } from '../pods/pod-state.ts';
import { toStableText } from '../safe-hash.ts';
import { matchesSelector, toGoText } from '../selector.ts';
import { toTime } from '../timestamps.ts';
import { needsScale, planExpected, planFailure, planStatus, staleMarkInMs } from './plan.ts';

type Scaled = KubeObject & { readonly spec?: { readonly replicas?: number | undefined } | undefined };

/** Kinds whose wished number is in their spec. */
const known: readonly ResourceType<KubeObject>[] = [
  replicasets,
  replicationcontrollers,
  statefulsets,
  deployments,
] as readonly ResourceType<KubeObject>[];

interface Deps {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly budgets: Informer<PodDisruptionBudget>;
  readonly pods: Informer<Pod>;
  readonly clock: Clock;
}

/** Reckons how many pods of each budget may be disrupted now; evictions ask for it. */
class DisruptionController implements Reconciler {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Result> {
    const { budgets, pods: podInformer, clock } = this.#deps;
    const budget = budgets.get(key);
    if (budget === undefined) return done;
    const selected = podInformer
      .list(budget.metadata.namespace)
      .filter((pod) => matchesSelector(budget.spec?.selector, pod.metadata.labels));
    if (selected.length === 0) this.#event(budget, 'Normal', 'NoPods', 'No matching pods found');
    let scale = 0;
    try {
      if (needsScale(budget)) scale = await this.#scaleOf(budget, selected);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      const message = `Failed to calculate the number of expected pods: ${text}`;
      this.#event(budget, 'Warning', 'CalculateExpectedPodCountFailed', message);
      if (isConflict(error)) throw error;
      // Upstream tries again only when something changes.
      await this.#write(budget, planFailure(budget, text, clock.nowMs()));
      return done;
    }
    const plan = planStatus(budget, selected, planExpected(budget, selected.length, scale), clock.nowMs());
    for (const pod of plan.notDeleted) {
      const message = `Pod was expected by PDB ${key} to be deleted but it wasn't`;
      this.#deps.recorder.event(referenceTo(pods, pod), 'Warning', 'NotDeleted', message);
    }
    await this.#write(budget, plan.status);
    return plan.recheckInMs === undefined ? done : { requeueAfterMs: plan.recheckInMs };
  }

  /** The pods that the controllers of these wish for, together. */
  async #scaleOf(budget: PodDisruptionBudget, selected: readonly Pod[]): Promise<number> {
    const scales = new Map<string, number>();
    if (selected.some((pod) => controllerOf(pod) === undefined)) {
      const message = `Pods selected by this PodDisruptionBudget (selector: ${toGoText(budget.spec?.selector)}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`;
      this.#event(budget, 'Warning', 'UnmanagedPods', message);
    }
    for (const pod of selected) {
      const owner = controllerOf(pod);
      // A pod of nobody is not expected by anybody: the budget then protects the others.
      if (owner === undefined || scales.has(owner.uid)) continue;
      const found = await this.#findScale(owner, pod.metadata.namespace ?? '');
      if (found === undefined) throw new Error(`found no controllers for pod "${pod.metadata.name}"`);
      scales.set(owner.uid, 0);
      scales.set(found.uid, found.replicas);
    }
    return [...scales.values()].reduce((sum, replicas) => sum + replicas, 0);
  }

  async #findScale(owner: OwnerReference, namespace: string): Promise<{ uid: string; replicas: number } | undefined> {
    const { group } = parseApiVersion(owner.apiVersion);
    const type = known.find((each) => each.kind === owner.kind && each.group === group);
    try {
      if (type === undefined) return await this.#readScale(owner, namespace);
      const object: Scaled = await this.#deps.client.get(type, { namespace, name: owner.name });
      if (object.metadata.uid !== owner.uid) return undefined;
      const parent = controllerOf(object);
      const isDeployed = type === (replicasets as ResourceType<KubeObject>) && parent?.kind === 'Deployment';
      if (isDeployed && parent !== undefined) return await this.#findScale(parent, namespace);
      return { uid: owner.uid, replicas: object.spec?.replicas ?? 1 };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #readScale(owner: OwnerReference, namespace: string): Promise<{ uid: string; replicas: number } | undefined> {
    const { group } = parseApiVersion(owner.apiVersion);
    const { resources } = await discoverResources(this.#deps.client);
    const type = resources.find((each) => each.kind === owner.kind && each.group === group);
    if (type === undefined) return undefined;
    const scaleType: ResourceType<Scale> = { ...type, objectType: undefined as unknown as Scale };
    const scale = await this.#deps.client
      .get(scaleType, { namespace, name: owner.name }, { subresource: 'scale' })
      .catch(async (error: unknown) => {
        if (!isNotFound(error) || (await this.#servesScale(type))) throw error;
        const what = group === '' ? type.plural : `${type.plural}.${group}`;
        throw new Error(`${what} does not implement the scale subresource`);
      });
    if (scale.metadata.uid !== owner.uid) return undefined;
    return { uid: owner.uid, replicas: scale.spec.replicas ?? 0 };
  }

  async #servesScale({ group, version, plural }: ResourceType): Promise<boolean> {
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    const list = (await this.#deps.client.transport.request({ method: 'GET', path })) as APIResourceList;
    return list.resources.some(({ name }) => name === `${plural}/scale`);
  }

  async #write(budget: PodDisruptionBudget, status: PodDisruptionBudgetStatus): Promise<void> {
    if (toStableText(status) === toStableText(budget.status ?? {})) return;
    try {
      await this.#deps.client.update(poddisruptionbudgets, { ...budget, status }, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #event(budget: PodDisruptionBudget, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#deps.recorder.event(referenceTo(poddisruptionbudgets, budget), type, reason, message);
  }
}

/** Takes marks of disruption off pods that nobody deleted after all. */
class StaleMarks implements Reconciler {
  readonly #client: Client;
  readonly #pods: Informer<Pod>;
  readonly #clock: Clock;

  constructor(client: Client, podInformer: Informer<Pod>, clock: Clock) {
    this.#client = client;
    this.#pods = podInformer;
    this.#clock = clock;
  }

  async reconcile(key: string): Promise<Result> {
    const pod = this.#pods.get(key);
    const nowMs = this.#clock.nowMs();
    const leftMs = pod === undefined ? undefined : staleMarkInMs(pod, nowMs);
    if (pod === undefined || leftMs === undefined) return done;
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    const condition = { type: 'DisruptionTarget', status: 'False', lastTransitionTime: toTime(nowMs) };
    const { generation } = pod.metadata;
    const stamped = generation === undefined ? condition : { ...condition, observedGeneration: generation };
    const conditions = (pod.status?.conditions ?? []).map((each) => (each.type === condition.type ? stamped : each));
    const next = { ...pod, status: { ...pod.status, conditions } };
    try {
      await this.#client.update(pods, next, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    return done;
  }
}

export async function runDisruptionController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const client = clientFor(controllerUser('disruption-controller'));
  const budgets = informers.for(poddisruptionbudgets);
  const podInformer = informers.for(pods);
  const recorder = deps.events('controllermanager', client);
  const budgetsOf = (object: Pod): string[] =>
    budgets
      .list(object.metadata.namespace ?? '')
      .filter((budget) => matchesSelector(budget.spec?.selector, object.metadata.labels))
      .map((budget) => toKeyText(keyOf(budget)));
  const stateOf = (pod: Pod): string =>
    toStableText([
      isPodReady(pod),
      isPodTerminating(pod),
      pod.metadata.labels ?? {},
      pod.metadata.ownerReferences ?? [],
    ]);
  const budgetSources = [
    onChange(budgets),
    onChange(podInformer, ({ object, previous }) => {
      if (previous !== undefined && stateOf(previous) === stateOf(object)) return [];
      const selecting = budgetsOf(object);
      if (selecting.length > 1) {
        const { namespace, name } = object.metadata;
        const chosen = budgets.get(selecting[0] ?? '')?.metadata.name;
        const message = `Pod "${namespace}"/"${name}" matches multiple PodDisruptionBudgets.  Chose "${chosen}" arbitrarily.`;
        recorder.event(referenceTo(pods, object), 'Warning', 'MultiplePodDisruptionBudgets', message);
      }
      return new Set([...selecting, ...(previous === undefined ? [] : budgetsOf(previous))]);
    }),
    // The wished number is part of the sum: scaling alone changes what may be disrupted.
    ...known.map((type) =>
      onChange(informers.for(type), ({ object, previous }) => {
        const replicasOf = (each: Scaled | undefined): number | undefined => each?.spec?.replicas;
        if (previous === undefined || replicasOf(object) === replicasOf(previous)) return [];
        return budgets
          .list(object.metadata.namespace ?? '')
          .filter(needsScale)
          .map((budget) => toKeyText(keyOf(budget)));
      }),
    ),
  ];
  const markSource = onChange(podInformer, ({ type, object }) =>
    type !== 'deleted' && staleMarkInMs(object, clock.nowMs()) !== undefined ? [toKeyText(keyOf(object))] : [],
  );
  const loop = { clock, logger, metrics };
  const reconciler = new DisruptionController({ client, recorder, budgets, pods: podInformer, clock });
  await Promise.all([
    runController({ ...loop, name: 'disruption', reconciler, sources: budgetSources }, signal),
    runController(
      {
        ...loop,
        name: 'disruption-marks',
        reconciler: new StaleMarks(client, podInformer, clock),
        sources: [markSource],
      },
      signal,
    ),
  ]);
}
