import type { Container, ContainerStatus, Pod, PodSpec, PodStatus } from '../../../generated/api/core/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { areDualStack, checkIp, familyOf } from '../../checks/ip-addresses.ts';
import { checkDnsLabel, checkQualifiedName, objectNameFaults } from '../../checks/names.ts';
import { checkAllocatedResources } from './allocated-resources.ts';
import { checkAnnotationUpdates } from './update-validation.ts';

/** Source: core/validation (ValidatePodStatusUpdate). */
export function validatePodStatus(next: Pod, previous: Pod): readonly FieldError[] {
  const faults = new FieldFaults();
  checkAnnotationUpdates(next, previous, faults);
  const status = next.status ?? {};
  const before = previous.status ?? {};
  checkConditions(status, faults);
  if ((next.spec.nodeName ?? '') !== (previous.spec.nodeName ?? ''))
    faults.forbidden('status.nodeName', 'may not be changed directly');
  checkNomination(status, before, previous.spec, faults);
  if ((status.observedGeneration ?? 0) < 0)
    faults.invalid('status.observedGeneration', status.observedGeneration, 'must be a non-negative integer');
  if ((status.qosClass ?? '') !== (before.qosClass ?? ''))
    faults.invalid('status.qosClass', status.qosClass ?? '', 'field is immutable');
  const { spec } = previous;
  checkTransitions(status.containerStatuses, before.containerStatuses, spec, 'containers', faults);
  checkTransitions(status.initContainerStatuses, before.initContainerStatuses, spec, 'initContainers', faults);
  checkEphemeralTransitions(status, before, faults);
  checkClaimStatuses(next, faults);
  checkExtendedClaim(next, faults);
  checkAddresses(status, before, faults);
  checkUsers(status, next.spec, faults);
  checkAllocatedResources(next, faults);
  return faults.list;
}

const SYSTEM_CONDITIONS = new Set(['PodScheduled', 'Ready', 'Initialized']);

function checkConditions({ conditions }: PodStatus, faults: FieldFaults): void {
  conditions?.forEach(({ type, observedGeneration = 0 }, index) => {
    const at = `status.conditions[${index}]`;
    if (observedGeneration < 0)
      faults.invalid(`${at}.observedGeneration`, observedGeneration, 'must be a non-negative integer');
    if (!SYSTEM_CONDITIONS.has(type)) checkQualifiedName(`${at}.Type`, type ?? '', faults);
  });
}

function checkNomination(status: PodStatus, before: PodStatus, spec: PodSpec, faults: FieldFaults): void {
  const { nominatedNodeName: name } = status;
  if (!name || name === before.nominatedNodeName) return;
  faults.invalidFor('status.nominatedNodeName', name, objectNameFaults(name));
  if (spec.nodeName)
    faults.forbidden('status.nominatedNodeName', 'may not be set on pods that are already bound to a node');
}

const isRestartAllRule = ({ restartPolicyRules }: Container): boolean =>
  restartPolicyRules?.some(({ action }) => action === 'RestartAllContainers') ?? false;

