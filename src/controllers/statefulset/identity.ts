import type { ControllerRevision, StatefulSet } from '../../generated/api/apps/v1.ts';
import type { PersistentVolumeClaim, Pod, PodTemplateSpec } from '../../generated/api/core/v1.ts';
import { statefulsets } from '../../generated/resource-types.ts';
import { podFromTemplate } from '../pods/pod-control.ts';

/** Source: `k8s.io/api/apps/v1/types.go`. */
const POD_NAME_LABEL = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX_LABEL = 'apps.kubernetes.io/pod-index';
export const REVISION_LABEL = 'controller-revision-hash';
/** Label of revisions that holds the template's hash. */
export const HASH_LABEL = 'controller.kubernetes.io/hash';

/** The number at the end of a pod's name, where the rest is its set's name; -1 for other pods. */
export function ordinalOf(set: StatefulSet, pod: Pod): number {
  const match = /^(.*)-(\d+)$/.exec(pod.metadata.name ?? '');
  return match !== null && match[1] === set.metadata.name ? Number(match[2]) : -1;
}

export function startOf(set: StatefulSet): number {
  return set.spec.ordinals?.start ?? 0;
}

export function revisionOf(pod: Pod | undefined): string | undefined {
  return pod?.metadata.labels?.[REVISION_LABEL];
}

export function claimNameOf(set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string {
  return `${template.metadata.name}-${set.metadata.name}-${ordinal}`;
}

/** The pod template that a revision keeps. */
export function templateOf(set: StatefulSet, revision: ControllerRevision): PodTemplateSpec {
  const data = revision.data as { spec?: { template?: PodTemplateSpec & { $patch?: string } } } | undefined;
  if (data?.spec?.template === undefined) return set.spec.template;
  const { $patch: _, ...template } = data.spec.template;
  return template;
}

/** The pod of an ordinal as a revision has it: its name, DNS name and volumes stay the same for ever. */
export function podOf(set: StatefulSet, ordinal: number, revision: ControllerRevision): Pod {
  const pod = podFromTemplate(templateOf(set, revision), { type: statefulsets, object: set });
  const name = `${set.metadata.name}-${ordinal}`;
  const { metadata } = pod;
  const labels = {
    ...metadata.labels,
    [POD_NAME_LABEL]: name,
    [POD_INDEX_LABEL]: String(ordinal),
    [REVISION_LABEL]: revision.metadata.name ?? '',
  };
  const subdomain = set.spec.serviceName;
  const spec = { ...pod.spec, hostname: name, ...(subdomain ? { subdomain } : {}) };
  return { ...pod, metadata: { ...metadata, name, labels }, spec: { ...spec, volumes: volumesOf(set, ordinal, pod) } };
}

function volumesOf(set: StatefulSet, ordinal: number, pod: Pod): Pod['spec']['volumes'] {
  const claims = (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    name: template.metadata.name ?? '',
    persistentVolumeClaim: { claimName: claimNameOf(set, template, ordinal), readOnly: false },
  }));
  const names = new Set(claims.map((claim) => claim.name));
  return [...claims, ...(pod.spec.volumes ?? []).filter((volume) => !names.has(volume.name))];
}

/** Whether a pod still carries the labels and volumes of its place. */
export function hasIdentity(set: StatefulSet, pod: Pod): boolean {
  const ordinal = ordinalOf(set, pod);
  const labels = pod.metadata.labels ?? {};
  if (labels[POD_NAME_LABEL] !== pod.metadata.name) return false;
  return (set.spec.volumeClaimTemplates ?? []).every((template) =>
    pod.spec.volumes?.some(
      (volume) =>
        volume.name === template.metadata.name &&
        volume.persistentVolumeClaim?.claimName === claimNameOf(set, template, ordinal),
    ),
  );
}

/** The pod with the labels of its place put back. Volumes of a pod cannot change. */
export function withIdentity(set: StatefulSet, pod: Pod): Pod {
  const place = { [POD_NAME_LABEL]: pod.metadata.name ?? '', [POD_INDEX_LABEL]: String(ordinalOf(set, pod)) };
  return { ...pod, metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, ...place } } };
}

/** The claims that a pod of this ordinal mounts. */
export function claimsOf(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    ...structuredClone(template),
    metadata: {
      ...template.metadata,
      name: claimNameOf(set, template, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...template.metadata.labels, ...set.spec.selector.matchLabels },
    },
  }));
}
