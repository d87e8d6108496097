import type { PodDNSConfig, PodResourceClaim, PodSpec } from '../../../generated/api/core/v1.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkIp } from '../../checks/ip-addresses.ts';
import { checkLabels } from '../../checks/labels.ts';
import {
  checkDnsLabel,
  checkDnsSubdomain,
  checkQualifiedName,
  checkSubdomainWithUnderscore,
  objectNameFaults,
} from '../../checks/names.ts';
import { checkAffinity } from './affinity.ts';
import { checkContainers, checkEphemeralContainers, checkInitContainers } from './containers.ts';
import type { PodSpecOptions } from './pod-spec-options.ts';
import { checkContainerResources, checkPodResources } from './resources.ts';
import { checkPodSecurity } from './security-context.ts';
import { checkTolerations } from './tolerations.ts';
import { checkTopologySpread } from './topology-spread.ts';
import { checkVolumes } from './volumes.ts';
import { checkHostProcesses, checkOs, visitContainers } from './windows.ts';

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const MAX_DEADLINE_SECONDS = 2 ** 31 - 1;

/** The spec of a pod or of a template of pods, defaults filled in. Source: core/validation (ValidatePodSpec). */
export function checkPodSpec(spec: PodSpec, path: string, faults: FieldFaults, options: PodSpecOptions): void {
  if (spec.terminationGracePeriodSeconds === undefined) faults.required(`${path}.terminationGracePeriodSeconds`);
  const volumes = checkVolumes(spec.volumes, `${path}.volumes`, faults, options);
  const claimNames = new Set((spec.resourceClaims ?? []).map(({ name }) => name).filter(Boolean));
  checkResourceClaims(spec.resourceClaims, `${path}.resourceClaims`, faults, options);
  const scope = { spec, volumes, claimNames };
  checkContainers(scope, `${path}.containers`, faults);
  checkInitContainers(scope, `${path}.initContainers`, faults);
  checkEphemeralContainers(scope, `${path}.ephemeralContainers`, faults);
  checkPodResources(spec, claimNames, path, faults);
  checkHostNetworkPorts(spec, `${path}.containers`, faults, options);
  faults.oneOf(`${path}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES);
  faults.oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES);
  checkLabels(spec.nodeSelector, `${path}.nodeSelector`, faults);
  checkPodSecurity(spec, `${path}.securityContext`, faults);
  checkAffinity(spec.affinity, `${path}.affinity`, faults);
  checkDnsConfig(spec, `${path}.dnsConfig`, faults);
  spec.readinessGates?.forEach(({ conditionType }, index) => {
    checkQualifiedName(`${path}.readinessGates[${index}].conditionType`, conditionType ?? '', faults);
  });
  checkSchedulingGates(spec, `${path}.schedulingGates`, faults);
  checkTopologySpread(spec.topologySpreadConstraints, `${path}.topologySpreadConstraints`, faults);
  checkHostProcesses(spec, path, faults);
  checkHostUsers(spec, path, faults);
  checkHostnameOverride(spec, path, faults);
  checkPlainFields(spec, path, faults);
  if (spec.overhead) checkContainerResources({ limits: spec.overhead }, new Set(), `${path}.overhead`, faults);
  checkOs(spec, path, faults);
  checkSchedulingGroup(spec, `${path}.schedulingGroup`, faults);
  checkEnvFiles(spec, path, faults);
}

function checkPlainFields(spec: PodSpec, path: string, faults: FieldFaults): void {
  const names = ['serviceAccountName', 'nodeName'] as const;
  for (const field of names) {
    const value = spec[field];
    if (value) faults.invalidFor(`${path}.${field}`, value, objectNameFaults(value));
  }
  const { activeDeadlineSeconds: deadline } = spec;
  if (deadline !== undefined && (deadline < 1 || deadline > MAX_DEADLINE_SECONDS)) {
    const why = `must be between 1 and ${MAX_DEADLINE_SECONDS}, inclusive`;
    faults.invalid(`${path}.activeDeadlineSeconds`, deadline, why);
  }
  if (spec.hostname) checkDnsLabel(`${path}.hostname`, spec.hostname, faults);
  if (spec.subdomain) checkDnsLabel(`${path}.subdomain`, spec.subdomain, faults);
  checkTolerations(spec.tolerations, `${path}.tolerations`, faults);
  spec.hostAliases?.forEach(({ ip, hostnames }, index) => {
    checkIp(`${path}.hostAliases[${index}].ip`, ip ?? '', faults);
    hostnames?.forEach((name, position) => {
      checkDnsSubdomain(`${path}.hostAliases[${index}].hostnames[${position}]`, name, faults);
    });
  });
  const { priorityClassName, runtimeClassName, preemptionPolicy } = spec;
  if (priorityClassName)
    faults.invalidFor(`${path}.priorityClassName`, priorityClassName, objectNameFaults(priorityClassName));
  if (runtimeClassName !== undefined)
    faults.invalidFor(`${path}.runtimeClassName`, runtimeClassName, objectNameFaults(runtimeClassName));
  if (preemptionPolicy !== undefined)
    faults.oneOf(`${path}.preemptionPolicy`, preemptionPolicy, ['PreemptLowerPriority', 'Never']);
}

function checkResourceClaims(
  claims: readonly PodResourceClaim[] | undefined,
  path: string,
  faults: FieldFaults,
  { annotations }: PodSpecOptions,
): void {
  const names = new Set<string>();
  claims?.forEach((claim, index) => {
    const at = `${path}[${index}]`;
    if (annotations?.['kubernetes.io/config.mirror'] !== undefined) {
      faults.forbidden('', 'static pods do not support resource claims');
      return;
    }
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    if (!name) faults.required(`${at}.name`);
    else if (names.has(name)) faults.duplicate(`${at}.name`, name);
    else {
      checkDnsLabel(`${at}.name`, name, faults);
      names.add(name);
    }
    const shown = (): unknown => toGoView(claim, 'core/v1.PodResourceClaim');
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      const why = 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified';
      faults.invalid(at, shown(), why);
    }
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined)
      faults.invalid(at, shown(), 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`');
    for (const field of ['resourceClaimName', 'resourceClaimTemplateName'] as const) {
      const value = claim[field];
      if (value !== undefined) faults.invalidFor(`${at}.${field}`, value, objectNameFaults(value));
    }
  });
}

