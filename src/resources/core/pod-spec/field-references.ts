import type { ObjectFieldSelector, ResourceFieldSelector } from '../../../generated/api/core/v1.ts';
import { canonicalQuantity, parseQuantity } from '../../../machinery/values/quantity.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkQualifiedName } from '../../checks/names.ts';

/** Source of all: core/validation (validateObjectFieldSelector, validateContainerResourceFieldSelector). */

export const envFieldPaths = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

export const volumeFieldPaths = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

const convertible = new Set([
  ...volumeFieldPaths,
  ...envFieldPaths,
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
]);

const SUBSCRIPT = /^(.+)\['(.*)'\]$/s;

/** A reference to a field of the pod itself. */
export function checkFieldRef(
  { apiVersion = '', fieldPath = '' }: ObjectFieldSelector,
  allowed: readonly string[],
  path: string,
  faults: FieldFaults,
): void {
  if (apiVersion === '') return faults.required(`${path}.apiVersion`);
  if (fieldPath === '') return faults.required(`${path}.fieldPath`);
  const refuse = (why: string): void =>
    faults.invalid(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`);
  if (apiVersion !== 'v1') return refuse(`unsupported pod version: ${apiVersion}`);
  const [, holder, key = ''] = SUBSCRIPT.exec(fieldPath) ?? [];
  if (holder !== undefined) {
    if (holder === 'metadata.annotations') checkQualifiedName(path, key.toLowerCase(), faults);
    else if (holder === 'metadata.labels') checkQualifiedName(path, key, faults);
    else refuse(`field label does not support subscript: ${fieldPath}`);
    return;
  }
  const internal = fieldPath === 'spec.host' ? 'spec.nodeName' : fieldPath;
  if (!convertible.has(internal)) return refuse(`field label not supported: ${fieldPath}`);
  if (!allowed.includes(internal)) faults.notSupported(`${path}.fieldPath`, internal, allowed);
}

const resourcePaths = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];

const byteDivisors = new Set(['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei']);
const BYTES = '1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei';

/** A reference to an amount of a container; in volumes the container must be named. */
export function checkResourceFieldRef(
  { containerName, resource = '', divisor }: ResourceFieldSelector,
  options: { readonly needsContainer: boolean },
  path: string,
  faults: FieldFaults,
): void {
  const isHugePages = /^(requests|limits)\.hugepages-/.test(resource);
  if (options.needsContainer && !containerName) faults.required(`${path}.containerName`);
  else if (resource === '') faults.required(`${path}.resource`);
  else if (!resourcePaths.includes(resource) && !isHugePages)
    faults.notSupported(`${path}.resource`, resource, resourcePaths);
  if (divisor === undefined || parseQuantity(divisor).isZero()) return;
  const text = canonicalQuantity(divisor);
  const name = resource.slice(resource.indexOf('.') + 1);
  const refuse = (values: string, what: string): void =>
    faults.invalid(
      `${path}.divisor`,
      resource,
      `only divisor's values ${values} are supported with the ${what} resource`,
    );
  if (resource.endsWith('.cpu')) {
    if (text !== '1' && text !== '1m') refuse('1m and 1', 'cpu');
  } else if (!byteDivisors.has(text)) {
    if (name === 'memory') refuse(BYTES, 'memory');
    else if (name === 'ephemeral-storage') refuse(BYTES, 'local ephemeral storage');
    else if (isHugePages) refuse(BYTES, 'hugepages');
  }
}
