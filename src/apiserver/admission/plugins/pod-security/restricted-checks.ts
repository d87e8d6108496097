import type { Volume } from '../../../../generated/api/core/v1.ts';
import { isFineSeccomp, seccompProfile } from './baseline-checks.ts';
import { type Check, containersText, namesOf, plural, quoteAll, settersOf, sorted } from './finding.ts';

// Source: pod-security-admission `policy/check_*.go`, the checks of level `restricted`.

/** Pods of Windows cannot set what the check asks for. */
export function butNotOnWindows(check: Check): Check {
  return (pod) => (pod.spec.os?.name === 'windows' ? undefined : check(pod));
}

/** Inside a user namespace, root is nobody outside. */
export function butNotInUserNamespaces(check: Check): Check {
  return (pod) => (pod.spec.hostUsers === false ? undefined : check(pod));
}

export const allowPrivilegeEscalation: Check = ({ spec }) => {
  const containers = namesOf(spec, ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false);
  if (containers.length === 0) return undefined;
  return {
    reason: 'allowPrivilegeEscalation != false',
    detail: `${containersText(containers)} must set securityContext.allowPrivilegeEscalation=false`,
  };
};

export const restrictedCapabilities: Check = ({ spec }) => {
  const added = new Set<string>();
  const keeping = namesOf(spec, ({ securityContext }) => !securityContext?.capabilities?.drop?.includes('ALL'));
  const adding = namesOf(spec, ({ securityContext }) => {
    const bad = (securityContext?.capabilities?.add ?? []).filter((name) => name !== 'NET_BIND_SERVICE');
    for (const name of bad) added.add(name);
    return bad.length > 0;
  });
  const details = [
    ...(keeping.length === 0 ? [] : [`${containersText(keeping)} must set securityContext.capabilities.drop=["ALL"]`]),
    ...(adding.length === 0
      ? []
      : [`${containersText(adding)} must not include ${quoteAll(sorted(added))} in securityContext.capabilities.add`]),
  ];
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') };
};

const allowedVolumes: readonly (keyof Volume)[] = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
];
const forbiddenVolumes: readonly (keyof Volume)[] = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'gitRepo',
  'nfs',
  'iscsi',
  'glusterfs',
  'rbd',
  'flexVolume',
  'cinder',
  'cephfs',
  'flocker',
  'fc',
  'azureFile',
  'vsphereVolume',
  'quobyte',
  'azureDisk',
  'photonPersistentDisk',
  'portworxVolume',
  'scaleIO',
  'storageos',
];

export const restrictedVolumes: Check = ({ spec }) => {
  const bad = (spec.volumes ?? []).filter((volume) => !allowedVolumes.some((field) => volume[field] !== undefined));
  if (bad.length === 0) return undefined;
  const types = new Set<string>(
    bad.map((volume) => forbiddenVolumes.find((field) => volume[field] !== undefined) ?? 'unknown'),
  );
  const names = quoteAll(bad.map(({ name }) => name));
  const verb = plural(bad.length, 'uses', 'use');
  const what = `${plural(types.size, 'restricted volume type')} ${quoteAll(sorted(types))}`;
  return {
    reason: 'restricted volume types',
    detail: `${plural(bad.length, 'volume')} ${names} ${verb} ${what}`,
  };
};

export const runAsNonRoot: Check = ({ spec }) => {
  const reason = 'runAsNonRoot != true';
  const wholePod = spec.securityContext?.runAsNonRoot;
  const setters = settersOf(
    wholePod === false,
    namesOf(spec, ({ securityContext }) => securityContext?.runAsNonRoot === false),
  );
  if (setters.length > 0) {
    return { reason, detail: `${setters.join(' and ')} must not set securityContext.runAsNonRoot=false` };
  }
  const silent = namesOf(spec, ({ securityContext }) => securityContext?.runAsNonRoot === undefined);
  if (wholePod === true || silent.length === 0) return undefined;
  return { reason, detail: `pod or ${containersText(silent)} must set securityContext.runAsNonRoot=true` };
};

export const runAsUser: Check = ({ spec }) => {
  const setters = settersOf(
    spec.securityContext?.runAsUser === 0,
    namesOf(spec, ({ securityContext }) => securityContext?.runAsUser === 0),
  );
  if (setters.length === 0) return undefined;
  return { reason: 'runAsUser=0', detail: `${setters.join(' and ')} must not set runAsUser=0` };
};

export const requiredSeccompProfile: Check = (pod) => {
  const wrong = seccompProfile(pod);
  if (wrong !== undefined) return wrong;
  const wholePod = pod.spec.securityContext?.seccompProfile?.type;
  const silent = namesOf(pod.spec, ({ securityContext }) => securityContext?.seccompProfile === undefined);
  if ((wholePod !== undefined && isFineSeccomp(wholePod)) || silent.length === 0) return undefined;
  return {
    reason: 'seccompProfile',
    detail: `pod or ${containersText(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  };
};
