import type { Container, ContainerStatus, Pod } from '../../../generated/api/core/v1.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';

const HEALTHS = ['Healthy', 'Unhealthy', 'Unknown'];
const MAX_MESSAGE_BYTES = 1024;
const CLAIM = 'claim:';

/** What containers' statuses tell of the health of their devices. Source: core/validation (validateContainerStatusAllocatedResourcesStatus). */
export function checkAllocatedResources({ spec, status }: Pod, faults: FieldFaults): void {
  checkStatuses(status?.containerStatuses, spec.containers, 'status.containerStatuses', faults);
  checkStatuses(status?.initContainerStatuses, spec.initContainers, 'status.initContainerStatuses', faults);
  status?.ephemeralContainerStatuses?.forEach(({ allocatedResourcesStatus = [] }, index) => {
    if (allocatedResourcesStatus.length === 0) return;
    const at = `status.ephemeralContainerStatuses[${index}].allocatedResourcesStatus`;
    faults.forbidden(at, 'must not be specified in container status');
  });
}

function checkStatuses(
  statuses: readonly ContainerStatus[] | undefined,
  containers: readonly Container[] | undefined,
  path: string,
  faults: FieldFaults,
): void {
  statuses?.forEach(({ name, allocatedResourcesStatus }, index) => {
    const container = containers?.find((other) => other.name === name);
    allocatedResourcesStatus?.forEach((allocated, position) => {
      const at = `${path}[${index}].allocatedResourcesStatus[${position}]`;
      const fault = container === undefined ? undefined : nameFault(allocated.name ?? '', container);
      if (fault !== undefined) faults.invalid(`${at}.name`, allocated.name ?? '', fault);
      checkHealths(allocated.resources, `${at}.resources`, faults);
    });
  });
}

function nameFault(name: string, { resources }: Container): string | undefined {
  if (!name.startsWith(CLAIM)) {
    const isKnown = resources?.requests?.[name] !== undefined;
    return isKnown ? undefined : "must match one of the container's resource requests";
  }
  const names = (resources?.claims ?? []).map(
    (claim) => CLAIM + claim.name + (claim.request ? `/${claim.request}` : ''),
  );
  if (names.includes(name)) return undefined;
  return "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty";
}

type Healths = NonNullable<NonNullable<ContainerStatus['allocatedResourcesStatus']>[number]['resources']>;

function checkHealths(resources: Healths | undefined, path: string, faults: FieldFaults): void {
  const seen = new Set<string>();
  resources?.forEach(({ health = '', message, resourceID = '' }, index) => {
    const at = `${path}[${index}]`;
    if (!HEALTHS.includes(health)) faults.notSupported(`${at}.health`, health, HEALTHS);
    if (message === '') faults.required(`${at}.message`, 'must be non-empty if specified');
    else if (message !== undefined && Buffer.byteLength(message) > MAX_MESSAGE_BYTES)
      faults.tooLong(`${at}.message`, MAX_MESSAGE_BYTES);
    if (seen.has(resourceID)) faults.duplicate(`${at}.resourceID`, resourceID);
    seen.add(resourceID);
  });
}
