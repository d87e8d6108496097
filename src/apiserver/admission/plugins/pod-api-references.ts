import type { Pod, Volume, VolumeProjection } from '../../../generated/api/core/v1.ts';
import { secretReferences } from './secret-references.ts';

/**
 * What of the API a pod names, in upstream's words; undefined where nothing. Static pods may name nothing.
 * Source: `pkg/api/pod/util.go` (HasAPIObjectReference).
 */
export function apiReferenceOf(pod: Pod): string | undefined {
  const spec = pod.spec;
  if (spec === undefined) return undefined;
  if (spec.serviceAccountName) return 'serviceaccounts';
  if (secretReferences(pod).length > 0) return 'secrets';
  if (namesConfigMap(pod)) return 'configmaps';
  if ((spec.resourceClaims ?? []).length > 0) return 'resourceclaims';
  for (const volume of spec.volumes ?? []) {
    const reference = volumeReference(volume);
    if (reference !== undefined) return reference;
  }
  return undefined;
}

function namesConfigMap(pod: Pod): boolean {
  const spec = pod.spec;
  const containers = [
    ...(spec?.initContainers ?? []),
    ...(spec?.containers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ];
  const byEnvironment = containers.some(
    (container) =>
      (container.env ?? []).some((variable) => variable.valueFrom?.configMapKeyRef !== undefined) ||
      (container.envFrom ?? []).some((source) => source.configMapRef !== undefined),
  );
  return byEnvironment || (spec?.volumes ?? []).some((volume) => volume.configMap !== undefined);
}

const volumeTexts: readonly (readonly [keyof Volume, string])[] = [
  ['configMap', 'configmaps (via configmap volumes)'],
  ['secret', 'secrets (via secret volumes)'],
  ['csi', 'csidrivers (via CSI volumes)'],
  ['glusterfs', 'endpoints (via glusterFS volumes)'],
  ['persistentVolumeClaim', 'persistentvolumeclaims'],
  ['ephemeral', 'persistentvolumeclaims (via ephemeral volumes)'],
  ['azureFile', 'secrets (via azureFile volumes)'],
];

const projectionTexts: readonly (readonly [keyof VolumeProjection, string])[] = [
  ['configMap', 'configmaps (via projected volumes)'],
  ['secret', 'secrets (via projected volumes)'],
  ['serviceAccountToken', 'serviceaccounts (via projected volumes)'],
  ['clusterTrustBundle', 'clustertrustbundles'],
  ['podCertificate', 'podcertificates'],
];

function volumeReference(volume: Volume): string | undefined {
  for (const [field, text] of volumeTexts) if (volume[field] !== undefined) return text;
  for (const source of volume.projected?.sources ?? []) {
    for (const [field, text] of projectionTexts) if (source[field] !== undefined) return text;
  }
  return undefined;
}
