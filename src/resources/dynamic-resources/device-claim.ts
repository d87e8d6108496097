import type {
  DeviceClaim,
  DeviceConstraint,
  DeviceRequest,
  DeviceSubRequest,
  ExactDeviceRequest,
} from '../../generated/api/resource/v1.ts';
import type { FieldFaults } from '../checks/field-faults.ts';
import { checkDnsLabel, checkDnsSubdomain } from '../checks/names.ts';
import { checkList, checkSet } from './collections.ts';
import { checkConfiguration, checkSelectors, checkToleration } from './configuration.ts';
import { checkFullId } from './names.ts';

/** Source of all: resource/validation (validateDeviceClaim and its kin) and v1/defaults.go. */

export const MAX_REQUESTS = 32;
const MAX_CONSTRAINTS = 32;
export const MAX_CONFIGS = 32;
const MAX_CHOICES = 8;

type AnyRequest = ExactDeviceRequest | DeviceSubRequest;

function defaultRequest(request: AnyRequest): void {
  if (!request.allocationMode) request.allocationMode = 'ExactCount';
  if (request.allocationMode === 'ExactCount' && !request.count) request.count = 1;
  defaultTolerations(request);
}

export function defaultTolerations({ tolerations }: Pick<AnyRequest, 'tolerations'>): void {
  for (const toleration of tolerations ?? []) if (!toleration.operator) toleration.operator = 'Equal';
}

export function defaultDeviceClaim(claim: DeviceClaim | undefined): void {
  for (const { exactly, firstAvailable } of claim?.requests ?? []) {
    if (exactly !== undefined) defaultRequest(exactly);
    for (const choice of firstAvailable ?? []) defaultRequest(choice);
  }
}

/** Names of requests, each with those of its choices. */
export type RequestNames = ReadonlyMap<string, readonly string[]>;

export function requestNamesOf(claim: DeviceClaim | undefined): RequestNames {
  return new Map(
    (claim?.requests ?? []).map(({ name = '', firstAvailable }) => [
      name,
      (firstAvailable ?? []).map((choice) => choice.name ?? ''),
    ]),
  );
}

/** The name of a request, or of one of its choices behind a slash. */
export function checkRequestReference(name: string, names: RequestNames, path: string, faults: FieldFaults): void {
  const parts = name.split('/');
  const why = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  if (parts.length > 2) return faults.invalid(path, name, why);
  for (const part of parts) checkDnsLabel(path, part, faults);
  const [request = '', choice] = parts;
  const choices = names.get(request);
  if (choices === undefined || (choice !== undefined && !choices.includes(choice))) faults.invalid(path, name, why);
}

export function checkRequestReferences(
  requests: readonly string[] | undefined,
  names: RequestNames,
  path: string,
  faults: FieldFaults,
): void {
  checkSet(
    requests,
    MAX_REQUESTS,
    path,
    faults,
    (name) => name,
    (name, at) => checkRequestReference(name ?? '', names, at, faults),
  );
}

export function checkDeviceClaim(claim: DeviceClaim | undefined, path: string, faults: FieldFaults): void {
  const names = requestNamesOf(claim);
  checkSet(
    claim?.requests,
    MAX_REQUESTS,
    `${path}.requests`,
    faults,
    ({ name }) => name ?? '',
    (request, at) => checkRequest(request, at, faults),
  );
  checkList(claim?.constraints, MAX_CONSTRAINTS, `${path}.constraints`, faults, (constraint, at) =>
    checkConstraint(constraint, names, at, faults),
  );
  checkList(claim?.config, MAX_CONFIGS, `${path}.config`, faults, (config, at) => {
    checkRequestReferences(config.requests, names, `${at}.requests`, faults);
    checkConfiguration(config, at, faults);
  });
}

function checkRequest({ name = '', exactly, firstAvailable }: DeviceRequest, path: string, faults: FieldFaults): void {
  checkDnsLabel(`${path}.name`, name, faults);
  const why = 'exactly one of `exactly` or `firstAvailable` is required';
  const hasChoices = (firstAvailable ?? []).length > 0;
  if (exactly !== undefined && hasChoices) faults.invalid(path, null, `${why}, but multiple fields are set`);
  else if (exactly !== undefined) checkWish(exactly, `${path}.exactly`, faults);
  else if (!hasChoices) faults.required(path, why);
  else
    checkSet(
      firstAvailable,
      MAX_CHOICES,
      `${path}.firstAvailable`,
      faults,
      (choice) => choice.name ?? '',
      (choice, at) => {
        checkDnsLabel(`${at}.name`, choice.name ?? '', faults);
        checkWish(choice, at, faults);
      },
    );
}

function checkWish(request: AnyRequest, path: string, faults: FieldFaults): void {
  const { deviceClassName, selectors, allocationMode: mode = '', count = 0, tolerations } = request;
  if (deviceClassName) checkDnsSubdomain(`${path}.deviceClassName`, deviceClassName, faults);
  else faults.required(`${path}.deviceClassName`);
  checkSelectors(selectors, `${path}.selectors`, faults);
  if (mode === 'All') {
    if (count !== 0) faults.invalid(`${path}.count`, count, "must not be specified when allocationMode is 'All'");
  } else if (mode !== 'ExactCount') faults.notSupported(`${path}.allocationMode`, mode, ['All', 'ExactCount']);
  else if (count <= 0) faults.invalid(`${path}.count`, count, 'must be greater than zero');
  tolerations?.forEach((toleration, index) => {
    checkToleration(toleration, `${path}.tolerations[${index}]`, faults);
  });
}

function checkConstraint(constraint: DeviceConstraint, names: RequestNames, path: string, faults: FieldFaults): void {
  const { requests, matchAttribute, distinctAttribute } = constraint;
  checkRequestReferences(requests, names, `${path}.requests`, faults);
  if (matchAttribute !== undefined) checkFullId(`${path}.matchAttribute`, matchAttribute, faults);
  else if (distinctAttribute !== undefined) checkFullId(`${path}.distinctAttribute`, distinctAttribute, faults);
  else {
    const why = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';
    faults.required(path, why);
  }
}
