import type { Container, EphemeralContainer, Pod } from '../../generated/api/core/v1.ts';
import {
  type FieldError,
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
} from '../../machinery/errors/field-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { parseQuantity } from '../../machinery/values/quantity.ts';
import { isSame } from '../registry/equality.ts';
import type { UpdateRules } from '../registry/update-rules.ts';
import { type ContainerParts, keepPodBut } from './rules.ts';

/**
 * What an update through `pods/ephemeralcontainers` may change: that list, which only grows.
 * Source: `pkg/registry/core/pod/strategy.go` (podEphemeralContainersStrategy), `core/validation` (ValidatePodEphemeralContainersUpdate).
 */
export const ephemeralContainersRules: UpdateRules = {
  prepare(next, previous) {
    keepPodBut(next, previous, (spec, from) => {
      if (from.ephemeralContainers === undefined) delete spec.ephemeralContainers;
      else spec.ephemeralContainers = from.ephemeralContainers;
    });
    raiseGeneration(next, previous);
  },
  validate: (next, previous) => ephemeralFaults(next as unknown as Pod, previous as unknown as Pod),
  warnings: () => [],
};

const PATH = 'spec.ephemeralContainers';
const forbidden = [
  'ports',
  'resources',
  'lifecycle',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'resizePolicy',
] as const;

function ephemeralFaults(next: Pod, previous: Pod): readonly FieldError[] {
  const list = next.spec?.ephemeralContainers ?? [];
  const faults: FieldError[] = [];
  const names = new Set<string | undefined>(
    [...(next.spec?.containers ?? []), ...(next.spec?.initContainers ?? [])].map(({ name }) => name),
  );
  for (const [index, container] of list.entries()) {
    const at = `${PATH}[${index}]`;
    if (!container.name) faults.push(fieldRequired(`${at}.name`));
    else if (names.has(container.name)) faults.push(fieldDuplicate(`${at}.name`, container.name));
    names.add(container.name ?? '');
    if (!container.image) faults.push(fieldRequired(`${at}.image`));
    for (const field of forbidden) {
      if (isUnset(container, field)) continue;
      faults.push(fieldForbidden(`${at}.${field}`, 'cannot be set for an Ephemeral Container'));
    }
  }
  const byName = new Map(list.map((container) => [container.name, container]));
  for (const before of previous.spec?.ephemeralContainers ?? []) {
    const after = byName.get(before.name);
    const head = `existing ephemeral containers ${JSON.stringify(before.name)} may not be`;
    if (after === undefined) faults.push(fieldForbidden(PATH, `${head} removed\n`));
    else if (!isSame(after, before)) faults.push(fieldForbidden(PATH, `${head} changed\n`));
  }
  return faults;
}

function isUnset(container: EphemeralContainer, field: (typeof forbidden)[number]): boolean {
  const value: unknown = container[field];
  if (value === undefined || value === null) return true;
  return field === 'resources' && Object.keys(value as object).length === 0;
}

/** What an update through `pods/resize` may change: amounts and resize policies. Source: same file (podResizeStrategy). */
export const resizeRules: UpdateRules = {
  prepare(next, previous) {
    keepPodBut(next, previous, (spec, from) => {
      takeResources(spec.containers, from.containers);
      takeResources(spec.initContainers, from.initContainers);
      if (from.resources !== undefined) spec.resources = from.resources;
    });
    raiseGeneration(next, previous);
  },
  validate: (next, previous) => resizeFaults(next as unknown as Pod, previous as unknown as Pod),
  warnings: () => [],
};

function takeResources(containers: ContainerParts[] | undefined, from: ContainerParts[] | undefined): void {
  for (const container of containers ?? []) {
    const wanted = from?.find((other) => other.name === container.name);
    if (wanted?.resources !== undefined) container.resources = wanted.resources;
    if (wanted?.resizePolicy !== undefined) container.resizePolicy = wanted.resizePolicy;
  }
}

function raiseGeneration(next: AnyObject, previous: AnyObject): void {
  if (isSame(next['spec'], previous['spec'])) return;
  next.metadata.generation = (previous.metadata.generation ?? 0) + 1;
}

const resizable = new Set(['cpu', 'memory']);

function resizeFaults(next: Pod, previous: Pod): readonly FieldError[] {
  const faults: FieldError[] = [];
  const pairs = (next.spec?.containers ?? []).map((container, index) => ({
    container,
    before: previous.spec?.containers[index],
    path: `spec.containers[${index}].resources`,
  }));
  for (const { container, path } of pairs) faults.push(...limitFaults(container, path));
  if (faults.length > 0) return faults;
  if (pairs.some(({ container, before }) => changedNames(container, before).some((name) => !resizable.has(name)))) {
    return [fieldForbidden('spec', 'only cpu and memory resources are mutable')];
  }
  const [after, earlier] = [qualityOf(next), previous.status?.qosClass ?? qualityOf(previous)];
  if (after !== earlier) return [fieldInvalid('spec', earlier, 'Pod QOS Class may not change as a result of resizing')];
  return [];
}

function limitFaults(container: Container, path: string): readonly FieldError[] {
  const limits = container.resources?.limits ?? {};
  return Object.entries(container.resources?.requests ?? {}).flatMap(([name, request]) => {
    const limit = limits[name];
    if (limit === undefined || parseQuantity(String(request)).compare(parseQuantity(String(limit))) <= 0) return [];
    return [
      fieldInvalid(`${path}.requests`, String(request), `must be less than or equal to ${name} limit of ${limit}`),
    ];
  });
}

function changedNames(container: Container, before: Container | undefined): readonly string[] {
  const changed = new Set<string>();
  for (const field of ['requests', 'limits'] as const) {
    const [after, earlier] = [container.resources?.[field] ?? {}, before?.resources?.[field] ?? {}];
    for (const name of [...Object.keys(after), ...Object.keys(earlier)])
      if (after[name] !== earlier[name]) changed.add(name);
  }
  return [...changed];
}

/** Source: `pkg/apis/core/v1/helper/qos/qos.go` (ComputePodQOS). */
function qualityOf(pod: Pod): string {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const amounts = (list: Readonly<Record<string, unknown>> | undefined): [string, string][] =>
    Object.entries(list ?? {})
      .filter(([name, value]) => resizable.has(name) && !parseQuantity(String(value)).isZero())
      .map(([name, value]) => [name, String(value)]);
  const asked = containers.some(
    ({ resources }) => amounts(resources?.requests).length + amounts(resources?.limits).length > 0,
  );
  if (!asked) return 'BestEffort';
  const guaranteed = containers.every(({ resources }) => {
    const limits = new Map(amounts(resources?.limits));
    const requests = new Map(amounts(resources?.requests));
    return limits.size === 2 && [...limits].every(([name, limit]) => requests.get(name) === limit);
  });
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
