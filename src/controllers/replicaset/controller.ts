import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { ReplicaSet } from '../../generated/api/apps/v1.ts';
import type { Pod, ReplicationController } from '../../generated/api/core/v1.ts';
import { pods, replicasets, replicationcontrollers } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { controllerOf, type KubeObject, keyOf, type ResourceType, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { Expectations } from '../../reconcile/expectations.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { runAll, runSlowStart } from '../batches.ts';
import { claimObjects } from '../claim.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { isNamespaceTerminating, PodControl, podFromTemplate } from '../pods/pod-control.ts';
import { claimable, controlledBy, indexByController } from '../pods/pod-indexes.ts';
import { isPodActive, isPodEnded, isPodTerminating } from '../pods/pod-state.ts';
import { onPodChange } from '../pods/pod-tracking.ts';
import { toStableText } from '../safe-hash.ts';
import { nextAvailabilityMs, planScale, planStatus, type ReplicaSpec, type ReplicaStatus } from './plan.ts';

/** A kind that keeps a number of equal pods. */
interface ReplicaKind<T extends KubeObject> {
  readonly type: ResourceType<T>;
  readonly name: string;
  readonly component: string;
  readonly user: string;
  specOf(owner: T): ReplicaSpec;
  statusOf(owner: T): ReplicaStatus | undefined;
  /** Only replica sets tell how many pods are on their way out. */
  readonly tellsTerminating: boolean;
}

const replicaSetKind: ReplicaKind<ReplicaSet> = {
  type: replicasets,
  name: 'replicaset',
  component: 'replicaset-controller',
  user: controllerUser('replicaset-controller'),
  specOf: ({ spec }) => ({
    replicas: spec.replicas ?? 1,
    minReadySeconds: spec.minReadySeconds ?? 0,
    selector: spec.selector,
    template: spec.template ?? {},
  }),
  statusOf: (owner) => owner.status as ReplicaStatus | undefined,
  tellsTerminating: true,
};

const replicationControllerKind: ReplicaKind<ReplicationController> = {
  type: replicationcontrollers,
  name: 'replicationcontroller',
  component: 'replication-controller',
  user: controllerUser('replication-controller'),
  specOf: ({ spec }) => ({
    replicas: spec?.replicas ?? 1,
    minReadySeconds: spec?.minReadySeconds ?? 0,
    selector: { matchLabels: spec?.selector ?? {} },
    template: spec?.template ?? {},
  }),
  statusOf: (owner) => owner.status as ReplicaStatus | undefined,
  tellsTerminating: false,
};

interface Deps<T extends KubeObject> {
  readonly kind: ReplicaKind<T>;
  readonly client: Client;
  readonly control: PodControl;
  readonly owners: Informer<T>;
  readonly pods: Informer<Pod>;
  readonly expectations: Expectations;
  readonly clock: Clock;
}

/** Keeps as many pods as its objects wish. */
class ReplicaController<T extends KubeObject> implements Reconciler {
  readonly #deps: Deps<T>;

  constructor(deps: Deps<T>) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Result> {
    const { kind, owners, pods: podInformer, expectations, clock, client } = this.#deps;
    const owner = owners.get(key);
    if (owner === undefined) {
      expectations.forget(key);
      return done;
    }
    const spec = kind.specOf(owner);
    const mayAct = expectations.isMet(key);
    const candidates = claimable(podInformer, owner);
    const active = await claimObjects({
      client,
      type: pods,
      owner,
      ownerType: kind.type,
      selector: spec.selector,
      objects: candidates.filter(isPodActive),
    });
    let failure: unknown;
    if (mayAct && owner.metadata.deletionTimestamp === undefined) {
      failure = await this.#scale(key, owner, spec, active).then(
        () => undefined,
        // Whose namespace ends has not failed: there is nothing left to do.
        (error: unknown) => (isNamespaceTerminating(error) ? undefined : error),
      );
    }
    const terminating = controlledBy(podInformer, owner).filter((pod) => isPodTerminating(pod) && !isPodEnded(pod));
    const nowMs = clock.nowMs();
    const status = planStatus(
      kind.statusOf(owner),
      spec,
      { active, terminating: kind.tellsTerminating ? terminating.length : undefined },
      { generation: owner.metadata.generation, failure, nowMs },
    );
    await this.#writeStatus(owner, status);
    if (failure !== undefined) throw failure;
    const requeueAfterMs = nextAvailabilityMs(spec, active, nowMs);
    return requeueAfterMs === undefined ? done : { requeueAfterMs };
  }

  async #scale(key: string, owner: T, spec: ReplicaSpec, active: readonly Pod[]): Promise<void> {
    const { kind, control, expectations, clock } = this.#deps;
    const podOwner = { type: kind.type, object: owner };
    const related = active.length > spec.replicas ? this.#relatedPods(owner) : [];
    const plan = planScale(spec.replicas, active, related, clock.nowMs());
    switch (plan.step) {
      case 'keep':
        return;
      case 'create': {
        expectations.expect(key, { creations: plan.count });
        const pod = podFromTemplate(spec.template, podOwner);
        const { successes, error } = await runSlowStart(plan.count, () => control.create(pod, podOwner));
        expectations.creationSeen(key, plan.count - successes);
        if (error !== undefined) throw error;
        return;
      }
      case 'delete': {
        expectations.expect(key, { deletions: plan.pods.map((pod) => toKeyText(keyOf(pod))) });
        await runAll(plan.pods, async (pod) => {
          try {
            await control.delete(pod, podOwner);
          } catch (error) {
            expectations.deletionSeen(key, toKeyText(keyOf(pod)));
            if (!isNotFound(error)) throw error;
          }
        });
        return;
      }
      default:
        plan satisfies never;
    }
  }

  /** Active pods of all owners with the same controller, this one's included. */
  #relatedPods(owner: T): Pod[] {
    const { owners, pods: podInformer } = this.#deps;
    const parent = controllerOf(owner)?.uid;
    const siblings =
      parent === undefined
        ? [owner]
        : owners.list(owner.metadata.namespace).filter((each) => controllerOf(each)?.uid === parent);
    return siblings.flatMap((each) => controlledBy(podInformer, each).filter(isPodActive));
  }

  async #writeStatus(owner: T, status: ReplicaStatus): Promise<void> {
    const { kind, client } = this.#deps;
    if (toStableText(kind.statusOf(owner) ?? {}) === toStableText(status)) return;
    try {
      await client.update(kind.type, { ...owner, status }, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function runReplicaKind<T extends KubeObject>(
  kind: ReplicaKind<T>,
  deps: ControllerDeps,
  signal: AbortSignal,
): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const client = clientFor(kind.user);
  const owners = informers.for(kind.type);
  const podInformer = informers.for(pods);
  indexByController(podInformer);
  const expectations = new Expectations(clock);
  const control = new PodControl(client, deps.events(kind.component, client));
  const reconciler = new ReplicaController({ kind, client, control, owners, pods: podInformer, expectations, clock });
  const sources = [
    onChange(owners, ({ type, object, previous }) => {
      const key = toKeyText(keyOf(object));
      if (type === 'deleted') expectations.forget(key);
      // Another object of the same name: what the old one waited for will never come.
      if (previous !== undefined && previous.metadata.uid !== object.metadata.uid) expectations.forget(key);
      return [key];
    }),
    onPodChange({
      pods: podInformer,
      owners,
      ownerType: kind.type,
      selectorOf: (owner) => kind.specOf(owner).selector,
      expectations,
      minReadySecondsOf: (owner) => kind.specOf(owner).minReadySeconds,
      nowMs: () => clock.nowMs(),
    }),
  ];
  return runController({ name: kind.name, reconciler, sources, workers: 5, clock, logger, metrics }, signal);
}

export const runReplicaSetController = (deps: ControllerDeps, signal: AbortSignal): Promise<void> =>
  runReplicaKind(replicaSetKind, deps, signal);

export const runReplicationController = (deps: ControllerDeps, signal: AbortSignal): Promise<void> =>
  runReplicaKind(replicationControllerKind, deps, signal);
