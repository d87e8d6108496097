import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import type { ResourceClaim, ResourceSlice } from '../../generated/api/resource/v1.ts';
import { pods, resourceclaims, resourceslices } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import { orAborted } from '../../std/abort.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { markDisrupted } from '../pods/disruption-target.ts';
import { claimNameOf, isMadeFor } from '../resource-claim/plan.ts';
import { evictionMs } from './plan.ts';

interface Deps {
  readonly client: Client;
  readonly clock: Clock;
  readonly recorder: EventRecorder;
  readonly pods: Informer<Pod>;
  readonly claims: Informer<ResourceClaim>;
  readonly slices: Informer<ResourceSlice>;
}

/** Deletes pods whose devices have taints `NoExecute` that they do not tolerate, or no longer. Keys are pods. */
class DeviceTaintEviction implements Reconciler {
  readonly #deps: Deps;
  /** Pods that may stay for a while. */
  readonly #waiting = new Map<string, Pod>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Result> {
    const { client, clock } = this.#deps;
    const pod = this.#deps.pods.get(key);
    const dueMs = pod === undefined ? undefined : this.#dueMs(pod);
    if (pod === undefined || dueMs === undefined) {
      const waited = this.#waiting.get(key);
      this.#waiting.delete(key);
      if (waited !== undefined && pod !== undefined && pod.metadata.deletionTimestamp === undefined)
        this.#tell(waited, 'Cancelling deletion');
      return done;
    }
    const leftMs = dueMs - clock.nowMs();
    if (leftMs > 0) {
      this.#waiting.set(key, pod);
      return { requeueAfterMs: leftMs };
    }
    this.#waiting.delete(key);
    this.#tell(pod, 'Marking for deletion');
    const reason = 'DeletionByDeviceTaintManager';
    const message = 'Device Taint manager: deleting due to NoExecute taint';
    // Unlike others, upstream's controller does not say which generation it saw.
    const { generation: _, ...metadata } = pod.metadata;
    await markDisrupted(client, { ...pod, metadata }, { reason, message }, clock.nowMs());
    const deleted = client.delete(pods, keyOf(pod), { preconditions: { uid: pod.metadata.uid } });
    await deleted.catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
    return done;
  }

  #dueMs(pod: Pod): number | undefined {
    if (!pod.spec.nodeName || pod.metadata.deletionTimestamp !== undefined) return undefined;
    const due = (pod.spec.resourceClaims ?? []).flatMap((entry) => {
      const known = claimNameOf(pod, entry);
      if (known.step !== 'known') return [];
      const claim = this.#deps.claims.get(`${pod.metadata.namespace}/${known.name}`);
      const isUsed = claim?.status?.reservedFor?.some(({ uid }) => uid === pod.metadata.uid) ?? false;
      if (claim === undefined || !isUsed || (known.generated && !isMadeFor(pod, claim))) return [];
      const ms = evictionMs(claim, this.#deps.slices.list());
      return ms === undefined ? [] : [ms];
    });
    return due.length === 0 ? undefined : Math.min(...due);
  }

  #tell({ metadata: { namespace, name, uid } }: Pod, message: string): void {
    const about = { apiVersion: 'v1', kind: 'Pod', namespace, name, uid };
    this.#deps.recorder.event(about, 'Normal', 'DeviceTaintManagerEviction', message);
  }
}

/** Source: `pkg/controller/devicetainteviction/device_taint_eviction.go`, without rules for taints. */
export async function runDeviceTaintEviction(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const claims = informers.for(resourceclaims);
  // Clusters in which nobody has devices need no look at them.
  await untilAllocated(claims, signal);
  if (signal.aborted) return;
  const client = clientFor(controllerUser('device-taint-eviction-controller'));
  const podInformer = informers.for(pods);
  const slices = informers.for(resourceslices);
  const recorder = deps.events('device-taint-eviction-controller', client);
  const usersOf = ({ metadata, status }: ResourceClaim): string[] =>
    (status?.reservedFor ?? []).map(({ name }) => `${metadata.namespace}/${name}`);
  const sources = [
    onChange(podInformer, ({ type, object, previous }) => {
      if (!object.spec.resourceClaims?.length) return [];
      const isOld = type === 'updated' && previous?.spec.nodeName === object.spec.nodeName;
      return isOld && object.metadata.deletionTimestamp === undefined ? [] : [toKeyText(keyOf(object))];
    }),
    onChange(claims, ({ object, previous }) => [
      ...new Set([...usersOf(object), ...(previous === undefined ? [] : usersOf(previous))]),
    ]),
    onChange(slices, ({ object: { spec } }) =>
      claims
        .list()
        .filter(({ status }) =>
          status?.allocation?.devices?.results?.some(
            ({ driver, pool }) => driver === spec.driver && pool === spec.pool.name,
          ),
        )
        .flatMap(usersOf),
    ),
  ];
  const reconciler = new DeviceTaintEviction({ client, clock, recorder, pods: podInformer, claims, slices });
  await runController({ name: 'device-taint-eviction', reconciler, sources, clock, logger, metrics }, signal);
}

async function untilAllocated(claims: Informer<ResourceClaim>, signal: AbortSignal): Promise<void> {
  let stop = (): void => {};
  const found = new Promise<void>((resolve) => {
    const look = ({ status }: ResourceClaim): void => {
      if (status?.allocation !== undefined) resolve();
    };
    stop = claims.addHandler({ added: look, updated: look });
  });
  await orAborted(found, signal).catch(() => {});
  stop();
}
