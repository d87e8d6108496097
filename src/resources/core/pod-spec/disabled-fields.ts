import type { PodSpec, PodStatus } from '../../../generated/api/core/v1.ts';

/**
 * Takes out what feature gates that are off in 1.36 guard: GenericWorkload, ContainerStopSignals,
 * ClusterTrustBundleProjection and PodCertificateRequest.
 *
 * Source: pkg/api/pod/util.go (dropDisabledFields).
 */
export function dropDisabledPodFields(spec: PodSpec): void {
  spec.schedulingGroup = undefined;
  for (const kind of ['initContainers', 'containers', 'ephemeralContainers'] as const)
    for (const container of spec[kind] ?? []) {
      const { lifecycle } = container;
      if (lifecycle?.stopSignal === undefined) continue;
      lifecycle.stopSignal = undefined;
      if (!lifecycle.postStart && !lifecycle.preStop) container.lifecycle = undefined;
    }
  for (const { projected } of spec.volumes ?? [])
    for (const source of projected?.sources ?? []) {
      source.clusterTrustBundle = undefined;
      source.podCertificate = undefined;
    }
}

const STATUS_LISTS = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const;

/** The same for a status: ImageVolumeWithDigest and DRANodeAllocatableResources. Source: same file (dropDisabledPodStatusFields). */
export function dropDisabledStatusFields(status: PodStatus): void {
  status.nodeAllocatableResourceClaimStatuses = undefined;
  for (const list of STATUS_LISTS)
    for (const { volumeMounts } of status[list] ?? [])
      for (const mount of volumeMounts ?? []) mount.volumeStatus = undefined;
}