function checkHostNetworkPorts(spec: PodSpec, path: string, faults: FieldFaults, { isPod }: PodSpecOptions): void {
  if (!spec.hostNetwork) return;
  spec.containers?.forEach(({ ports }, index) => {
    ports?.forEach(({ hostPort = 0, containerPort = 0 }, position) => {
      if ((!isPod && hostPort === 0) || hostPort === containerPort) return;
      const at = `${path}[${index}].ports[${position}].hostPort`;
      faults.invalid(at, hostPort, 'must match `containerPort` when `hostNetwork` is true');
    });
  });
}

function checkDnsConfig({ dnsConfig, dnsPolicy }: PodSpec, path: string, faults: FieldFaults): void {
  if (dnsPolicy === 'None') {
    if (!dnsConfig) return faults.required(path, 'must provide `dnsConfig` when `dnsPolicy` is None');
    if ((dnsConfig.nameservers ?? []).length === 0) {
      const why = 'must provide at least one DNS nameserver when `dnsPolicy` is None';
      return faults.required(`${path}.nameservers`, why);
    }
  }
  if (dnsConfig) checkResolver(dnsConfig, path, faults);
}

function checkResolver({ nameservers = [], searches = [], options }: PodDNSConfig, path: string, faults: FieldFaults) {
  if (nameservers.length > 3)
    faults.invalid(`${path}.nameservers`, nameservers, 'must not have more than 3 nameservers');
  nameservers.forEach((server, index) => {
    checkIp(`${path}.nameservers[${index}]`, server, faults);
  });
  if (searches.length > 32) faults.invalid(`${path}.searches`, searches, 'must not have more than 32 search paths');
  if (searches.join(' ').length > 2048) {
    const why = 'must not have more than 2048 characters (including spaces) in the search list';
    faults.invalid(`${path}.searches`, searches, why);
  }
  searches.forEach((search, index) => {
    if (search !== '.') checkSubdomainWithUnderscore(`${path}.searches[${index}]`, search.replace(/\.$/, ''), faults);
  });
  options?.forEach(({ name }, index) => {
    if (!name) faults.required(`${path}.options[${index}]`, 'must not be empty');
  });
}

function checkSchedulingGates({ schedulingGates }: PodSpec, path: string, faults: FieldFaults): void {
  const names = new Set<string>();
  schedulingGates?.forEach(({ name = '' }, index) => {
    checkQualifiedName(`${path}[${index}]`, name, faults);
    if (names.has(name)) faults.duplicate(`${path}[${index}]`, name);
    names.add(name);
  });
}

/** What a pod with users of its own may not share with the host. */
function checkHostUsers(spec: PodSpec, path: string, faults: FieldFaults): void {
  if (spec.hostUsers !== false) return;
  const why = 'when `hostUsers` is false';
  if (spec.hostNetwork) faults.forbidden(`${path}.hostNetwork`, why);
  if (spec.hostPID) faults.forbidden(`${path}.HostPID`, why);
  if (spec.hostIPC) faults.forbidden(`${path}.HostIPC`, why);
  visitContainers(spec, path, ({ volumeDevices = [] }, at) => {
    if (volumeDevices.length > 0) faults.forbidden(`${at}.volumeDevices`, why);
  });
}

function checkHostnameOverride(spec: PodSpec, path: string, faults: FieldFaults): void {
  const { hostnameOverride: name } = spec;
  if (name === undefined) return;
  const at = `${path}.hostnameOverride`;
  if (spec.setHostnameAsFQDN) faults.forbidden(at, 'may not be specified when setHostnameAsFQDN is true');
  if (spec.hostNetwork) faults.forbidden(at, 'may not be specified when hostNetwork is true');
  if (name.length > 64) faults.tooLong(at, 64);
  checkDnsSubdomain(at, name, faults);
}

function checkSchedulingGroup({ schedulingGroup }: PodSpec, path: string, faults: FieldFaults): void {
  if (!schedulingGroup) return;
  const { podGroupName: name } = schedulingGroup;
  const at = `${path}.podGroupName`;
  if (name === undefined) faults.invalid(at, null, 'must specify one of: `podGroupName`');
  else faults.invalidFor(at, name, objectNameFaults(name));
}

/** Files of variables lie in volumes of the pod's own. */
function checkEnvFiles(spec: PodSpec, path: string, faults: FieldFaults): void {
  visitContainers(spec, path, ({ env }, at) => {
    env?.forEach(({ valueFrom }, index) => {
      if (!valueFrom?.fileKeyRef) return;
      const { volumeName: name = '' } = valueFrom.fileKeyRef;
      const field = `${at}.env[${index}].valueFrom.fileKeyRef.volumeName`;
      const volume = spec.volumes?.find((other) => other.name === name);
      if (!volume) faults.notFound(field, name);
      else if (!volume.emptyDir) faults.invalid(field, name, 'referenced volume must be of type emptyDir');
    });
  });
}
