import type { EnvFromSource, EnvVar, Pod } from '../../../generated/api/core/v1.ts';

/** A place in a pod that names a Secret. */
export interface SecretReference {
  /** The place, as messages say it. */
  readonly where: string;
  readonly name: string;
}

/** Every Secret that a pod names. Source: `pkg/api/pod/util.go` (VisitPodSecretNames). */
export function secretReferences(pod: Pod): readonly SecretReference[] {
  const spec = pod.spec;
  if (spec === undefined) return [];
  const found: SecretReference[] = [];
  const add = (where: string, name: string | undefined): void => {
    if (name) found.push({ where, name });
  };
  for (const secret of spec.imagePullSecrets ?? []) add('imagePullSecrets', secret.name);
  const groups = [
    { title: 'init container', containers: spec.initContainers ?? [] },
    { title: 'container', containers: spec.containers ?? [] },
    { title: 'ephemeral container', containers: spec.ephemeralContainers ?? [] },
  ];
  for (const { title, containers } of groups) {
    for (const container of containers) addContainer(`${title} ${container.name}`, container, add);
  }
  for (const volume of spec.volumes ?? []) {
    add('volume with', volume.secret?.secretName);
    add('volume with', volume.azureFile?.secretName);
    for (const source of volume.projected?.sources ?? []) add('volume with', source.secret?.name);
    const reference =
      volume.cephfs?.secretRef ?? volume.rbd?.secretRef ?? volume.flexVolume?.secretRef ?? volume.iscsi?.secretRef;
    add('volume with', reference?.name ?? volume.csi?.nodePublishSecretRef?.name ?? volume.scaleIO?.secretRef?.name);
    add('volume with', volume.storageos?.secretRef?.name);
  }
  return found;
}

function addContainer(
  title: string,
  container: { readonly env?: EnvVar[] | undefined; readonly envFrom?: EnvFromSource[] | undefined },
  add: (where: string, name: string | undefined) => void,
): void {
  for (const variable of container.env ?? []) {
    add(`${title} with envVar ${variable.name} referencing`, variable.valueFrom?.secretKeyRef?.name);
  }
  for (const source of container.envFrom ?? []) add(`${title} with envFrom referencing`, source.secretRef?.name);
}
