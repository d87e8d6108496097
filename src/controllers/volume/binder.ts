import type { Client } from '../../client/client.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../generated/api/core/v1.ts';
import type { StorageClass } from '../../generated/api/storage/v1.ts';
import { persistentvolumeclaims, persistentvolumes, pods, storageclasses } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { manualSource, onChange } from '../../reconcile/sources.ts';
import {
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  classOf,
  findDefaultClass,
  findVolume,
  isDelayed,
  isReservedFor,
  OLD_PROVISIONER,
  PROVISIONER,
  SELECTED_NODE,
} from '../../resources/core/persistent-volume/matching.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { isPodEnded } from '../pods/pod-state.ts';
import { toStableText } from '../safe-hash.ts';
import { toTime } from '../timestamps.ts';
import { findMismatch, planVolume } from './plan.ts';

interface Deps {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly classes: Informer<StorageClass>;
  readonly pods: Informer<Pod>;
  readonly clock: Clock;
}

/** What took over from provisioners that were built in. Source: `k8s.io/csi-translation-lib/plugins`. */
const migratedProvisioners: Readonly<Record<string, string>> = {
  'kubernetes.io/aws-ebs': 'ebs.csi.aws.com',
  'kubernetes.io/azure-disk': 'disk.csi.azure.com',
  'kubernetes.io/azure-file': 'file.csi.azure.com',
  'kubernetes.io/cinder': 'cinder.csi.openstack.org',
  'kubernetes.io/gce-pd': 'pd.csi.storage.gke.io',
  'kubernetes.io/portworx-volume': 'pxd.portworx.com',
  'kubernetes.io/vsphere-volume': 'csi.vsphere.vmware.com',
};

/** Binds claims to volumes. Volumes are made and removed by provisioners beside us. */
class ClaimBinder implements Reconciler {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Result> {
    const claim = this.#deps.claims.get(key);
    if (claim === undefined) return done;
    if (claim.metadata.annotations?.[BIND_COMPLETED] !== undefined) await this.#checkBound(claim);
    else if (claim.spec?.volumeName) await this.#bindNamed(claim, claim.spec.volumeName);
    else await this.#bindAny(claim);
    return done;
  }

  async #bindAny(claim: PersistentVolumeClaim): Promise<void> {
    const { classes, volumes } = this.#deps;
    const storageClass = classes.get(classOf(claim));
    const delayed = isDelayed(claim, storageClass);
    const volume = findVolume(claim, volumes.list(), { delayed });
    if (volume !== undefined) return await this.#bind(claim, volume);
    if (await this.#assignDefaultClass(claim)) return;
    if (delayed) {
      this.#tellOfWait(claim);
    } else if (storageClass !== undefined) await this.#askProvisioner(claim, storageClass);
    else if (classOf(claim) !== '') {
      const message = `storageclass.storage.k8s.io "${classOf(claim)}" not found`;
      this.#event(claim, 'Warning', 'ProvisioningFailed', message);
    } else {
      const message = 'no persistent volumes available for this claim and no storage class is set';
      this.#event(claim, 'Normal', 'FailedBinding', message);
    }
    await this.#writeClaimStatus(claim, { ...claim.status, phase: 'Pending' });
  }

