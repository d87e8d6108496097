import type { Container, Pod, PodSpec, ResourceRequirements } from '../../../generated/api/core/v1.ts';
import { type FieldError, fieldForbidden } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { isSameStruct } from '../../checks/same.ts';
import { MIRROR } from '../pod-spec/annotations.ts';
import { qosClassOf } from './qos-class.ts';
import { checkMetadataAndSpec } from './validation.ts';

type Amounts = Readonly<Record<string, string>> | undefined;

/** An update through `pods/resize`. Source of all: core/validation (ValidatePodResize). */
export function validatePodResize(next: Pod, previous: Pod): readonly FieldError[] {
  const faults = new FieldFaults();
  checkMetadataAndSpec(next, faults);
  if (previous.metadata.annotations?.[MIRROR] !== undefined)
    return [fieldForbidden('', 'static pods cannot be resized')];
  if (previous.spec.os?.name === 'windows') return [fieldForbidden('', 'windows pods cannot be resized')];
  if ((previous.status?.qosClass || qosClassOf(previous)) !== qosClassOf(next))
    faults.invalid('spec', next.status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing');
  if (!isResizable(previous)) faults.forbidden('spec', 'Pod running on node without support for resize');
  const rest: PodSpec = { ...next.spec };
  if (asksAsWhole(previous) || asksAsWhole(next)) rest.resources = checkWhole(next.spec, previous.spec, faults);
  if (!checkOrder(next.spec, previous.spec, faults)) return faults.list;
  checkNothingRemoved(next.spec, previous.spec, faults);
  rest.containers = checkContainers(next.spec, previous.spec, faults);
  rest.initContainers = checkInitContainers(next.spec, previous.spec, faults);
  if (faults.count === 0 && !isSameStruct(rest, previous.spec, 'core/v1.PodSpec'))
    faults.forbidden('spec', 'only cpu and memory resources are mutable');
  return faults.list;
}

const asksAsWhole = ({ spec: { resources } }: Pod): boolean =>
  Object.keys(resources?.requests ?? {}).length + Object.keys(resources?.limits ?? {}).length > 0;

/** Nodes that can resize tell the resources of their running containers. */
function isResizable({ status }: Pod): boolean {
  const running = status?.containerStatuses?.find(({ state }) => state?.running !== undefined);
  return running === undefined || running.resources !== undefined;
}

/** The new resources of the whole pod, with CPU and memory as before. */
function checkWhole(next: PodSpec, previous: PodSpec, faults: FieldFaults): ResourceRequirements | undefined {
  const { resources: after } = next;
  const { resources: before } = previous;
  if (before && !after) {
    faults.forbidden('spec.resources', 'pod-level resources cannot be removed');
    return undefined;
  }
  for (const field of ['requests', 'limits'] as const)
    if (before && isLessThan(after?.[field], before[field]))
      faults.forbidden(`spec.resources.${field}`, `pod-level resource ${field} cannot be removed`);
  const masked = maskWhole(after, before);
  if (!isSameStruct(masked, before, 'core/v1.ResourceRequirements'))
    faults.forbidden('spec', 'only cpu and memory resources are mutable at pod-level');
  return masked;
}

function maskWhole(
  after: ResourceRequirements | undefined,
  before: ResourceRequirements | undefined,
): ResourceRequirements | undefined {
  if (!after) return after;
  const masked = {
    ...after,
    requests: mask(after.requests, before?.requests),
    limits: mask(after.limits, before?.limits),
  };
  const isEmpty =
    Object.keys(masked.requests ?? {}).length + Object.keys(masked.limits ?? {}).length === 0 &&
    (masked.claims ?? []).length === 0;
  return before === undefined && isEmpty ? undefined : masked;
}

/** CPU and memory as before. */
function mask(after: Amounts, before: Amounts): Record<string, string> | undefined {
  if (!after && !before) return undefined;
  const { cpu: _cpu, memory: _memory, ...rest } = after ?? {};
  const others: Record<string, string> = { ...rest };
  for (const name of ['cpu', 'memory']) if (before?.[name] !== undefined) others[name] = before[name];
  return others;
}

function maskContainer(container: Container, before: Container | undefined): Container {
  const limits = mask(container.resources?.limits, before?.resources?.limits);
  const requests = mask(container.resources?.requests, before?.resources?.requests);
  return { ...container, resources: { ...(limits ? { limits } : {}), ...(requests ? { requests } : {}) } };
}

const isSameContainer = (a: Container, b: Container | undefined): boolean =>
  isSameStruct(a, b ?? {}, 'core/v1.Container');

/** Whether the new list lacks something of the old one. */
function isLessThan(after: Amounts, before: Amounts): boolean {
  const names = Object.keys(before ?? {});
  return names.length > Object.keys(after ?? {}).length || names.some((name) => after?.[name] === undefined);
}

function checkOrder(next: PodSpec, previous: PodSpec, faults: FieldFaults): boolean {
  const size = faults.count;
  for (const kind of ['containers', 'initContainers'] as const) {
    const [after, before] = [next[kind] ?? [], previous[kind] ?? []];
    if (after.length !== before.length)
      faults.forbidden(`spec.${kind}`, `${kind} may not be added or removed on resize`);
    else
      before.forEach(({ name }, index) => {
        if (after[index]?.name !== name)
          faults.forbidden(`spec.${kind}[${index}].name`, `${kind} may not be renamed or reordered on resize`);
      });
  }
  return faults.count === size;
}

function checkNothingRemoved(next: PodSpec, previous: PodSpec, faults: FieldFaults): void {
  for (const kind of ['initContainers', 'containers'] as const)
    previous[kind]?.forEach(({ resources }, index) => {
      const now = next[kind]?.[index]?.resources;
      for (const field of ['requests', 'limits'] as const)
        if (isLessThan(now?.[field], resources?.[field]))
          faults.forbidden(`spec.${kind}[${index}].resources.${field}`, `resource ${field} cannot be removed`);
    });
}

function checkContainers(next: PodSpec, previous: PodSpec, faults: FieldFaults): Container[] {
  return (next.containers ?? []).map((container, index) => {
    const before = previous.containers?.[index];
    const masked = maskContainer(container, before);
    if (!isSameContainer(masked, before)) faults.forbidden('spec', 'only cpu and memory resources are mutable');
    return masked;
  });
}

function checkInitContainers(next: PodSpec, previous: PodSpec, faults: FieldFaults): Container[] | undefined {
  return next.initContainers?.map((container, index) => {
    const at = `spec.initContainers[${index}]`;
    const before = previous.initContainers?.[index];
    const masked = maskContainer(container, before);
    if (!isSameContainer(masked, before))
      faults.forbidden(at, 'only cpu and memory resources for init or sidecar containers are mutable');
    if (container.restartPolicy !== 'Always' && !isSameContainer(container, before))
      for (const { restartPolicy } of container.resizePolicy ?? [])
        if (restartPolicy === 'RestartContainer') {
          const why = 'non-sidecar init containers with a resize policy of RestartContainer cannot be resized';
          faults.forbidden(at, why);
        }
    return masked;
  });
}
