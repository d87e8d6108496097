import type { Informer } from '../../client/informer.ts';
import type { Informers } from '../../client/informers.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../generated/api/core/v1.ts';
import type { CSINode, StorageClass } from '../../generated/api/storage/v1.ts';
import { csinodes, persistentvolumeclaims, persistentvolumes, storageclasses } from '../../generated/resource-types.ts';
import { orAborted } from '../../std/abort.ts';
import type { Clock } from '../../std/clock.ts';
import type { VolumeView } from './volume-view.ts';

/** The view on volumes that informers give, and the promises that are made while pods are bound. */
export class VolumeLister implements VolumeView {
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;
  readonly #csiNodes: Informer<CSINode>;
  readonly #promised = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #stops: readonly (() => void)[];

  constructor(informers: Informers) {
    this.#claims = informers.for(persistentvolumeclaims);
    this.#volumes = informers.for(persistentvolumes);
    this.#classes = informers.for(storageclasses);
    this.#csiNodes = informers.for(csinodes);
    const tell = (): void => {
      for (const call of [...this.#listeners]) call();
    };
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
