import type { Client } from '../../client/client.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { Deployment, DeploymentStatus, ReplicaSet } from '../../generated/api/apps/v1.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import { deployments, pods, replicasets } from '../../generated/resource-types.ts';
import { isAlreadyExists, isNotFound } from '../../machinery/errors/status-error.ts';
import { controllerOf, keyOf, ownedBy, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { controllerKeyOf, onChange, ownerOf } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { claimObjects } from '../claim.ts';
import { findCondition, withCondition } from '../conditions.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { isNamespaceTerminating } from '../pods/pod-control.ts';
import { claimable, controlledBy, indexByController, selectingOwners } from '../pods/pod-indexes.ts';
import { isPodEnded } from '../pods/pod-state.ts';
import { toSafeHash, toStableText } from '../safe-hash.ts';
import { isEmptySelector } from '../selector.ts';
import { isRollingUpdate } from './fenceposts.ts';
import {
  byCreation,
  byRevision,
  findNewReplicaSet,
  HASH_LABEL,
  planAnnotations,
  REVISION,
  replicaAnnotations,
  revisionOf,
} from './revisions.ts';
import { planRollback, wishesRollback } from './rollback.ts';
import { isScalingEvent, planNewSize, planOldSizes, planProportional, sizeOf } from './scaling.ts';
import {
  hasProgressDeadline,
  isComplete,
  planStatus,
  progressCheckInMs,
  progressCondition,
  withProgress,
} from './status.ts';

interface Deps {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly deployments: Informer<Deployment>;
  readonly replicaSets: Informer<ReplicaSet>;
  readonly pods: Informer<Pod>;
  readonly clock: Clock;
}

const MAX_NAME_LENGTH = 253;

/** Brings deployments from one pod template to the next, through replica sets. */
class DeploymentController implements Reconciler {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Result> {
    const { client, deployments: informer, replicaSets, clock, recorder } = this.#deps;
    const deployment = informer.get(key);
    if (deployment === undefined) return done;
    if (isEmptySelector(deployment.spec.selector)) {
      const message = 'This deployment is selecting all pods. A non-empty selector is required.';
      recorder.event(referenceTo(deployments, deployment), 'Warning', 'SelectingAll', message);
      return done;
    }
    const owned = await claimObjects({
      client,
      type: replicasets,
      owner: deployment,
      ownerType: deployments,
      selector: deployment.spec.selector,
      objects: claimable(replicaSets, deployment),
    });
    const rollout = new Rollout(this.#deps, deployment, owned);
    await rollout.run();
    const requeueAfterMs = progressCheckInMs(rollout.deployment, clock.nowMs());
    return requeueAfterMs === undefined ? done : { requeueAfterMs };
  }
}

/** One reconcile of one deployment. `deployment` is what the server answered last. */
class Rollout {
  deployment: Deployment;
  readonly #deps: Deps;
  readonly #all: ReplicaSet[];

  constructor(deps: Deps, deployment: Deployment, replicaSets: readonly ReplicaSet[]) {
    this.#deps = deps;
    this.deployment = deployment;
    this.#all = [...replicaSets];
  }

  get #new(): ReplicaSet | undefined {
    return findNewReplicaSet(this.deployment, this.#all);
  }

  get #old(): ReplicaSet[] {
    const current = this.#new;
    return this.#all.filter((each) => each !== current);
  }

  async run(): Promise<void> {
    if (this.deployment.metadata.deletionTimestamp !== undefined) return await this.#writeStatus();
    await this.#checkPaused();
    if (this.deployment.spec.paused) return await this.#syncSizes();
    if (wishesRollback(this.deployment)) return await this.#rollBack();
    if (isScalingEvent(this.deployment, this.#all)) return await this.#syncSizes();
    if (isRollingUpdate(this.deployment)) await this.#roll();
    else await this.#recreate();
  }

  async #rollBack(): Promise<void> {
    await this.#ensureNew();
    const { deployment, event } = planRollback(this.deployment, this.#all);
    this.deployment = await this.#deps.client.update(deployments, deployment);
    this.#deps.recorder.event(referenceTo(deployments, deployment), event.type, event.reason, event.message);
  }

  async #roll(): Promise<void> {
    const current = await this.#ensureNew();
    const size = planNewSize(this.deployment, this.#all, sizeOf(current));
    if (await this.#scale(current, size)) return await this.#writeProgress();
    const scales = planOldSizes(this.deployment, current, this.#old);
    for (const { replicaSet, replicas } of scales) await this.#scale(replicaSet, replicas);
    if (scales.length === 0 && isComplete(this.deployment, this.deployment.status)) await this.#cleanUp();
    await this.#writeProgress();
  }

  async #recreate(): Promise<void> {
    const active = this.#old.filter((each) => sizeOf(each) > 0);
    for (const each of active) await this.#scale(each, 0);
    if (active.length > 0) return await this.#writeProgress();
    // The new pods must not meet the old ones: wait until the last has really stopped.
    const isRunning = (each: ReplicaSet): boolean =>
      controlledBy(this.#deps.pods, each).some((pod) => !isPodEnded(pod));
    if (this.#old.some(isRunning)) return await this.#writeProgress();
    const current = await this.#ensureNew();
    await this.#scale(current, this.deployment.spec.replicas ?? 1);
    if (isComplete(this.deployment, this.deployment.status)) await this.#cleanUp();
    await this.#writeProgress();
  }

  /** Follows a change of the deployment's size, also while it is paused; starts no roll-out. */
  async #syncSizes(): Promise<void> {
    const current = this.#new;
    if (current !== undefined) await this.#updateNew(current);
    const { scales, force } = planProportional(this.deployment, this.#new, this.#old);
    for (const { replicaSet, replicas } of scales) await this.#scale(replicaSet, replicas, { force });
    if (this.deployment.spec.paused) await this.#cleanUp();
    await this.#writeStatus();
  }

  async #checkPaused(): Promise<void> {
    if (!hasProgressDeadline(this.deployment)) return;
    const current = findCondition(this.deployment.status?.conditions, 'Progressing');
    if (current?.reason === 'ProgressDeadlineExceeded') return;
    const isMarked = current?.reason === 'DeploymentPaused';
    const isPaused = this.deployment.spec.paused === true;
    if (isMarked === isPaused) return;
    const nowMs = this.#deps.clock.nowMs();
    const condition = isPaused
      ? progressCondition('Unknown', 'DeploymentPaused', 'Deployment is paused', nowMs)
      : progressCondition('Unknown', 'DeploymentResumed', 'Deployment is resumed', nowMs);
    await this.#update({ conditions: withCondition(this.deployment.status?.conditions, condition) });
  }

  async #ensureNew(): Promise<ReplicaSet> {
    const current = this.#new;
    return current === undefined ? await this.#createNew() : await this.#updateNew(current);
  }

  get #nextRevision(): bigint {
    const [newest = 0n] = this.#old.map(revisionOf).sort(byRevision);
    return newest + 1n;
  }

  async #updateNew(current: ReplicaSet): Promise<ReplicaSet> {
    const { minReadySeconds } = this.deployment.spec;
    const annotations = planAnnotations(this.deployment, current, this.#nextRevision);
    if (annotations !== undefined || (current.spec.minReadySeconds ?? 0) !== (minReadySeconds ?? 0)) {
      const metadata = annotations === undefined ? current.metadata : { ...current.metadata, annotations };
      const updated = await this.#deps.client.update(replicasets, {
        ...current,
        metadata,
        spec: { ...current.spec, minReadySeconds },
      });
      this.#replace(current, updated);
      return await this.#updateNew(updated);
    }
    await this.#noteNew(current, 'FoundNewReplicaSet', `Found new replica set "${current.metadata.name}"`);
    return current;
  }

  async #createNew(): Promise<ReplicaSet> {
    const { client, recorder, clock } = this.#deps;
    const { metadata, spec, status } = this.deployment;
    const hash = toSafeHash(spec.template, status?.collisionCount);
    const name = `${(metadata.name ?? '').slice(0, MAX_NAME_LENGTH - hash.length - 1)}-${hash}`;
    const labels = { ...spec.template.metadata?.labels, [HASH_LABEL]: hash };
    const replicas = planNewSize(this.deployment, this.#all, 0);
    const wanted: ReplicaSet = {
      metadata: {
        name,
        namespace: metadata.namespace,
        labels,
        annotations: planAnnotations(this.deployment, undefined, this.#nextRevision),
        ownerReferences: [ownedBy(this.deployment, deployments)],
      },
      spec: {
        replicas,
        minReadySeconds: spec.minReadySeconds,
        selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [HASH_LABEL]: hash } },
        template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
      },
    };
    const about = referenceTo(deployments, this.deployment);
    let created: ReplicaSet;
    try {
      created = await client.create(replicasets, wanted);
    } catch (error) {
      if (isAlreadyExists(error)) return await this.#resolveCollision(name, error);
      if (!isNamespaceTerminating(error)) {
        const message = `Failed to create new replica set "${name}": ${error instanceof Error ? error.message : error}`;
        recorder.event(about, 'Warning', 'ReplicaSetCreateError', message);
        if (hasProgressDeadline(this.deployment)) {
          const condition = progressCondition('False', 'ReplicaSetCreateError', message, clock.nowMs());
          await this.#update({ conditions: withCondition(this.deployment.status?.conditions, condition) }).catch(
            () => {},
          );
        }
      }
      throw error;
    }
    this.#all.push(created);
    if (replicas > 0) {
      const message = `Scaled up replica set ${name} from 0 to ${replicas}`;
      recorder.event(about, 'Normal', 'ScalingReplicaSet', message);
    }
    await this.#noteNew(created, 'NewReplicaSetCreated', `Created new replica set "${name}"`);
    return created;
  }

  /** The name is taken: by what we made before and did not see yet, or by another template with the same hash. */
  async #resolveCollision(name: string, cause: unknown): Promise<ReplicaSet> {
    const { namespace } = this.deployment.metadata;
    const found = await this.#deps.client.get(replicasets, { namespace, name });
    const isOurs = controllerOf(found)?.uid === this.deployment.metadata.uid;
    if (isOurs && findNewReplicaSet(this.deployment, [found]) !== undefined) {
      this.#all.push(found);
      return found;
    }
    await this.#update({ collisionCount: (this.deployment.status?.collisionCount ?? 0) + 1 });
    throw cause;
  }

  /** Writes the revision and, once, how the new replica set came to be. */
  async #noteNew(current: ReplicaSet, reason: string, message: string): Promise<void> {
    const revision = current.metadata.annotations?.[REVISION];
    const isNoted = revision === undefined || this.deployment.metadata.annotations?.[REVISION] === revision;
    const progressing = findCondition(this.deployment.status?.conditions, 'Progressing');
    const tells =
      hasProgressDeadline(this.deployment) && (progressing === undefined || reason === 'NewReplicaSetCreated');
    if (isNoted && !tells) return;
    const condition = progressCondition('True', reason, message, this.#deps.clock.nowMs());
    const { conditions } = this.deployment.status ?? {};
    await this.#update(
      tells ? { conditions: withCondition(conditions, condition) } : {},
      revision === undefined ? {} : { [REVISION]: revision },
    );
  }

  async #scale(replicaSet: ReplicaSet, replicas: number, options: { readonly force?: boolean } = {}): Promise<boolean> {
    const { client, recorder } = this.#deps;
    const before = sizeOf(replicaSet);
    if (before === replicas && !options.force) return false;
    const remembered = replicaAnnotations(this.deployment);
    const annotations = { ...replicaSet.metadata.annotations, ...remembered };
    if (before === replicas && toStableText(annotations) === toStableText(replicaSet.metadata.annotations))
      return false;
    const metadata = { ...replicaSet.metadata, annotations };
    const updated = await client.update(replicasets, {
      ...replicaSet,
      metadata,
      spec: { ...replicaSet.spec, replicas },
    });
    this.#replace(replicaSet, updated);
    if (before === replicas) return false;
    const direction = before < replicas ? 'up' : 'down';
    const message = `Scaled ${direction} replica set ${replicaSet.metadata.name} from ${before} to ${replicas}`;
    recorder.event(referenceTo(deployments, this.deployment), 'Normal', 'ScalingReplicaSet', message);
    return true;
  }

  /** Deletes replica sets beyond the history, the oldest revisions first; only those that are surely empty. */
  async #cleanUp(): Promise<void> {
    const limit = this.deployment.spec.revisionHistoryLimit;
    if (limit === undefined || limit === 2147483647) return;
    const alive = this.#old.filter((each) => each.metadata.deletionTimestamp === undefined);
    const excess = alive
      .sort((a, b) => byRevision(revisionOf(b), revisionOf(a)) || byCreation(a, b))
      .slice(0, Math.max(0, alive.length - limit));
    for (const each of excess) {
      const observed = (each.status?.observedGeneration ?? 0) >= (each.metadata.generation ?? 0);
      if ((each.status?.replicas ?? 0) !== 0 || sizeOf(each) !== 0 || !observed) continue;
      await this.#deps.client.delete(replicasets, keyOf(each)).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    }
  }

  async #writeStatus(): Promise<void> {
    await this.#put(planStatus(this.deployment, this.#all, this.#new, this.#deps.clock.nowMs()));
  }

  async #writeProgress(): Promise<void> {
    const nowMs = this.#deps.clock.nowMs();
    const current = this.#new;
    const status = planStatus(this.deployment, this.#all, current, nowMs);
    await this.#put(withProgress(this.deployment, status, this.#all, current, nowMs));
  }

  async #put(status: DeploymentStatus): Promise<void> {
    if (toStableText(status) === toStableText(this.deployment.status ?? {})) return;
    this.deployment = await this.#deps.client.update(
      deployments,
      { ...this.deployment, status },
      { subresource: 'status' },
    );
  }

  /** Changes parts of the status, and annotations with them. */
  async #update(status: Partial<DeploymentStatus>, annotations: Record<string, string> = {}): Promise<void> {
    const metadata = {
      ...this.deployment.metadata,
      annotations: { ...this.deployment.metadata.annotations, ...annotations },
    };
    const next = { ...this.deployment, metadata, status: { ...this.deployment.status, ...status } };
    this.deployment = await this.#deps.client.update(deployments, next, { subresource: 'status' });
  }

  #replace(before: ReplicaSet, after: ReplicaSet): void {
    this.#all[this.#all.indexOf(before)] = after;
  }
}

