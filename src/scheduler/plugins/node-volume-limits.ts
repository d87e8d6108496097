import type { Pod } from '../../generated/api/core/v1.ts';
import { classOf } from '../../resources/core/persistent-volume/matching.ts';
import { type FilterPlugin, fits, unschedulable } from '../framework/plugin.ts';
import { claimsOf, type VolumeView } from '../volumes/volume-view.ts';

/**
 * Keeps the CSI volumes on a node below the number that its driver says it can attach.
 *
 * Source: plugins/nodevolumelimits/csi.go.
 */
export const nodeVolumeLimits: FilterPlugin = {
  name: 'NodeVolumeLimits',
  wakesOn: ['node-added', 'pod-deleted', 'volume-changed'],
  looksAt: 'node',
  prepare({ pod }, { volumes: view }) {
    if (!pod.spec.volumes?.length) return undefined;
    const wanted = csiVolumesOf(pod, view);
    if (wanted.size === 0) return undefined;
    return {
      filter(node) {
        const limits = new Map(
          (view.csiNode(node.name)?.spec?.drivers ?? []).flatMap(({ name, allocatable }) =>
            typeof allocatable?.count === 'number' ? [[name ?? '', allocatable.count] as const] : [],
          ),
        );
        if (limits.size === 0) return fits;
        const attached = new Map<string, string>();
        for (const { pod: other } of node.pods())
          for (const [handle, driver] of csiVolumesOf(other, view)) attached.set(handle, driver);
        const used = new Set(attached.keys());
        // Volumes may stay attached for a while after their pods are gone, and count until then.
        for (const [handle, driver] of attachedTo(node.name, view)) attached.set(handle, driver);
        for (const [driver, limit] of limits) {
          const there = [...attached.values()].filter((each) => each === driver).length;
          const more = [...wanted].filter(([handle, each]) => each === driver && !used.has(handle)).length;
          if (more > 0 && there + more > limit) return unschedulable('node(s) exceed max volume count');
        }
        return fits;
      },
    };
  },
};

/** Driver by volume that is attached to a node. */
function attachedTo(nodeName: string, view: VolumeView): Map<string, string> {
  const drivers = new Map<string, string>();
  for (const { spec } of view.attachments(nodeName)) {
    const { persistentVolumeName, inlineVolumeSpec } = spec.source;
    const csi =
      persistentVolumeName === undefined ? inlineVolumeSpec?.csi : view.volume(persistentVolumeName)?.spec?.csi;
    if (csi) drivers.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver);
  }
  return drivers;
}

/** Driver by volume; a claim without a volume counts for the driver that will make one. */
function csiVolumesOf(pod: Pod, view: VolumeView): Map<string, string> {
  const drivers = new Map<string, string>();
  const { namespace = '' } = pod.metadata;
  for (const { claimName } of claimsOf(pod)) {
    const claim = view.claim(namespace, claimName);
    if (claim === undefined) continue;
    const csi = view.volume(claim.spec?.volumeName ?? '')?.spec?.csi;
    if (csi) drivers.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver ?? '');
    else if (!claim.spec?.volumeName) {
      const provisioner = view.storageClass(classOf(claim))?.provisioner;
      if (provisioner) drivers.set(`${provisioner}/claim/${namespace}/${claimName}`, provisioner);
    }
  }
  return drivers;
}
