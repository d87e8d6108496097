import type { Informer } from '../../client/informer.ts';
import type { Informers } from '../../client/informers.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../generated/api/core/v1.ts';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
} from '../../generated/api/storage/v1.ts';
import {
  csidrivers,
  csinodes,
  csistoragecapacities,
  persistentvolumeclaims,
  persistentvolumes,
  storageclasses,
  volumeattachments,
} from '../../generated/resource-types.ts';
import { orAborted } from '../../std/abort.ts';
import type { Clock } from '../../std/clock.ts';
import { uidOf } from '../cache/pod-info.ts';
import { claimsOf, type VolumeView } from './volume-view.ts';

/** What only pods with claims need to be known: it is watched from the first of them on. */
interface Rare {
  readonly drivers: Informer<CSIDriver>;
  readonly capacities: Informer<CSIStorageCapacity>;
  readonly attachments: Informer<VolumeAttachment>;
}

/** The view on volumes that informers give, and the promises that are made while pods are bound. */
export class VolumeLister implements VolumeView {
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;
  readonly #csiNodes: Informer<CSINode>;
  readonly #promised = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #informers: Informers;
  readonly #stops: (() => void)[];
  readonly #early = new Map<string, Pod>();
  #rare: Rare | undefined;

  constructor(informers: Informers) {
    this.#informers = informers;
    this.#claims = informers.for(persistentvolumeclaims);
    this.#volumes = informers.for(persistentvolumes);
    this.#classes = informers.for(storageclasses);
    this.#csiNodes = informers.for(csinodes);
    const tell = (): void => this.#tell();
    const handler = { added: tell, updated: tell };
    this.#stops = [
      this.#claims.addHandler(handler),
      this.#volumes.addHandler(handler),
      this.#classes.addHandler(handler),
      this.#csiNodes.addHandler(handler),
    ];
  }

  /** Resolves once everything is known. */
  async synced(): Promise<void> {
    await Promise.all([this.#claims, this.#volumes, this.#classes, this.#csiNodes].map(({ synced }) => synced));
  }

  /** Calls on every change that may matter to pods with volumes, from now on; returns how to stop it. */
  onChange(call: () => void): () => void {
    this.#listeners.add(call);
    return () => this.#listeners.delete(call);
  }

  /** Resolves with the next change, or after `timeoutMs`. @throws The signal's reason. */
  async nextChange(clock: Clock, timeoutMs: number, signal: AbortSignal): Promise<void> {
    let stop = (): void => {};
    const changed = new Promise<void>((resolve) => {
      const timer = clock.after(timeoutMs, resolve);
      const unfollow = this.onChange(resolve);
      stop = () => {
        timer.cancel();
        unfollow();
      };
    });
    try {
      await orAborted(changed, signal);
    } finally {
      stop();
    }
  }

  /** Stops following. */
  close(): void {
    for (const stop of this.#stops) stop();
  }

  claim(namespace: string, name: string): PersistentVolumeClaim | undefined {
    return this.#claims.get(`${namespace}/${name}`);
  }

  volume(name: string): PersistentVolume | undefined {
    return this.#volumes.get(name);
  }

  volumes(): readonly PersistentVolume[] {
    return this.#volumes.list();
  }

  storageClass(name: string): StorageClass | undefined {
    return this.#classes.get(name);
  }

  csiNode(name: string): CSINode | undefined {
    return this.#csiNodes.get(name);
  }

  csiDriver(name: string): CSIDriver | undefined {
    return this.#rare?.drivers.get(name);
  }

  capacities(): readonly CSIStorageCapacity[] {
    return this.#rare?.capacities.list() ?? [];
  }

  attachments(nodeName: string): readonly VolumeAttachment[] {
    return (this.#rare?.attachments.list() ?? []).filter(({ spec }) => spec.nodeName === nodeName);
  }

  /** Whether all that matters to the pod is known; otherwise `again` is called with it once it is. */
  admits(pod: Pod, again: (pod: Pod) => void): boolean {
    if (!pod.spec.volumes?.length || claimsOf(pod).length === 0) return true;
    const rare = this.#rare ?? this.#watchMore(again);
    if (rare.drivers.hasSynced && rare.capacities.hasSynced && rare.attachments.hasSynced) return true;
    this.#early.set(uidOf(pod), pod);
    return false;
  }

  /** The pod is gone. */
  forget(uid: string): void {
    this.#early.delete(uid);
  }

  #watchMore(again: (pod: Pod) => void): Rare {
    const informers = this.#informers;
    const drivers = informers.for(csidrivers);
    const capacities = informers.for(csistoragecapacities);
    const attachments = informers.for(volumeattachments);
    const tell = (): void => this.#tell();
    this.#stops.push(
      drivers.addHandler({ added: tell, updated: tell, deleted: tell }),
      capacities.addHandler({ added: tell, updated: tell }),
      attachments.addHandler({ deleted: tell }),
    );
    void Promise.all([drivers.synced, capacities.synced, attachments.synced]).then(() => {
      const early = [...this.#early.values()];
      this.#early.clear();
      for (const pod of early) again(pod);
    });
    this.#rare = { drivers, capacities, attachments };
    return this.#rare;
  }

  #tell(): void {
    for (const call of [...this.#listeners]) call();
  }

  isPromised(volumeName: string): boolean {
    return this.#promised.has(volumeName);
  }

  promise(volumeName: string): void {
    this.#promised.add(volumeName);
  }

  /** Ends a promise: the API shows the claim on the volume, or it failed. */
  release(volumeName: string): void {
    this.#promised.delete(volumeName);
  }
}