export function runDeploymentController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const client = clientFor(controllerUser('deployment-controller'));
  const deploymentInformer = informers.for(deployments);
  const replicaSets = informers.for(replicasets);
  const podInformer = informers.for(pods);
  indexByController(replicaSets);
  indexByController(podInformer);
  const recorder = deps.events('deployment-controller', client);
  const reconciler = new DeploymentController({
    client,
    recorder,
    deployments: deploymentInformer,
    replicaSets,
    pods: podInformer,
    clock,
  });
  const owner = ownerOf<ReplicaSet>(deployments);
  const sources = [
    onChange(deploymentInformer),
    onChange(replicaSets, (change) => [
      ...owner(change),
      ...selectingOwners(deploymentInformer, change.object, (each) => each.spec.selector).map((each) =>
        toKeyText(keyOf(each)),
      ),
    ]),
    // Only `Recreate` waits for the last pod; everything else shows in the replica sets.
    onChange(podInformer, ({ type, object }) => {
      if (type !== 'deleted') return [];
      const setKey = controllerKeyOf(object, replicasets);
      const replicaSet = setKey === undefined ? undefined : replicaSets.get(setKey);
      const key = replicaSet === undefined ? undefined : controllerKeyOf(replicaSet, deployments);
      const deployment = key === undefined ? undefined : deploymentInformer.get(key);
      return key === undefined || deployment === undefined || isRollingUpdate(deployment) ? [] : [key];
    }),
  ];
  return runController({ name: 'deployment', reconciler, sources, workers: 5, clock, logger, metrics }, signal);
}
