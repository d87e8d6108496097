import type { Pod, Volume } from '../../generated/api/core/v1.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import { type FilterPlugin, fits, type Snapshot, unschedulable } from '../framework/plugin.ts';
import { claimsOf } from '../volumes/volume-view.ts';

/**
 * Keeps pods apart that would mount one disk, and gives a claim of a single pod (`ReadWriteOncePod`) to one pod alone.
 *
 * Source: plugins/volumerestrictions/volume_restrictions.go.
 */
export const volumeRestrictions: FilterPlugin = {
  name: 'VolumeRestrictions',
  wakesOn: ['node-added', 'pod-deleted', 'volume-changed'],
  looksAt: 'cluster',
  prepare(subject, snapshot) {
    const volumes = subject.pod.spec.volumes ?? [];
    if (volumes.length === 0) return undefined;
    const isTaken = isSingleClaimTaken(subject, snapshot);
    const disks = volumes.filter(
      ({ gcePersistentDisk, awsElasticBlockStore, iscsi, rbd }) =>
        gcePersistentDisk || awsElasticBlockStore || iscsi || rbd,
    );
    if (!isTaken && disks.length === 0) return undefined;
    return {
      filter(node) {
        for (const { pod } of disks.length === 0 ? [] : node.pods())
          if (disks.some((disk) => clashes(disk, pod))) return unschedulable('node(s) had no available disk');
        if (!isTaken) return fits;
        return unschedulable(
          'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
        );
      },
    };
  },
};

function isSingleClaimTaken({ pod }: PodInfo, { nodes, volumes }: Snapshot): boolean {
  const { namespace = '' } = pod.metadata;
  const single = new Set(
    claimsOf(pod).flatMap(({ claimName }) =>
      volumes.claim(namespace, claimName)?.spec?.accessModes?.includes('ReadWriteOncePod') ? [claimName] : [],
    ),
  );
  if (single.size === 0) return false;
  for (const node of nodes) {
    for (const { pod: other } of node.pods()) {
      if (other.metadata.namespace !== namespace || !other.spec.volumes?.length) continue;
      if (claimsOf(other).some(({ claimName }) => single.has(claimName))) return true;
    }
  }
  return false;
}

function clashes(disk: Volume, { spec }: Pod): boolean {
  return (spec.volumes ?? []).some((other) => {
    const [gce, otherGce] = [disk.gcePersistentDisk, other.gcePersistentDisk];
    if (gce && otherGce && gce.pdName === otherGce.pdName && !(gce.readOnly && otherGce.readOnly)) return true;
    const [aws, otherAws] = [disk.awsElasticBlockStore, other.awsElasticBlockStore];
    if (aws && otherAws && aws.volumeID === otherAws.volumeID) return true;
    const [iscsi, otherIscsi] = [disk.iscsi, other.iscsi];
    if (iscsi && otherIscsi && iscsi.iqn === otherIscsi.iqn && !(iscsi.readOnly && otherIscsi.readOnly)) return true;
    const [rbd, otherRbd] = [disk.rbd, other.rbd];
    if (!rbd || !otherRbd || (rbd.readOnly && otherRbd.readOnly)) return false;
    const sharesMonitor = (rbd.monitors ?? []).some((monitor) => otherRbd.monitors?.includes(monitor));
    return sharesMonitor && rbd.pool === otherRbd.pool && rbd.image === otherRbd.image;
  });
}
