import type { PersistentVolume, Pod } from '../../generated/api/core/v1.ts';
import type { ResourceSlice } from '../../generated/api/resource/v1.ts';
import type { VolumeAttachment } from '../../generated/api/storage/v1.ts';
import { persistentvolumes, pods, resourceslices, volumeattachments } from '../../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import { closeAll, type ObjectFeed } from './object-feed.ts';
import { type PodReferences, podReferences } from './pod-references.ts';

/** Kinds whose objects belong to a node through something that runs there. */
export type RelatedKind =
  | 'secrets'
  | 'configmaps'
  | 'persistentvolumeclaims'
  | 'persistentvolumes'
  | 'serviceaccounts'
  | 'resourceclaims'
  | 'pods'
  | 'volumeattachments'
  | 'resourceslices';

interface BoundPod {
  readonly node: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly pod: Pod;
  references?: PodReferences | undefined;
}

interface BoundVolume {
  readonly claimKey: string;
  readonly secretKeys: ReadonlySet<string>;
}

/**
 * Knows what each node may touch. Pods are filed under their node; what a pod names is read from it when a question
 * first needs it. A node runs a hundred pods or so: asking them in turn is quicker than keeping a graph of every edge.
 * Source: `plugin/pkg/auth/authorizer/node/graph.go`.
 */
export class NodeRelations {
  readonly #podNodes = new Map<string, string>();
  readonly #pods = new Map<string, Map<string, BoundPod>>();
  readonly #volumes = new Map<string, BoundVolume>();
  readonly #attachments = new Map<string, string>();
  readonly #slices = new Map<string, string>();

  /** Begins to follow pods, volumes, attachments and slices; resolves once all is known. */
  async start(feed: ObjectFeed): Promise<{ close(): void }> {
    const subscriptions = await Promise.all([
      feed.follow(pods as ResourceType<Pod & KubeObject>, ({ change, object }) =>
        change === 'set' ? this.setPod(object) : this.removePod(object),
      ),
      feed.follow(persistentvolumes as ResourceType<PersistentVolume & KubeObject>, ({ change, object }) =>
        this.#setVolume(object, change === 'set'),
      ),
      feed.follow(volumeattachments as ResourceType<VolumeAttachment & KubeObject>, ({ change, object }) =>
        assign(this.#attachments, object.metadata.name, change === 'set' ? object.spec?.nodeName : undefined),
      ),
      feed.follow(resourceslices as ResourceType<ResourceSlice & KubeObject>, ({ change, object }) =>
        assign(this.#slices, object.metadata.name, change === 'set' ? object.spec?.nodeName : undefined),
      ),
    ]);
    return closeAll(subscriptions);
  }

  setPod(pod: Pod): void {
    const { namespace = '', name = '', uid = '' } = pod.metadata ?? {};
    const node = pod.spec?.nodeName;
    if (!node) return;
    const key = `${namespace}/${name}`;
    const previous = this.#pods.get(this.#podNodes.get(key) ?? '')?.get(key);
    if (previous !== undefined && previous.node !== node) this.#pods.get(previous.node)?.delete(key);
    const references = previous !== undefined && namesTheSame(previous, pod) ? previous.references : undefined;
    this.#podNodes.set(key, node);
    const onNode = this.#pods.get(node) ?? new Map<string, BoundPod>();
    this.#pods.set(node, onNode);
    onNode.set(key, { node, namespace, name, uid, pod, references });
  }

  removePod(pod: Pod): void {
    const key = `${pod.metadata?.namespace ?? ''}/${pod.metadata?.name ?? ''}`;
    const node = this.#podNodes.get(key);
    if (node === undefined) return;
    this.#podNodes.delete(key);
    const onNode = this.#pods.get(node);
    onNode?.delete(key);
    if (onNode?.size === 0) this.#pods.delete(node);
  }

  /** Whether the object belongs to something on the node. */
  isRelated(node: string, kind: RelatedKind, namespace: string, name: string): boolean {
    switch (kind) {
      case 'volumeattachments':
        return this.#attachments.get(name) === node;
      case 'resourceslices':
        return this.#slices.get(name) === node;
      case 'pods':
        return this.#podNodes.get(`${namespace}/${name}`) === node;
      case 'persistentvolumes':
        return this.#hasClaim(node, this.#volumes.get(name)?.claimKey);
      case 'secrets':
        return (
          this.#anyPod(node, namespace, (pod) => pod.secrets.has(name)) || this.#hasVolumeSecret(node, namespace, name)
        );
      case 'configmaps':
        return this.#anyPod(node, namespace, (pod) => pod.configMaps.has(name));
      case 'persistentvolumeclaims':
        return this.#anyPod(node, namespace, (pod) => pod.claims.has(name));
      case 'serviceaccounts':
        return this.#anyPod(node, namespace, (pod) => pod.serviceAccount === name);
      case 'resourceclaims':
        return this.#anyPod(node, namespace, (pod) => pod.resourceClaims.has(name));
      default:
        return kind satisfies never;
    }
  }

  #anyPod(node: string, namespace: string, test: (references: PodReferences) => boolean): boolean {
    const onNode = this.#pods.get(node);
    if (onNode === undefined) return false;
    for (const bound of onNode.values()) {
      if (bound.namespace !== namespace) continue;
      bound.references ??= podReferences(bound.pod);
      if (test(bound.references)) return true;
    }
    return false;
  }

  #hasClaim(node: string, claimKey: string | undefined): boolean {
    if (claimKey === undefined) return false;
    const slash = claimKey.indexOf('/');
    const name = claimKey.slice(slash + 1);
    return this.#anyPod(node, claimKey.slice(0, slash), (pod) => pod.claims.has(name));
  }

