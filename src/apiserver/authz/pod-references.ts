import type { Pod } from '../../generated/api/core/v1.ts';
import { secretReferences } from '../admission/plugins/secret-references.ts';

/** What a pod names in its own namespace: its node may read these. */
export interface PodReferences {
  readonly serviceAccount: string;
  readonly secrets: ReadonlySet<string>;
  readonly configMaps: ReadonlySet<string>;
  readonly claims: ReadonlySet<string>;
  readonly resourceClaims: ReadonlySet<string>;
}

const none: PodReferences = {
  serviceAccount: '',
  secrets: new Set(),
  configMaps: new Set(),
  claims: new Set(),
  resourceClaims: new Set(),
};

/** Source: `plugin/pkg/auth/authorizer/node/graph.go` (AddPod). */
export function podReferences(pod: Pod): PodReferences {
  // A node makes mirror pods itself: what they name must not give it anything.
  if (pod.metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined) return none;
  const claims = new Set<string>();
  for (const volume of pod.spec?.volumes ?? []) {
    if (volume.persistentVolumeClaim?.claimName) claims.add(volume.persistentVolumeClaim.claimName);
    else if (volume.ephemeral) claims.add(`${pod.metadata?.name}-${volume.name}`);
  }
  return {
    serviceAccount: pod.spec?.serviceAccountName ?? '',
    secrets: new Set(secretReferences(pod).map(({ name }) => name)),
    configMaps: configMapNames(pod),
    claims,
    resourceClaims: resourceClaimNames(pod),
  };
}

/** Source: `pkg/api/v1/pod/util.go` (VisitPodConfigmapNames). */
function configMapNames(pod: Pod): ReadonlySet<string> {
  const names = new Set<string | undefined>();
  const { initContainers = [], containers = [], ephemeralContainers = [], volumes = [] } = pod.spec ?? {};
  for (const container of [...initContainers, ...containers, ...ephemeralContainers]) {
    for (const source of container.envFrom ?? []) names.add(source.configMapRef?.name);
    for (const variable of container.env ?? []) names.add(variable.valueFrom?.configMapKeyRef?.name);
  }
  for (const volume of volumes) {
    names.add(volume.configMap?.name);
    for (const source of volume.projected?.sources ?? []) names.add(source.configMap?.name);
  }
  return withoutEmpty(names);
}

function resourceClaimNames(pod: Pod): ReadonlySet<string> {
  const names = new Set<string | undefined>();
  const made = pod.status?.resourceClaimStatuses ?? [];
  for (const claim of pod.spec?.resourceClaims ?? []) {
    names.add(claim.resourceClaimName);
    if (!claim.resourceClaimTemplateName) continue;
    names.add(made.find(({ name }) => name === claim.name)?.resourceClaimName);
  }
  names.add(pod.status?.extendedResourceClaimStatus?.resourceClaimName);
  return withoutEmpty(names);
}

function withoutEmpty(names: ReadonlySet<string | undefined>): ReadonlySet<string> {
  return new Set([...names].filter((name): name is string => name !== undefined && name !== ''));
}