  /** A pod's scheduling decides where the volume is to be. */
  #tellOfWait(claim: PersistentVolumeClaim): void {
    const { namespace, name } = claim.metadata;
    const names = this.#deps.pods
      .list(namespace)
      .filter((pod) => !pod.spec?.nodeName && !isPodEnded(pod))
      .filter(({ metadata, spec }) =>
        spec?.volumes?.some(
          (volume) =>
            volume.persistentVolumeClaim?.claimName === name ||
            (volume.ephemeral !== undefined && `${metadata.name}-${volume.name}` === name),
        ),
      )
      .map((pod) => pod.metadata.name);
    if (names.length === 0) {
      const message = 'waiting for first consumer to be created before binding';
      this.#event(claim, 'Normal', 'WaitForFirstConsumer', message);
    } else {
      const message = `waiting for ${names.length === 1 ? 'pod' : 'pods'} ${names.join(',')} to be scheduled`;
      this.#event(claim, 'Normal', 'WaitForPodScheduled', message);
    }
  }

  /** A claim that names no class gets the default one, also when that came later. */
  async #assignDefaultClass(claim: PersistentVolumeClaim): Promise<boolean> {
    if (claim.spec?.storageClassName !== undefined || classOf(claim) !== '') return false;
    const storageClass = findDefaultClass(this.#deps.classes.list());
    if (storageClass === undefined) return false;
    const spec = { ...claim.spec, storageClassName: storageClass.metadata.name };
    await this.#deps.client.update(persistentvolumeclaims, { ...claim, spec });
    return true;
  }

  async #askProvisioner(claim: PersistentVolumeClaim, storageClass: StorageClass): Promise<void> {
    const provisioner = migratedProvisioners[storageClass.provisioner] ?? storageClass.provisioner;
    if (provisioner.startsWith('kubernetes.io/')) {
      const message = `no volume plugin matched name: ${provisioner}`;
      if (claim.metadata.annotations?.[SELECTED_NODE] === undefined)
        this.#event(claim, 'Warning', 'ProvisioningFailed', message);
      return;
    }
    const { annotations = {} } = claim.metadata;
    if (annotations[PROVISIONER] !== provisioner || annotations[OLD_PROVISIONER] !== provisioner) {
      const next = { ...annotations, [PROVISIONER]: provisioner, [OLD_PROVISIONER]: provisioner };
      await this.#deps.client.update(persistentvolumeclaims, {
        ...claim,
        metadata: { ...claim.metadata, annotations: next },
      });
    }
    const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
    this.#event(claim, 'Normal', 'ExternalProvisioning', message);
  }

  async #bindNamed(claim: PersistentVolumeClaim, name: string): Promise<void> {
    const volume = this.#deps.volumes.get(name);
    if (volume !== undefined && isReservedFor(volume, claim)) return await this.#bind(claim, volume);
    if (volume !== undefined && volume.spec?.claimRef === undefined) {
      const fault = findMismatch(volume, claim);
      if (fault === undefined) return await this.#bind(claim, volume);
      this.#event(claim, 'Warning', 'VolumeMismatch', `Cannot bind to requested volume "${name}": ${fault}`);
    } else if (volume !== undefined) {
      this.#event(claim, 'Warning', 'FailedBinding', `volume "${name}" already bound to a different claim.`);
    }
    await this.#writeClaimStatus(claim, { ...claim.status, phase: 'Pending' });
  }

  async #checkBound(claim: PersistentVolumeClaim): Promise<void> {
    const { volumeName } = claim.spec ?? {};
    const volume = volumeName ? this.#deps.volumes.get(volumeName) : undefined;
    const lose = async (reason: string, message: string): Promise<void> => {
      if (claim.status?.phase === 'Lost') return;
      this.#event(claim, 'Warning', reason, message);
      const { accessModes: _, capacity: __, ...status } = claim.status ?? {};
      await this.#writeClaimStatus(claim, { ...status, phase: 'Lost' });
    };
    if (!volumeName) {
      return await lose('ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!');
    }
    if (volume === undefined) {
      return await lose('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
    }
    if (volume.spec?.claimRef === undefined || isReservedFor(volume, claim)) return await this.#bind(claim, volume);
    await lose('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
  }

  /** Four writes, each idempotent and in this order: whoever dies between leaves what the next round finishes. */
  async #bind(claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    const bound = await this.#reserve(volume, claim);
    await writeVolumePhase(this.#deps.client, bound, 'Bound', this.#deps.clock.nowMs());
    const { annotations = {} } = claim.metadata;
    const isNamed = claim.spec?.volumeName === bound.metadata.name;
    let current = claim;
    if (!isNamed || annotations[BIND_COMPLETED] === undefined) {
      const next = {
        ...annotations,
        ...(isNamed ? {} : { [BOUND_BY_CONTROLLER]: 'yes' }),
        [BIND_COMPLETED]: 'yes',
      };
      current = await this.#deps.client.update(persistentvolumeclaims, {
        ...claim,
        metadata: { ...claim.metadata, annotations: next },
        spec: { ...claim.spec, volumeName: bound.metadata.name },
      });
    }
    const { accessModes, capacity, volumeAttributesClassName } = bound.spec ?? {};
    const status = current.status ?? {};
    // A claim that was bound before keeps its size: a resize in progress is told there.
    const size = status.phase === 'Bound' ? status.capacity : { storage: capacity?.['storage'] ?? '0' };
    await this.#writeClaimStatus(current, {
      ...status,
      phase: 'Bound',
      accessModes,
      capacity: size,
      ...(volumeAttributesClassName ? { currentVolumeAttributesClassName: volumeAttributesClassName } : {}),
    });
  }

  async #reserve(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<PersistentVolume> {
    const { claimRef } = volume.spec ?? {};
    if (claimRef?.uid === claim.metadata.uid && claimRef !== undefined) return volume;
    const annotations =
      claimRef === undefined
        ? { ...volume.metadata.annotations, [BOUND_BY_CONTROLLER]: 'yes' }
        : volume.metadata.annotations;
    return await this.#deps.client.update(persistentvolumes, {
      ...volume,
      metadata: { ...volume.metadata, annotations },
      spec: { ...volume.spec, claimRef: referenceTo(persistentvolumeclaims, claim) },
    });
  }

  async #writeClaimStatus(claim: PersistentVolumeClaim, status: PersistentVolumeClaim['status']): Promise<void> {
    if (toStableText(claim.status ?? {}) === toStableText(status ?? {})) return;
    await this.#deps.client
      .update(persistentvolumeclaims, { ...claim, status }, { subresource: 'status' })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }

  #event(claim: PersistentVolumeClaim, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#deps.recorder.event(referenceTo(persistentvolumeclaims, claim), type, reason, message);
  }
}

