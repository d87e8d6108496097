import type { Client } from '../../client/client.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { ControllerRevision, StatefulSet, StatefulSetStatus } from '../../generated/api/apps/v1.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import { controllerrevisions, persistentvolumeclaims, pods, statefulsets } from '../../generated/resource-types.ts';
import { isAlreadyExists, isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange, ownerOf, untilSynced } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { claimObjects } from '../claim.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { ensureHistory, trimHistory } from '../history.ts';
import { isNamespaceTerminating } from '../pods/pod-control.ts';
import { claimable, indexByController } from '../pods/pod-indexes.ts';
import { availableInMs } from '../pods/pod-state.ts';
import { onPodChange } from '../pods/pod-tracking.ts';
import { toStableText } from '../safe-hash.ts';
import { ClaimControl } from './claims.ts';
import { HASH_LABEL, hasIdentity, ordinalOf, podOf, revisionOf, withIdentity } from './identity.ts';
import { planSet, planStatus, type SetStep, type SetView } from './plan.ts';
import { revisionHash } from './revision-hash.ts';

interface Deps {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly claims: ClaimControl;
  readonly sets: Informer<StatefulSet>;
  readonly pods: Informer<Pod>;
  readonly revisions: Informer<ControllerRevision>;
  readonly clock: Clock;
}

/** Keeps pods with a lasting name and volumes of their own. */
class StatefulSetController implements Reconciler {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Result> {
    const { client, sets, pods: podInformer, revisions, clock } = this.#deps;
    const set = sets.get(key);
    if (set === undefined) return done;
    const { current: update, old } = await ensureHistory({
      client,
      informer: revisions,
      type: statefulsets,
      owner: set,
      selector: set.spec.selector,
      template: set.spec.template,
      collisionCount: set.status?.collisionCount,
      hashLabel: HASH_LABEL,
      hashOf: revisionHash,
      onCollision: (collisionCount) => this.#writeStatus(set, { ...(set.status ?? { replicas: 0 }), collisionCount }),
    });
    const owned = await claimObjects({
      client,
      type: pods,
      owner: set,
      ownerType: statefulsets,
      selector: set.spec.selector,
      objects: claimable(podInformer, set),
      filter: (pod) => ordinalOf(set, pod) >= 0,
    });
    const current = old.find((each) => each.metadata.name === set.status?.currentRevision) ?? update;
    const view: SetView = { set, pods: owned, current, update, nowMs: clock.nowMs() };
    const { claims } = this.#deps;
    const steps = planSet(view, {
      repair: (pod) => !hasIdentity(set, pod) || claims.needsOwners(set, pod),
      owners: (pod) => claims.needsOwners(set, pod),
    });
    let failure: unknown;
    const touched: Pod[] = [...owned];
    const act = async (step: SetStep): Promise<boolean> => {
      try {
        const created = await this.#act(set, step);
        if (created !== undefined) touched.push(created);
        return true;
      } catch (error) {
        failure ??= error;
        return false;
      }
    };
    for (const kind of batchesOf(steps, set.spec.podManagementPolicy === 'Parallel')) {
      // A few at first: what fails for one (a quota, say) mostly fails for all.
      for (let size = 1, at = 0; at < kind.length && failure === undefined; at += size, size *= 2) {
        await Promise.all(kind.slice(at, at + size).map(act));
      }
      if (failure !== undefined) break;
    }
    await this.#writeStatus(set, planStatus({ ...view, pods: touched }));
    if (failure !== undefined && !isNamespaceTerminating(failure)) throw failure;
    const used = new Set([current.metadata.name, update.metadata.name, ...owned.map(revisionOf)]);
    const limit = set.spec.revisionHistoryLimit ?? 10;
    await trimHistory(client, old, { limit, counted: 'unused' }, (each) => used.has(each.metadata.name));
    const waits = owned
      .map((pod) => availableInMs(pod, set.spec.minReadySeconds ?? 0, view.nowMs))
      .filter((ms) => ms !== undefined);
    return waits.length === 0 ? done : { requeueAfterMs: Math.min(...waits) };
  }