/** Whether a container that ended with `exitCode` is started again. Source: pkg/api/v1/pod/util.go (ContainerShouldRestart). */
function restarts(container: Container | undefined, spec: PodSpec, exitCode: number): boolean {
  if (container === undefined) return false;
  for (const { exitCodes } of container.restartPolicyRules ?? []) {
    const listed = exitCodes?.values?.includes(exitCode) ?? false;
    if (exitCodes?.operator === 'In' ? listed : exitCodes?.operator === 'NotIn' && !listed) return true;
  }
  const policy = container.restartPolicy ?? spec.restartPolicy;
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

/** A container that is done for good stays so. */
function checkTransitions(
  next: readonly ContainerStatus[] | undefined,
  previous: readonly ContainerStatus[] | undefined,
  spec: PodSpec,
  kind: 'containers' | 'initContainers',
  faults: FieldFaults,
): void {
  const all = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  if (all.some(isRestartAllRule)) return;
  const field = kind === 'containers' ? 'containerStatuses' : 'initContainerStatuses';
  previous?.forEach(({ name, state }, index) => {
    if (!state?.terminated) return;
    const now = next?.find((other) => other.name === name);
    if (!now || now.state?.terminated) return;
    const container = spec[kind]?.find((other) => other.name === name);
    if (!restarts(container, spec, state.terminated.exitCode ?? 0))
      faults.forbidden(`status.${field}[${index}].state`, 'may not be transitioned to non-terminated state');
  });
}

function checkEphemeralTransitions(status: PodStatus, before: PodStatus, faults: FieldFaults): void {
  before.ephemeralContainerStatuses?.forEach(({ name, state }, index) => {
    if (!state?.terminated) return;
    const now = status.ephemeralContainerStatuses?.find((other) => other.name === name);
    if (now && !now.state?.terminated) {
      const at = `status.ephemeralContainerStatuses[${index}].state`;
      faults.forbidden(at, 'may not be transitioned to non-terminated state');
    }
  });
}

function checkClaimStatuses({ spec, status }: Pod, faults: FieldFaults): void {
  const names = new Set<string>();
  status?.resourceClaimStatuses?.forEach(({ name = '', resourceClaimName }, index) => {
    const at = `status.resourceClaimStatuses[${index}]`;
    if (!spec.resourceClaims?.some((claim) => claim.name === name))
      faults.invalid(`${at}.name`, name, 'must match the name of an entry in `spec.resourceClaims`');
    if (names.has(name)) faults.duplicate(`${at}.name`, name);
    names.add(name);
    if (resourceClaimName !== undefined)
      faults.invalidFor(`${at}.resourceClaimName`, resourceClaimName, objectNameFaults(resourceClaimName));
  });
}

/** Source: core/validation (validatePodExtendedResourceClaimStatus). */
function checkExtendedClaim({ spec, status }: Pod, faults: FieldFaults): void {
  const claim = status?.extendedResourceClaimStatus;
  if (!claim) return;
  const path = 'status.extendedResourceClaimStatus';
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  const mappings = claim.requestMappings ?? [];
  if (mappings.length === 0) faults.required(`${path}.requestMappings`, 'at least one request mapping is required');
  const seen = new Set<string>();
  mappings.forEach(({ containerName, resourceName, requestName }, index) => {
    const at = `${path}.requestMappings[${index}]`;
    const container = containers.find(({ name }) => name === containerName);
    if (!container) {
      const why = 'must match the name of an entry in spec.initContainers.name or spec.containers.name';
      faults.invalid(`${at}.containerName`, containerName, why);
    } else if (container.resources?.requests?.[resourceName] === undefined) {
      const why =
        'must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests';
      faults.invalid(`${at}.resourceName`, resourceName, why);
    }
    checkDnsLabel(`${path}.requestName`, requestName ?? '', faults);
    const key = JSON.stringify([containerName, resourceName, requestName]);
    if (seen.has(key)) {
      faults.duplicate(`${at}.containerName`, containerName);
      faults.duplicate(`${at}.resourceName`, resourceName);
      faults.duplicate(`${at}.requestName`, requestName);
    }
    seen.add(key);
  });
  if (!claim.resourceClaimName) faults.required(`${path}.resourceClaimName`);
  else
    faults.invalidFor(`${path}.resourceClaimName`, claim.resourceClaimName, objectNameFaults(claim.resourceClaimName));
}

function checkAddresses(status: PodStatus, before: PodStatus, faults: FieldFaults): void {
  const podIPs = status.podIPs ?? [];
  const known = (before.podIPs ?? []).map(({ ip }) => ip ?? '');
  podIPs.forEach(({ ip }, index) => {
    checkIp(`status.podIPs[${index}]`, ip ?? '', faults, known);
  });
  checkFamilies(podIPs, 'status.podIPs', 'core/v1.PodIP', faults);
  const hostIPs = status.hostIPs ?? [];
  if (hostIPs.length === 0) return;
  if ((status.hostIP ?? '') !== (hostIPs[0]?.ip ?? ''))
    faults.invalid('status.hostIPs[0].ip', hostIPs[0]?.ip ?? '', 'must be equal to `hostIP`');
  const knownHosts = (before.hostIPs ?? []).map(({ ip }) => ip ?? '');
  hostIPs.forEach(({ ip }, index) => {
    checkIp(`status.hostIPs[${index}]`, ip ?? '', faults, knownHosts);
  });
  checkFamilies(hostIPs, 'status.hostIPs', 'core/v1.HostIP', faults);
}

function checkFamilies(
  ips: readonly { ip?: string | undefined }[],
  path: string,
  typeName: string,
  faults: FieldFaults,
): void {
  if (ips.length < 2) return;
  const dual = areDualStack(ips.map(({ ip }) => ip ?? ''));
  if (dual === undefined) {
    const index = ips.findIndex(({ ip }) => familyOf(ip ?? '') === undefined);
    faults.internal(path, `failed to check for dual stack with error:invalid IP[${index}]: ${ips[index]?.ip ?? ''}`);
  }
  if (!dual || ips.length > 2) {
    const shown = ips.map((item) => toGoView(item, typeName));
    faults.invalid(path, shown, 'may specify no more than one IP for each IP family');
  }
}

const MAX_ID = 2 ** 31 - 1;

/** Source: core/validation (validateContainerStatusUsers, validateLinuxContainerUser). */
function checkUsers(status: PodStatus, { os }: PodSpec, faults: FieldFaults): void {
  for (const field of ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const)
    status[field]?.forEach(({ user }, index) => {
      const linux = user?.linux;
      if (!linux) return;
      const at = `status.${field}[${index}].user.linux`;
      if (os?.name === 'windows') {
        faults.forbidden(at, 'cannot be set for a windows pod');
        return;
      }
      const check = (id: number | undefined, path: string): void => {
        if (id !== undefined && (id < 0 || id > MAX_ID))
          faults.invalid(path, id, `must be between 0 and ${MAX_ID}, inclusive`);
      };
      check(linux.uid, `${at}.uid`);
      check(linux.gid, `${at}.gid`);
      linux.supplementalGroups?.forEach((group, position) => {
        check(group, `${at}.supplementalGroups[${position}]`);
      });
    });
}