/** Keeps the phase of volumes and frees those that lost a race. */
class VolumeBinder implements Reconciler {
  readonly #deps: Deps;
  readonly #askClaim: (key: string) => void;

  constructor(deps: Deps, askClaim: (key: string) => void) {
    this.#deps = deps;
    this.#askClaim = askClaim;
  }

  async reconcile(name: string): Promise<Result> {
    const { client, claims, volumes, clock } = this.#deps;
    const volume = volumes.get(name);
    if (volume === undefined) return done;
    const { claimRef } = volume.spec ?? {};
    const claim = await this.#findClaim(volume);
    const plan = planVolume(volume, claim);
    switch (plan.step) {
      case 'keep':
        return done;
      case 'phase':
        await writeVolumePhase(client, volume, plan.phase, clock.nowMs());
        // A reserved volume that has come, or one that is free now, may be what a claim waits for.
        if (plan.phase === 'Available' && claimRef !== undefined)
          this.#askClaim(`${claimRef.namespace}/${claimRef.name}`);
        return done;
      case 'ask-claim':
        this.#askClaim(`${claimRef?.namespace}/${claimRef?.name}`);
        return done;
      case 'unbind': {
        const { [BOUND_BY_CONTROLLER]: ours, ...annotations } = volume.metadata.annotations ?? {};
        const { claimRef: reference, ...spec } = volume.spec ?? {};
        // A reservation by the user stays, for any claim of that name.
        const { uid: _, resourceVersion: __, ...kept } = reference ?? {};
        await client.update(persistentvolumes, {
          ...volume,
          metadata: { ...volume.metadata, annotations },
          spec: ours === undefined ? { ...spec, claimRef: kept } : spec,
        });
        for (const each of claims.list()) {
          if (each.status?.phase === 'Pending' && classOf(each) === classOf(volume))
            this.#askClaim(toKeyText(keyOf(each)));
        }
        return done;
      }
      default:
        return plan satisfies never;
    }
  }

  async #findClaim(volume: PersistentVolume): Promise<PersistentVolumeClaim | undefined> {
    const { namespace, name = '', uid } = volume.spec?.claimRef ?? {};
    if (!uid) return undefined;
    const cached = this.#deps.claims.get(`${namespace}/${name}`);
    if (cached?.metadata.uid === uid) return cached;
    // Releasing a volume may lose its data: the server has the last word.
    return await this.#deps.client.get(persistentvolumeclaims, { namespace, name }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
  }
}

async function writeVolumePhase(client: Client, volume: PersistentVolume, phase: string, nowMs: number): Promise<void> {
  if (volume.status?.phase === phase) return;
  const { message: _, ...rest } = volume.status ?? {};
  const status = { ...rest, phase, lastPhaseTransitionTime: toTime(nowMs) };
  await client.update(persistentvolumes, { ...volume, status }, { subresource: 'status' });
}

export async function runVolumeBinder(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const client = clientFor(controllerUser('persistent-volume-binder'));
  const claims = informers.for(persistentvolumeclaims);
  const volumes = informers.for(persistentvolumes);
  const classes = informers.for(storageclasses);
  const recorder = deps.events('persistentvolume-controller', client);
  const all: Deps = { client, recorder, claims, volumes, classes, pods: informers.for(pods), clock };
  const asked = manualSource();
  const waiting = (className: string | undefined): string[] =>
    claims
      .list()
      .filter((claim) => claim.metadata.annotations?.[BIND_COMPLETED] === undefined)
      .filter((claim) => className === undefined || classOf(claim) === className)
      .map((claim) => toKeyText(keyOf(claim)));
  const claimSources = [
    onChange(claims),
    asked,
    onChange(volumes, ({ object }) => {
      const { claimRef } = object.spec ?? {};
      if (claimRef !== undefined) return [`${claimRef.namespace}/${claimRef.name}`];
      return object.status?.phase === 'Available' ? waiting(classOf(object)) : [];
    }),
    onChange(classes, ({ type }) => (type === 'deleted' ? [] : waiting(undefined))),
  ];
  const volumeSources = [
    onChange(volumes),
    onChange(claims, ({ type, object, previous }) => {
      const name = object.spec?.volumeName ?? previous?.spec?.volumeName;
      return name ? [name] : type === 'deleted' ? reservedNames(volumes, object) : [];
    }),
  ];
  const loop = { clock, logger, metrics };
  await Promise.all([
    runController({ ...loop, name: 'pvc-binder', reconciler: new ClaimBinder(all), sources: claimSources }, signal),
    runController(
      {
        ...loop,
        name: 'pv-binder',
        reconciler: new VolumeBinder(all, (key) => asked.enqueue(key)),
        sources: volumeSources,
      },
      signal,
    ),
  ]);
}

function reservedNames(volumes: Informer<PersistentVolume>, claim: PersistentVolumeClaim): string[] {
  return volumes
    .list()
    .filter((volume) => isReservedFor(volume, claim))
    .map((volume) => volume.metadata.name ?? '');
}
