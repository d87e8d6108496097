import type {
  Container,
  ContainerPort,
  NodeSelectorTerm,
  PodAffinityTerm,
  PodSpec,
  PodTemplateSpec,
} from '../../../generated/api/core/v1.ts';
import type { ObjectMeta } from '../../../generated/api/meta/v1.ts';
import { labelValueFaults } from '../../../machinery/values/names.ts';
import { parseQuantity } from '../../../machinery/values/quantity.ts';
import { ipWarnings } from '../../checks/ip-addresses.ts';
import { isSame } from '../../checks/same.ts';
import { claimSpecWarnings } from '../persistent-volume-claim/warnings.ts';
import { APP_ARMOR, SECCOMP_CONTAINER, SECCOMP_POD } from './annotations.ts';
import { appArmorFieldOf } from './app-armor.ts';
import { overlapWarnings } from './overlapping-paths.ts';
import { visitContainers } from './windows.ts';

/** Source of all: pkg/api/pod/warnings.go; labels: pkg/api/node/util.go. */

/** Labels of nodes that have newer names, and what to say of each. */
export const deprecatedLabels: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  'app.kubernetes.io/created-by': 'deprecated since v1.9',
  'scheduler.alpha.kubernetes.io/preferAvoidPods': 'deprecated since v1.22; use Taints and Tolerations instead',
  'node-role.kubernetes.io/master': 'use "node-role.kubernetes.io/control-plane" instead',
};

