import type { Container, EphemeralContainer, Pod, Volume } from '../../generated/api/core/v1.ts';

/** Names of the Secrets that a pod uses in any way. Source: `pkg/api/v1/pod/util.go` (VisitPodSecretNames). */
export function secretsOf({ spec }: Pod): string[] {
  const names = [
    ...(spec?.imagePullSecrets ?? []).map(({ name }) => name),
    ...[...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])].flatMap(
      ofContainer,
    ),
    ...(spec?.volumes ?? []).flatMap(ofVolume),
  ];
  return names.filter((name) => name !== undefined && name !== '') as string[];
}

function ofContainer({ env, envFrom }: Container | EphemeralContainer): (string | undefined)[] {
  return [
    ...(envFrom ?? []).map(({ secretRef }) => secretRef?.name),
    ...(env ?? []).map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
  ];
}

function ofVolume(volume: Volume): (string | undefined)[] {
  const { azureFile, cephfs, cinder, flexVolume, projected, rbd, secret, scaleIO, iscsi, storageos, csi } = volume;
  return [
    azureFile?.secretName,
    secret?.secretName,
    ...[cephfs, cinder, flexVolume, rbd, scaleIO, iscsi, storageos].map((each) => each?.secretRef?.name),
    csi?.nodePublishSecretRef?.name,
    ...(projected?.sources ?? []).map((each) => each.secret?.name),
  ];
}