  #hasVolumeSecret(node: string, namespace: string, name: string): boolean {
    const key = `${namespace}/${name}`;
    for (const volume of this.#volumes.values()) {
      if (volume.secretKeys.has(key) && this.#hasClaim(node, volume.claimKey)) return true;
    }
    return false;
  }

  #setVolume(volume: PersistentVolume & KubeObject, present: boolean): void {
    const name = volume.metadata.name ?? '';
    const claim = volume.spec?.claimRef;
    if (!present || !claim) {
      this.#volumes.delete(name);
      return;
    }
    const claimKey = `${claim.namespace ?? ''}/${claim.name ?? ''}`;
    this.#volumes.set(name, { claimKey, secretKeys: volumeSecretKeys(volume, claim.namespace ?? '') });
  }
}

/** What a bound pod names changes only with ephemeral containers and with claims made for it. */
function namesTheSame(previous: BoundPod, pod: Pod): boolean {
  const before = previous.pod;
  return (
    previous.uid === (pod.metadata?.uid ?? '') &&
    (before.spec?.ephemeralContainers?.length ?? 0) === (pod.spec?.ephemeralContainers?.length ?? 0) &&
    (before.status?.resourceClaimStatuses?.length ?? 0) === (pod.status?.resourceClaimStatuses?.length ?? 0) &&
    before.status?.extendedResourceClaimStatus?.resourceClaimName ===
      pod.status?.extendedResourceClaimStatus?.resourceClaimName
  );
}

/** Secrets of a volume that its kubelet reads. Source: component-helpers `storage/volume` (VisitPVSecretNames). */
function volumeSecretKeys(volume: PersistentVolume, claimNamespace: string): ReadonlySet<string> {
  const { spec } = volume;
  const keys = new Set<string>();
  const add = (reference: { name?: string | undefined; namespace?: string | undefined } | undefined | null): void => {
    if (reference?.name) keys.add(`${reference.namespace || claimNamespace}/${reference.name}`);
  };
  const azure = spec?.azureFile;
  if (azure) add({ name: azure.secretName, namespace: azure.secretNamespace });
  add(spec?.cephfs?.secretRef);
  add(spec?.cinder?.secretRef);
  add(spec?.flexVolume?.secretRef);
  add(spec?.rbd?.secretRef);
  add(spec?.scaleIO?.secretRef);
  add(spec?.iscsi?.secretRef);
  add(spec?.storageos?.secretRef);
  add(spec?.csi?.nodePublishSecretRef);
  add(spec?.csi?.nodeStageSecretRef);
  add(spec?.csi?.nodeExpandSecretRef);
  return keys;
}

function assign(map: Map<string, string>, name: string | undefined, node: string | undefined): void {
  if (!node) map.delete(name ?? '');
  else map.set(name ?? '', node);
}
