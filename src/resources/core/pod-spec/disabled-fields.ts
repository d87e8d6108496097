import type { PodSpec } from '../../../generated/api/core/v1.ts';

/**
 * Takes out what feature gates that are off in 1.36 guard: GenericWorkload, ContainerStopSignals,
 * ClusterTrustBundleProjection and PodCertificateRequest.
 *
 * Source: pkg/api/pod/util.go (dropDisabledFields).
 */
export function dropDisabledPodFields(spec: PodSpec): void {
  spec.schedulingGroup = undefined;
  for (const kind of ['initContainers', 'containers'] as const)
    for (const { lifecycle } of spec[kind] ?? []) if (lifecycle) lifecycle.stopSignal = undefined;
  for (const { projected } of spec.volumes ?? [])
    for (const source of projected?.sources ?? []) {
      source.clusterTrustBundle = undefined;
      source.podCertificate = undefined;
    }
}
