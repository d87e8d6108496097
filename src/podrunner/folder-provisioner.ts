import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '../client/client.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../generated/api/core/v1.ts';
import type { StorageClass } from '../generated/api/storage/v1.ts';
import { persistentvolumes } from '../generated/resource-types.ts';
import { isAlreadyExists, isNotFound } from '../machinery/errors/status-error.ts';

/** Name of the provisioner in StorageClasses and annotations. */
export const PROVISIONER = 'warren.dev/folder';

/** The default class of the embedded host: each claim gets a folder of this machine. */
export function folderStorageClass(): StorageClass {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'folder', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: PROVISIONER,
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'Immediate',
  };
}

/** Whether the claim waits for a volume of this provisioner. */
export function wantsFolder(
  claim: PersistentVolumeClaim,
  provisionerOf: (className: string) => string | undefined,
): boolean {
  const { storageClassName, volumeName } = claim.spec;
  if (volumeName || claim.metadata.deletionTimestamp !== undefined || !storageClassName) return false;
  return provisionerOf(storageClassName) === PROVISIONER;
}

/** The volume for a claim, bound to it beforehand. */
export function toVolume(claim: PersistentVolumeClaim, folder: string): PersistentVolume {
  const { uid = '', name, namespace } = claim.metadata;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `pvc-${uid}`, annotations: { 'pv.kubernetes.io/provisioned-by': PROVISIONER } },
    spec: {
      capacity: { storage: claim.spec.resources?.requests?.['storage'] ?? '1Gi' },
      accessModes: [...(claim.spec.accessModes ?? ['ReadWriteOnce'])],
      persistentVolumeReclaimPolicy: 'Delete',
      storageClassName: claim.spec.storageClassName,
      volumeMode: 'Filesystem',
      hostPath: { path: join(folder, `pvc-${uid}`), type: 'DirectoryOrCreate' },
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid },
    },
  };
}

/** Gives a waiting claim its folder. Safe to repeat. */
export async function provision(
  client: Client,
  claim: PersistentVolumeClaim,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await client.create(persistentvolumes, toVolume(claim, folder), { signal });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

/** Removes the folder of a volume whose claim is gone. Only folders that this provisioner made are touched. */
export async function reclaim(
  client: Client,
  volume: PersistentVolume,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const { name = '' } = volume.metadata;
  const own = volume.metadata.annotations?.['pv.kubernetes.io/provisioned-by'] === PROVISIONER;
  const released = volume.status?.phase === 'Released' && volume.spec.persistentVolumeReclaimPolicy === 'Delete';
  if (!own || !released) return;
  const path = join(folder, name);
  if (volume.spec.hostPath?.path === path) rmSync(path, { recursive: true, force: true });
  try {
    await client.delete(persistentvolumes, { name }, { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