const deprecatedAnnotations: readonly (readonly [key: string, text: string])[] = [
  ['scheduler.alpha.kubernetes.io/critical-pod', 'non-functional in v1.16+; use the "priorityClassName" field instead'],
  ['security.alpha.kubernetes.io/sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
  ['security.alpha.kubernetes.io/unsafe-sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
];

const deprecatedVolumes: readonly (readonly [field: string, text: string, shown?: string])[] = [
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+', 'storageOS'],
  ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
];

/** The warnings of a template. @param path - Where it stands, such as `spec.template`. */
export function templateWarnings(template: PodTemplateSpec | undefined, path: string): string[] {
  if (!template?.spec) return [];
  return podSpecWarnings(template.spec, template.metadata ?? {}, `${path}.`);
}

/** @param prefix - Empty for a pod; for a template its path and a dot. */
export function podSpecWarnings(spec: PodSpec, metadata: ObjectMeta, prefix: string): string[] {
  const warnings: string[] = [];
  const path = `${prefix}spec`;
  warnPlacement(spec, path, warnings);
  for (const [key, text] of deprecatedAnnotations)
    if (metadata.annotations?.[key] !== undefined) warnings.push(`${prefix}metadata.annotations[${key}]: ${text}`);
  warnVolumes(spec, path, warnings);
  warnDuplicates(spec.hostAliases, 'ip', `${path}.hostAliases`, warnings);
  warnDuplicates(spec.imagePullSecrets, 'name', `${path}.imagePullSecrets`, warnings);
  spec.imagePullSecrets?.forEach(({ name }, index) => {
    if (!name) warnings.push(`${path}.imagePullSecrets[${index}].name: invalid empty name ""`);
  });
  warnFractions(spec.overhead, `${path}.overhead`, warnings);
  warnContainers(spec, metadata, prefix, warnings);
  warnPorts(spec, path, warnings);
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0)
    warnings.push(
      `${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
    );
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    const affinity = spec.affinity?.[kind];
    const at = `${path}.affinity.${kind}`;
    affinity?.requiredDuringSchedulingIgnoredDuringExecution?.forEach((term, index) => {
      warnSelector(term, `${at}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`, warnings);
    });
    affinity?.preferredDuringSchedulingIgnoredDuringExecution?.forEach(({ podAffinityTerm }, index) => {
      const term = `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm`;
      warnSelector(podAffinityTerm, term, warnings);
    });
  }
  spec.dnsConfig?.nameservers?.forEach((server, index) => {
    warnings.push(...ipWarnings(`${path}.dnsConfig.nameservers[${index}]`, server));
  });
  spec.hostAliases?.forEach(({ ip }, index) => {
    warnings.push(...ipWarnings(`${path}.hostAliases[${index}].ip`, ip ?? ''));
  });
  return warnings;
}

const NO_POD = 'a null labelSelector results in matching no pod';

function warnSelector(term: PodAffinityTerm | undefined, path: string, warnings: string[]): void {
  if (!term?.labelSelector) warnings.push(`${path}.labelSelector: ${NO_POD}`);
}

function warnPlacement(spec: PodSpec, path: string, warnings: string[]): void {
  for (const key in spec.nodeSelector) {
    const text = deprecatedLabels[key];
    if (text !== undefined) warnings.push(`${path}.nodeSelector[${key}]: ${text}`);
  }
  const affinity = spec.affinity?.nodeAffinity;
  const at = `${path}.affinity.nodeAffinity`;
  affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms?.forEach((term, index) => {
    const where = `${at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${index}]`;
    warnTerm(term, where, { checksValues: false }, warnings);
  });
  affinity?.preferredDuringSchedulingIgnoredDuringExecution?.forEach(({ preference }, index) => {
    const where = `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}].preference`;
    warnTerm(preference ?? {}, where, { checksValues: true }, warnings);
  });
  spec.topologySpreadConstraints?.forEach(({ topologyKey, labelSelector }, index) => {
    const where = `${path}.topologySpreadConstraints[${index}]`;
    const text = deprecatedLabels[topologyKey ?? ''];
    if (text !== undefined) warnings.push(`${where}.topologyKey: ${topologyKey} is ${text}`);
    if (!labelSelector) warnings.push(`${where}.labelSelector: ${NO_POD}`);
  });
}

/** The same for a term that does not stand in a pod. */
export function nodeTermWarnings(term: NodeSelectorTerm, path: string): string[] {
  const warnings: string[] = [];
  warnTerm(term, path, { checksValues: false }, warnings);
  return warnings;
}

/** Source: pkg/api/node/util.go (GetWarningsForNodeSelectorTerm). */
function warnTerm(
  { matchExpressions }: NodeSelectorTerm,
  path: string,
  options: { readonly checksValues: boolean },
  warnings: string[],
): void {
  matchExpressions?.forEach(({ key, values }, index) => {
    const at = `${path}.matchExpressions[${index}]`;
    const text = deprecatedLabels[key];
    if (text !== undefined) warnings.push(`${at}.key: ${key} is ${text}`);
    if (!options.checksValues) return;
    values?.forEach((value, position) => {
      for (const fault of labelValueFaults(value))
        warnings.push(`${at}.values[${position}]: ${value} is invalid, ${fault}`);
    });
  });
}

function warnVolumes({ volumes }: PodSpec, path: string, warnings: string[]): void {
  volumes?.forEach((volume, index) => {
    for (const [field, text, shown = field] of deprecatedVolumes)
      if (Reflect.get(volume, field)) warnings.push(`${path}.volumes[${index}].${shown}: ${text}`);
    const claim = volume.ephemeral?.volumeClaimTemplate?.spec;
    if (claim)
      warnings.push(...claimSpecWarnings(claim, `${path}.volumes[${index}].ephemeral.volumeClaimTemplate.spec`));
  });
  warnings.push(...overlapWarnings(volumes ?? []));
}

function warnDuplicates(
  list: readonly object[] | undefined,
  field: 'ip' | 'name',
  path: string,
  warnings: string[],
): void {
  if (!list || list.length < 2) return;
  const seen = new Set<string>();
  list.forEach((item, index) => {
    const value: string = Reflect.get(item, field) ?? '';
    if (seen.has(value)) warnings.push(`${path}[${index}].${field}: duplicate ${field} ${JSON.stringify(value)}`);
    seen.add(value);
  });
}

/** Bytes come whole. */
function warnFractions(
  amounts: Readonly<Record<string, string>> | undefined,
  path: string,
  warnings: string[],
  names: readonly string[] = ['memory', 'ephemeral-storage'],
): void {
  for (const name of names) {
    const amount = amounts?.[name];
    if (amount !== undefined && parseQuantity(amount).toMillis() % 1000 !== 0)
      warnings.push(`${path}[${name}]: fractional byte value "${amount}" is invalid, must be an integer`);
  }
}

function warnContainers(spec: PodSpec, { annotations }: ObjectMeta, prefix: string, warnings: string[]): void {
  const seccomp = 'non-functional in v1.27+; use the "seccompProfile" field instead';
  if (!spec.securityContext?.seccompProfile && annotations?.[SECCOMP_POD] !== undefined)
    warnings.push(`${prefix}metadata.annotations[${SECCOMP_POD}]: ${seccomp}`);
  visitContainers(spec, `${prefix}spec`, (container, path) => {
    const { name, securityContext, resources } = container;
    const key = SECCOMP_CONTAINER + name;
    if (!securityContext?.seccompProfile && annotations?.[key] !== undefined)
      warnings.push(`${prefix}metadata.annotations[${key}]: ${seccomp}`);
    const armor = annotations?.[APP_ARMOR + name];
    const isSaid = isSame(appArmorFieldOf(armor ?? ''), spec.securityContext?.appArmorProfile);
    if (prefix !== '' && armor !== undefined && !securityContext?.appArmorProfile && !isSaid) {
      const text = 'deprecated since v1.30; use the "appArmorProfile" field instead';
      warnings.push(`${prefix}metadata.annotations[${APP_ARMOR}${name}]: ${text}`);
    }
    for (const what of ['memory', 'ephemeral-storage'])
      for (const list of ['limits', 'requests'] as const)
        warnFractions(resources?.[list], `${path}.resources.${list}`, warnings, [what]);
    warnEnv(container, path, warnings);
  });
}

/** A variable that is set twice is fine only where the later one builds on the former. */
function warnEnv({ env }: Container, path: string, warnings: string[]): void {
  const seen = new Set<string>();
  env?.forEach(({ name, value = '', valueFrom }, index) => {
    const reference = `$(${name})`;
    const hides = valueFrom !== undefined || value === reference || !value.includes(reference);
    if (seen.has(name) && hides)
      warnings.push(
        `${path}.env[${index}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`,
      );
    seen.add(name);
  });
}

function warnPorts(spec: PodSpec, path: string, warnings: string[]): void {
  const known = new Map<string, { readonly at: string; readonly port: ContainerPort }[]>();
  visitContainers(spec, path, ({ ports }, container) => {
    ports?.forEach((port, index) => {
      const at = `${container}.ports[${index}]`;
      const { name = '', hostIP = '', hostPort = 0, containerPort = 0, protocol = '' } = port;
      if (hostIP !== '' && hostPort === 0) {
        const shown = `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
        warnings.push(`${at}: hostIP set without hostPort: ${shown}`);
      }
      const key = `${containerPort}/${protocol}`;
      const others = known.get(key) ?? [];
      for (const other of others) {
        const { hostIP: otherIp = '', hostPort: otherPort = 0 } = other.port;
        if (hostIP === otherIp && hostPort === otherPort)
          warnings.push(`${at}: duplicate port definition with ${other.at}`);
        else if (hostPort === 0 || otherPort === 0)
          warnings.push(`${at}: overlapping port definition with ${other.at}`);
        else if (hostPort === otherPort && (hostIP === '') !== (otherIp === ''))
          warnings.push(`${at}: dangerously ambiguous port definition with ${other.at}`);
      }
      known.set(key, [...others, { at, port }]);
    });
  });
  const names = new Map<string, string>();
  visitContainers(spec, path, ({ ports }, container) => {
    ports?.forEach(({ name }, index) => {
      if (!name) return;
      const at = `${container}.ports[${index}]`;
      const other = names.get(name);
      if (other === undefined) names.set(name, at);
      else
        warnings.push(
          `${at}: duplicate port name ${JSON.stringify(name)} with ${other}, services and probes that select ports by name will use ${other}`,
        );
    });
  });
}