  async #act(set: StatefulSet, step: SetStep): Promise<Pod | undefined> {
    const { client, claims } = this.#deps;
    switch (step.step) {
      case 'create': {
        const pod = podOf(set, step.ordinal, step.revision);
        // Of a pod before it, and about to go with that: the next pod must not mount it.
        if (claims.areStale(set, pod)) return undefined;
        return await this.#tell(set, 'create', pod, async () => {
          await claims.ensure(set, pod);
          const created = await client.create(pods, pod);
          await claims.own(set, created);
          return created;
        });
      }
      case 'claim':
        await claims.ensure(set, step.pod);
        await claims.own(set, step.pod);
        return undefined;
      case 'own':
        await claims.own(set, step.pod);
        return undefined;
      case 'repair':
        await this.#tell(set, 'update', step.pod, async () => {
          await claims.own(set, step.pod);
          await client.update(pods, withIdentity(set, step.pod));
        });
        return undefined;
      case 'delete': {
        const { pod } = step;
        const preconditions = { uid: pod.metadata.uid };
        await this.#tell(set, 'delete', pod, async () => {
          await client.delete(pods, keyOf(pod), { preconditions }).catch((error: unknown) => {
            if (!isNotFound(error)) throw error;
          });
        });
        return undefined;
      }
      default:
        return step satisfies never;
    }
  }

  async #tell<T>(set: StatefulSet, verb: 'create' | 'update' | 'delete', pod: Pod, run: () => Promise<T>): Promise<T> {
    const about = referenceTo(statefulsets, set);
    const noun = { create: 'Create', update: 'Update', delete: 'Delete' }[verb];
    const what = `${noun} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
    try {
      const result = await run();
      this.#deps.recorder.event(about, 'Normal', `Successful${noun}`, `${what} successful`);
      return result;
    } catch (error) {
      if (!isNamespaceTerminating(error) && !isAlreadyExists(error)) {
        const text = error instanceof Error ? error.message : String(error);
        this.#deps.recorder.event(about, 'Warning', `Failed${noun}`, `${what} failed error: ${text}`);
      }
      throw error;
    }
  }

  async #writeStatus(set: StatefulSet, status: StatefulSetStatus): Promise<void> {
    if (toStableText(status) === toStableText(set.status ?? {})) return;
    await this.#deps.client
      .update(statefulsets, { ...set, status }, { subresource: 'status' })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }
}

/**
 * Steps that may run side by side: with `Parallel` those of one kind, else each for itself.
 *
 * Source: `stateful_set_control.go` (runForAll, slowStartBatch).
 */
function batchesOf(steps: readonly SetStep[], parallel: boolean): SetStep[][] {
  if (!parallel) return steps.map((step) => [step]);
  const kinds = new Map<string, SetStep[]>();
  for (const step of steps) {
    const kind =
      step.step === 'own' ? step.step : step.step === 'delete' && step.why !== 'ended' ? step.why : 'replicas';
    kinds.set(kind, [...(kinds.get(kind) ?? []), step]);
  }
  return [...kinds.values()];
}

export function runStatefulSetController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const client = clientFor(controllerUser('statefulset-controller'));
  const recorder = deps.events('statefulset-controller', client);
  const sets = informers.for(statefulsets);
  const podInformer = informers.for(pods);
  const revisions = informers.for(controllerrevisions);
  const claims = informers.for(persistentvolumeclaims);
  indexByController(podInformer);
  indexByController(revisions);
  const reconciler = new StatefulSetController({
    client,
    recorder,
    claims: new ClaimControl(client, recorder, claims),
    sets,
    pods: podInformer,
    revisions,
    clock,
  });
  const sources = [
    onChange(sets),
    onPodChange({
      pods: podInformer,
      owners: sets,
      ownerType: statefulsets,
      selectorOf: (set) => set.spec.selector,
      minReadySecondsOf: (set) => set.spec.minReadySeconds ?? 0,
      nowMs: () => clock.nowMs(),
    }),
    onChange(revisions, ownerOf(statefulsets)),
    // A pod that waits for a claim which went, or cannot be made before it goes: its set makes the claim anew.
    onChange(claims, ({ type, object }) => {
      if (type !== 'deleted') return [];
      const { namespace, name = '' } = object.metadata;
      const isOf = (set: StatefulSet): boolean =>
        (set.spec.volumeClaimTemplates ?? []).some((each) =>
          name.startsWith(`${each.metadata.name}-${set.metadata.name}-`),
        );
      return sets
        .list(namespace)
        .filter(isOf)
        .map((set) => toKeyText(keyOf(set)));
    }),
    untilSynced(claims),
  ];
  return runController({ name: 'statefulset', reconciler, sources, workers: 5, clock, logger, metrics }, signal);
}
