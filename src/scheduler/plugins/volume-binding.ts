import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../../generated/api/core/v1.ts';
import type { StorageClass } from '../../generated/api/storage/v1.ts';
import { matchesNodeSelector } from '../../machinery/values/node-selector.ts';
import { parseQuantity } from '../../machinery/values/quantity.ts';
import { matchesLabels, parseSelectorObject } from '../../machinery/values/selector-object.ts';
import { BIND_COMPLETED, classOf, findVolume, SELECTED_NODE } from '../../resources/core/persistent-volume/matching.ts';
import { type FilterPlugin, fits, unresolvable } from '../framework/plugin.ts';
import { lookUpClaims, nodeLabels, type VolumeView } from '../volumes/volume-view.ts';

/** What is to be done for a pod's claims once its node is chosen. */
export interface VolumeChoice {
  /** Volumes that are there already, for claims that waited for the pod. */
  readonly bindings: readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }[];
  /** Claims for which a provisioner makes a volume that the node can reach. */
  readonly provisions: readonly PersistentVolumeClaim[];
}

const NO_PROVISIONER = 'kubernetes.io/no-provisioner';

/**
 * Keeps a pod to nodes that can reach its volumes, and to nodes for which the claims that wait for it can be served.
 *
 * Source: pkg/scheduler/framework/plugins/volumebinding.
 */
export const volumeBinding: FilterPlugin = {
  name: 'VolumeBinding',
  wakesOn: ['node-added', 'node-updated', 'volume-changed'],
  looksAt: 'node',
  prepare({ pod }, { volumes: view }) {
    if (!pod.spec.volumes?.length) return undefined;
    const found = lookUpClaims(pod, view);
    if ('fault' in found) return unresolvable(found.fault);
    if (found.claims.length === 0) return undefined;
    const bound = found.claims.filter(isBound);
    const waiting = found.claims.filter((claim) => !isBound(claim));
    const isLate = (claim: PersistentVolumeClaim): boolean =>
      view.storageClass(classOf(claim))?.volumeBindingMode === 'WaitForFirstConsumer' && !claim.spec?.volumeName;
    if (!waiting.every(isLate)) return unresolvable('pod has unbound immediate PersistentVolumeClaims');
    return {
      filter({ node }) {
        const volumes = bound.map((claim) => view.volume(claim.spec?.volumeName ?? ''));
        const reasons: string[] = [];
        if (volumes.some((volume) => volume !== undefined && !isReachable(volume, node)))
          reasons.push("node(s) didn't match PersistentVolume's node affinity");
        const choice = chooseVolumes(waiting, node, view);
        if (typeof choice === 'string') reasons.push(choice);
        if (volumes.includes(undefined))
          reasons.push('node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)');
        return reasons.length === 0 ? fits : unresolvable(...reasons);
      },
    };
  },
};

/** The volumes for a pod's claims on a node; undefined where there is none for some claim. */
export function chooseForPod(pod: Pod, node: Node, view: VolumeView): VolumeChoice | undefined {
  const found = lookUpClaims(pod, view);
  if ('fault' in found) return undefined;
  const waiting = found.claims.filter((claim) => !isBound(claim));
  const choice = chooseVolumes(waiting, node, view);
  return typeof choice === 'string' ? undefined : choice;
}

const NO_VOLUMES = "node(s) didn't find available persistent volumes to bind";
const NO_STORAGE = 'node(s) did not have enough free storage';

/** A text tells why the claims cannot be served. */
function chooseVolumes(claims: readonly PersistentVolumeClaim[], node: Node, view: VolumeView): VolumeChoice | string {
  const bindings: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = [];
  const provisions: PersistentVolumeClaim[] = [];
  const taken = new Set<string>();
  for (const claim of claims) {
    const selected = claim.metadata.annotations?.[SELECTED_NODE];
    if (selected !== undefined && selected !== node.metadata.name) return NO_VOLUMES;
    const suits = (volume: PersistentVolume): boolean => {
      const { name = '' } = volume.metadata;
      return isReachable(volume, node) && !taken.has(name) && !view.isPromised(name);
    };
    const volume = selected === undefined ? findVolume(claim, view.volumes(), { delayed: false, suits }) : undefined;
    if (volume !== undefined) {
      taken.add(volume.metadata.name ?? '');
      bindings.push({ claim, volume });
    } else {
      const storageClass = view.storageClass(classOf(claim));
      if (storageClass === undefined || !canProvision(storageClass, node)) return NO_VOLUMES;
      if (!hasStorage(claim, storageClass, node, view)) return NO_STORAGE;
      provisions.push(claim);
    }
  }
  return { bindings, provisions };
}

/**
 * Whether a driver that tells how much storage it has has enough for the node.
 *
 * Source: binder.go (hasEnoughCapacity).
 */
function hasStorage(
  { spec }: PersistentVolumeClaim,
  { metadata, provisioner }: StorageClass,
  node: Node,
  view: VolumeView,
): boolean {
  const size = spec?.resources?.requests?.['storage'];
  if (size === undefined || view.csiDriver(provisioner)?.spec.storageCapacity !== true) return true;
  const bytes = parseQuantity(size).toInteger();
  return view.capacities().some(({ storageClassName, nodeTopology, capacity, maximumVolumeSize }) => {
    const most = maximumVolumeSize ?? capacity;
    if (storageClassName !== metadata.name || most === undefined || nodeTopology === undefined) return false;
    if (parseQuantity(most).toInteger() < bytes) return false;
    return matchesLabels(parseSelectorObject(nodeTopology), nodeLabels(node));
  });
}

export function isBound({ spec, metadata }: PersistentVolumeClaim): boolean {
  return Boolean(spec?.volumeName) && metadata.annotations?.[BIND_COMPLETED] !== undefined;
}

/** Source: component-helpers `storage/volume/helpers.go` (CheckNodeAffinity). */
export function isReachable({ spec }: PersistentVolume, node: Node): boolean {
  const required = spec?.nodeAffinity?.required;
  return required === undefined || matchesNodeSelector(required, node);
}

/** Whether the class's provisioner may make a volume for the node. Source: binder.go (checkVolumeProvisions). */
function canProvision(storageClass: StorageClass, node: Node): boolean {
  if (!storageClass.provisioner || storageClass.provisioner === NO_PROVISIONER) return false;
  const terms = storageClass.allowedTopologies ?? [];
  const labels = nodeLabels(node);
  return (
    terms.length === 0 ||
    terms.some(({ matchLabelExpressions }) =>
      (matchLabelExpressions ?? []).every(({ key, values }) => values?.includes(labels[key ?? ''] ?? '')),
    )
  );
}
