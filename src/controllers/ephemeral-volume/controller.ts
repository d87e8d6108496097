import type { Client } from '../../client/client.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { PersistentVolumeClaim, Pod, Volume } from '../../generated/api/core/v1.ts';
import { persistentvolumeclaims, pods } from '../../generated/resource-types.ts';
import { isAlreadyExists } from '../../machinery/errors/status-error.ts';
import { controllerOf, keyOf, ownedBy, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { isPodTerminating } from '../pods/pod-state.ts';

/** The claim behind a generic ephemeral volume: it lives and dies with the pod. */
export function claimFor(pod: Pod, volume: Volume): PersistentVolumeClaim | undefined {
  const template = volume.ephemeral?.volumeClaimTemplate;
  if (template === undefined) return undefined;
  const { annotations, labels } = template.metadata ?? {};
  return {
    metadata: {
      name: `${pod.metadata.name}-${volume.name}`,
      namespace: pod.metadata.namespace,
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ...(labels === undefined ? {} : { labels: { ...labels } }),
      ownerReferences: [ownedBy(pod, pods)],
    },
    spec: structuredClone(template.spec),
  };
}

/** Creates the claims of generic ephemeral volumes. Source: `pkg/controller/volume/ephemeral/controller.go`. */
class EphemeralVolumeController implements Reconciler {
  readonly #client: Client;
  readonly #recorder: EventRecorder;
  readonly #pods: Informer<Pod>;
  readonly #claims: Informer<PersistentVolumeClaim>;

  constructor(deps: {
    client: Client;
    recorder: EventRecorder;
    pods: Informer<Pod>;
    claims: Informer<PersistentVolumeClaim>;
  }) {
    this.#client = deps.client;
    this.#recorder = deps.recorder;
    this.#pods = deps.pods;
    this.#claims = deps.claims;
  }

  async reconcile(key: string): Promise<Result> {
    const pod = this.#pods.get(key);
    if (pod === undefined || isPodTerminating(pod)) return done;
    for (const volume of pod.spec?.volumes ?? []) {
      const wanted = claimFor(pod, volume);
      if (wanted === undefined) continue;
      try {
        await this.#ensure(key, pod, wanted);
      } catch (error) {
        const message = `ephemeral volume ${volume.name}: ${error instanceof Error ? error.message : String(error)}`;
        this.#recorder.event(referenceTo(pods, pod), 'Warning', 'FailedBinding', message);
        throw error;
      }
    }
    return done;
  }

  async #ensure(key: string, pod: Pod, wanted: PersistentVolumeClaim): Promise<void> {
    const current = this.#claims.get(toKeyText(keyOf(wanted)));
    if (current === undefined) await this.#create(wanted);
    else if (controllerOf(current)?.uid !== pod.metadata.uid) {
      const name = wanted.metadata.name;
      throw new Error(`PVC ${pod.metadata.namespace}/${name} was not created for pod ${key} (pod is not owner)`);
    }
  }

  async #create(wanted: PersistentVolumeClaim): Promise<void> {
    try {
      await this.#client.create(persistentvolumeclaims, wanted);
    } catch (error) {
      if (isAlreadyExists(error)) return;
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(`create PVC ${wanted.metadata.name}: ${text}`, { cause: error });
    }
  }
}

export function runEphemeralVolumeController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const client = clientFor(controllerUser('ephemeral-volume-controller'));
  const podInformer = informers.for(pods);
  const claims = informers.for(persistentvolumeclaims);
  const recorder = deps.events('ephemeral_volume', client);
  const reconciler = new EphemeralVolumeController({ client, recorder, pods: podInformer, claims });
  const sources = [
    onChange(podInformer, ({ type, object }) => {
      const hasOne = object.spec?.volumes?.some((volume) => volume.ephemeral !== undefined);
      return type === 'added' && hasOne ? [toKeyText(keyOf(object))] : [];
    }),
    onChange(claims, ({ type, object }) => {
      const owner = controllerOf(object);
      return type === 'deleted' && owner?.kind === 'Pod' ? [`${object.metadata.namespace}/${owner.name}`] : [];
    }),
  ];
  return runController({ name: 'ephemeral-volume', reconciler, sources, clock, logger, metrics }, signal);
}
