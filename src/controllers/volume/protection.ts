import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import { removeFinalizer, updateWithRetry } from '../../client/patches.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../generated/api/core/v1.ts';
import type { VolumeAttributesClass } from '../../generated/api/storage/v1.ts';
import {
  persistentvolumeclaims,
  persistentvolumes,
  pods,
  volumeattributesclasses,
} from '../../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { type MapToKeys, onChange } from '../../reconcile/sources.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { isPodEnded } from '../pods/pod-state.ts';

const CLAIM_FINALIZER = 'kubernetes.io/pvc-protection';
const VOLUME_FINALIZER = 'kubernetes.io/pv-protection';
const CLASS_FINALIZER = 'kubernetes.io/vac-protection';

export type ProtectionPlan = 'keep' | 'add' | 'remove';

/** Decides on the finalizer that holds a volume or claim while it is in use. */
export function planProtection(object: KubeObject, finalizer: string, isUsed: boolean): ProtectionPlan {
  const isHeld = object.metadata.finalizers?.includes(finalizer) ?? false;
  if (object.metadata.deletionTimestamp === undefined) return isHeld ? 'keep' : 'add';
  return isHeld && !isUsed ? 'remove' : 'keep';
}

/** Names of the claims that a pod mounts; those of generic ephemeral volumes are named after the pod. */
export function claimNamesOf(pod: Pod): string[] {
  return (pod.spec?.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim !== undefined) return [volume.persistentVolumeClaim.claimName];
    return volume.ephemeral === undefined ? [] : [`${pod.metadata.name}-${volume.name}`];
  });
}

/** Holds objects of a kind while they are in use. */
class Protection<T extends KubeObject> implements Reconciler {
  readonly #client: Client;
  readonly #type: ResourceType<T>;
  readonly #informer: Informer<T>;
  readonly #finalizer: string;
  readonly #isUsed: (object: T) => boolean | Promise<boolean>;

  constructor(deps: {
    client: Client;
    type: ResourceType<T>;
    informer: Informer<T>;
    finalizer: string;
    isUsed: (object: T) => boolean | Promise<boolean>;
  }) {
    this.#client = deps.client;
    this.#type = deps.type;
    this.#informer = deps.informer;
    this.#finalizer = deps.finalizer;
    this.#isUsed = deps.isUsed;
  }

  async reconcile(key: string): Promise<Result> {
    const object = this.#informer.get(key);
    if (object === undefined) return done;
    const goes = object.metadata.deletionTimestamp !== undefined;
    const plan = planProtection(object, this.#finalizer, goes && (await this.#isUsed(object)));
    if (plan === 'remove') await removeFinalizer(this.#client, this.#type, object, this.#finalizer);
    if (plan === 'add') {
      await updateWithRetry(this.#client, this.#type, object, (copy) => {
        const finalizers = copy.metadata.finalizers ?? [];
        if (copy.metadata.deletionTimestamp !== undefined || finalizers.includes(this.#finalizer)) return false;
        copy.metadata.finalizers = [...finalizers, this.#finalizer];
        return true;
      });
    }
    return done;
  }
}

export function runClaimProtection(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const client = clientFor(controllerUser('pvc-protection-controller'));
  const claims = informers.for(persistentvolumeclaims);
  const podInformer = informers.for(pods);
  const uses = (pod: Pod, name: string | undefined): boolean =>
    Boolean(pod.spec?.nodeName) && !isPodEnded(pod) && claimNamesOf(pod).includes(name ?? '');
  const reconciler = new Protection<PersistentVolumeClaim>({
    client,
    type: persistentvolumeclaims,
    informer: claims,
    finalizer: CLAIM_FINALIZER,
    async isUsed({ metadata: { namespace, name } }) {
      if (podInformer.list(namespace).some((pod) => uses(pod, name))) return true;
      // Losing data is worse than a slow deletion: the server has the last word, the cache may lag.
      return (await client.list(pods, { namespace })).items.some((pod) => uses(pod, name));
    },
  });
  const sources = [
    onChange(claims),
    onChange(podInformer, ({ type, object, previous }) => {
      const stops = type === 'deleted' || isPodEnded(object);
      const isNews = type !== 'updated' || (previous !== undefined && !isPodEnded(previous));
      return stops && isNews ? claimNamesOf(object).map((name) => `${object.metadata.namespace}/${name}`) : [];
    }),
  ];
  return runController({ name: 'pvc-protection', reconciler, sources, clock, logger, metrics }, signal);
}

export function runVolumeProtection(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const volumes = informers.for(persistentvolumes);
  const reconciler = new Protection<PersistentVolume>({
    client: clientFor(controllerUser('pv-protection-controller')),
    type: persistentvolumes,
    informer: volumes,
    finalizer: VOLUME_FINALIZER,
    isUsed: (volume) => volume.status?.phase === 'Bound',
  });
  return runController(
    { name: 'pv-protection', reconciler, sources: [onChange(volumes)], clock, logger, metrics },
    signal,
  );
}

/** Source: `pkg/controller/volume/vacprotection/vac_protection_controller.go`. */
export function runAttributesClassProtection(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const client = clientFor(controllerUser('volumeattributesclass-protection-controller'));
  const classes = informers.for(volumeattributesclasses);
  const claims = informers.for(persistentvolumeclaims);
  const volumes = informers.for(persistentvolumes);
  const reconciler = new Protection<VolumeAttributesClass>({
    client,
    type: volumeattributesclasses,
    informer: classes,
    finalizer: CLASS_FINALIZER,
    isUsed: ({ metadata: { name = '' } }) =>
      volumes.list().some((volume) => classesOf(volume).includes(name)) ||
      claims.list().some((claim) => classesOf(claim).includes(name)),
  });
  const released: MapToKeys<PersistentVolume | PersistentVolumeClaim> = ({ type, object, previous }) => {
    if (type === 'deleted') return classesOf(object);
    const kept = classesOf(object);
    return previous === undefined ? [] : classesOf(previous).filter((name) => !kept.includes(name));
  };
  const sources = [onChange(classes), onChange(claims, released), onChange(volumes, released)];
  return runController({ name: 'vac-protection', reconciler, sources, clock, logger, metrics }, signal);
}

/** Names of the attributes classes that a volume or claim has or is to have. */
export function classesOf(object: PersistentVolume | PersistentVolumeClaim): string[] {
  const { volumeAttributesClassName } = object.spec ?? {};
  const status: PersistentVolumeClaim['status'] = object.status;
  const names = [
    volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return [...new Set(names.flatMap((name) => (name ? [name] : [])))];
}
