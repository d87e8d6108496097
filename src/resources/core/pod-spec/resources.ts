import type { PodSpec, ResourceClaim, ResourceRequirements } from '../../../generated/api/core/v1.ts';
import { ownField } from '../../../machinery/values/own-field.ts';
import { parseQuantity, type Quantity } from '../../../machinery/values/quantity.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkDnsLabel } from '../../checks/names.ts';
import {
  allowsOvercommit,
  checkAmount,
  checkContainerResourceName,
  checkPodResourceName,
  fitsPageSize,
  isHugePages,
} from '../../checks/resource-names.ts';
import { aggregateContainers } from './aggregate-resources.ts';

type CheckName = (name: string, path: string, faults: FieldFaults) => void;

/** Source of all: core/validation (validateResourceRequirements, validatePodResourceConsistency). */

export function checkContainerResources(
  requirements: ResourceRequirements | undefined,
  claimNames: ReadonlySet<string>,
  path: string,
  faults: FieldFaults,
): void {
  if (requirements) checkRequirements(requirements, checkContainerResourceName, claimNames, path, faults);
}

function checkRequirements(
  { limits = {}, requests = {}, claims = [] }: ResourceRequirements,
  checkName: CheckName,
  claimNames: ReadonlySet<string>,
  path: string,
  faults: FieldFaults,
): void {
  for (const name in limits) checkOne(name, limits[name] ?? '0', checkName, `${path}.limits[${name}]`, faults);
  for (const name in requests) {
    const amount = requests[name] ?? '0';
    const at = `${path}.requests[${name}]`;
    checkName(name, at, faults);
    checkAmount(name, amount, at, faults);
    checkAgainstLimit(name, amount, ownField(limits, name), path, faults);
    checkPages(name, amount, at, faults);
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHugePages) && !names.includes('cpu') && !names.includes('memory'))
    faults.forbidden(path, 'HugePages require cpu or memory');
  checkClaimNames(claims, claimNames, `${path}.claims`, faults);
}

function checkOne(name: string, amount: string, checkName: CheckName, path: string, faults: FieldFaults): void {
  checkName(name, path, faults);
  checkAmount(name, amount, path, faults);
  checkPages(name, amount, path, faults);
}

function checkPages(name: string, amount: string, path: string, faults: FieldFaults): void {
  if (isHugePages(name) && !fitsPageSize(name, amount))
    faults.invalid(path, amount, `${amount} is not positive integer multiple of ${name}`);
}

function checkAgainstLimit(
  name: string,
  amount: string,
  limit: string | undefined,
  path: string,
  faults: FieldFaults,
): void {
  if (limit === undefined) {
    if (!allowsOvercommit(name))
      faults.required(`${path}.limits`, 'Limit must be set for non overcommitable resources');
    return;
  }
  const order = parseQuantity(amount).compare(parseQuantity(limit));
  if (order !== 0 && !allowsOvercommit(name))
    faults.invalid(`${path}.requests`, amount, `must be equal to ${name} limit of ${limit}`);
  else if (order > 0)
    faults.invalid(`${path}.requests`, amount, `must be less than or equal to ${name} limit of ${limit}`);
}

function checkClaimNames(
  claims: readonly ResourceClaim[],
  known: ReadonlySet<string>,
  path: string,
  faults: FieldFaults,
): void {
  const seen = new Set<string>();
  claims.forEach(({ name, request }, index) => {
    const at = `${path}[${index}]`;
    if (!name) {
      faults.required(at);
      return;
    }
    if (seen.has(name)) faults.duplicate(at, name);
    else {
      if (request) checkDnsLabel(`${at}.request`, request, faults);
      const key = request ? `${name}/${request}` : name;
      if (seen.has(key)) faults.duplicate(at, key);
      else if (!request) for (const other of seen) if (other.startsWith(`${name}/`)) faults.duplicate(at, name);
      seen.add(key);
    }
    if (known.has(name)) return;
    const which = known.size === 0 ? ' which is empty' : `: ${[...known].sort().join(', ')}`;
    faults.notFound(at, name, `must be one of the names in pod.spec.resourceClaims${which}`);
  });
}

/** What the pod as a whole asks for, and that it covers its containers. */
export function checkPodResources(
  spec: PodSpec,
  claimNames: ReadonlySet<string>,
  path: string,
  faults: FieldFaults,
): void {
  const { resources } = spec;
  if (!resources) return;
  const at = `${path}.resources`;
  if (spec.os?.name === 'windows') {
    faults.forbidden(at, 'may not be set for a windows pod');
    return;
  }
  if (resources.claims) faults.forbidden(`${at}.claims`, 'claims may not be set for Resources at pod-level');
  checkRequirements(resources, checkPodResourceName, claimNames, at, faults);
  checkCovers(resources.requests, aggregateContainers(spec, 'requests'), `${at}.requests`, 'requests', faults);
  const limits = aggregateContainers(spec, 'limits');
  for (const name of limits.keys()) if (!isHugePages(name)) limits.delete(name);
  checkCovers(resources.limits, limits, `${at}.limits`, 'limits', faults);
  (spec.containers ?? []).forEach(({ resources: own }, index) => {
    for (const [name, limit] of Object.entries(own?.limits ?? {})) {
      const whole = ownField(resources.limits, name);
      if (whole !== undefined && parseQuantity(limit).compare(parseQuantity(whole)) > 0) {
        const field = `${at}.containers[${index}][${name}].limits`;
        faults.invalid(field, limit, `must be less than or equal to pod limits of ${whole}`);
      }
    }
  });
}

function checkCovers(
  whole: Readonly<Record<string, string>> | undefined,
  parts: ReadonlyMap<string, Quantity>,
  path: string,
  what: string,
  faults: FieldFaults,
): void {
  for (const [name, sum] of parts) {
    const amount = whole?.[name];
    if (amount !== undefined && sum.compare(parseQuantity(amount)) > 0)
      faults.invalid(
        `${path}[${name}]`,
        amount,
        `must be greater than or equal to aggregate container ${what} of ${sum}`,
      );
  }
}
