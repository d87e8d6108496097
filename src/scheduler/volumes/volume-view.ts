import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../../generated/api/core/v1.ts';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
} from '../../generated/api/storage/v1.ts';

/** Claims, volumes and classes as the scheduler sees them, with what it has decided and the API does not show yet. */
export interface VolumeView {
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  volumes(): readonly PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
  csiNode(name: string): CSINode | undefined;
  csiDriver(name: string): CSIDriver | undefined;
  /** How much storage drivers say they have, by class and topology. */
  capacities(): readonly CSIStorageCapacity[];
  /** Volumes that are attached to a node, or are about to be. */
  attachments(nodeName: string): readonly VolumeAttachment[];
  /** Whether a volume is promised to a claim of a pod that is being bound. */
  isPromised(volumeName: string): boolean;
}

/** A claim that a pod mounts. */
export interface MountedClaim {
  readonly claimName: string;
  /** The claim is made for the pod by the ephemeral volume controller. */
  readonly isEphemeral: boolean;
}

/** Source: component-helpers `storage/ephemeral` (VolumeClaimName). */
export function claimsOf(pod: Pod): MountedClaim[] {
  return (pod.spec.volumes ?? []).flatMap((volume): MountedClaim[] => {
    if (volume.persistentVolumeClaim)
      return [{ claimName: volume.persistentVolumeClaim.claimName ?? '', isEphemeral: false }];
    if (volume.ephemeral) return [{ claimName: `${pod.metadata.name}-${volume.name}`, isEphemeral: true }];
    return [];
  });
}

/** What a look at a pod's claims brings: them all, or why no node will do before something changes. */
export type ClaimsOfPod = { readonly claims: readonly PersistentVolumeClaim[] } | { readonly fault: string };

/** Source: plugins/volumebinding/volume_binding.go (podHasPVCs). */
export function lookUpClaims(pod: Pod, view: VolumeView): ClaimsOfPod {
  const claims: PersistentVolumeClaim[] = [];
  const { namespace = '' } = pod.metadata;
  for (const { claimName, isEphemeral } of claimsOf(pod)) {
    const claim = view.claim(namespace, claimName);
    const quoted = JSON.stringify(claimName);
    if (claim === undefined) {
      if (!isEphemeral) return { fault: `persistentvolumeclaim ${quoted} not found` };
      return { fault: `waiting for ephemeral volume controller to create the persistentvolumeclaim ${quoted}` };
    }
    if (claim.status?.phase === 'Lost') {
      const volumeName = JSON.stringify(claim.spec?.volumeName ?? '');
      return { fault: `persistentvolumeclaim ${quoted} bound to non-existent persistentvolume ${volumeName}` };
    }
    if (claim.metadata.deletionTimestamp !== undefined)
      return { fault: `persistentvolumeclaim ${quoted} is being deleted` };
    if (
      isEphemeral &&
      !claim.metadata.ownerReferences?.some(({ uid, controller }) => controller && uid === pod.metadata.uid)
    ) {
      const names = `PVC ${namespace}/${claimName} was not created for pod ${namespace}/${pod.metadata.name}`;
      return { fault: `${names} (pod is not owner)` };
    }
    claims.push(claim);
  }
  return { claims };
}

/** Labels of a node, which topology rules of volumes speak of. */
export const nodeLabels = (node: Node): Readonly<Record<string, string>> => node.metadata.labels ?? {};
