import { qualifiedNameFaults } from '../../machinery/values/names.ts';
import { parseQuantity, type Quantity } from '../../machinery/values/quantity.ts';
import type { FieldFaults } from './field-faults.ts';

/** Source of all: pkg/apis/core/helper/helpers.go; core/validation (validateResourceName and its kin). */

const HUGE_PAGES = 'hugepages-';
const QUOTA_HUGE_PAGES = 'requests.hugepages-';

const countedResources = [
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
];
const computeResources = [
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
];
const quotaResources = new Set([...countedResources, ...computeResources, 'requests.storage']);
const standardResources = new Set([...quotaResources, 'storage']);
const integerResources = new Set(countedResources);
const containerResources = new Set(['cpu', 'memory', 'ephemeral-storage']);

export const isHugePages = (name: string): boolean => name.startsWith(HUGE_PAGES);

/** Whether the name belongs to Kubernetes: without a prefix, or below `kubernetes.io/`. */
export const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/');

/** Whether more may be asked for as a limit than as a request. */
export const allowsOvercommit = (name: string): boolean => isNative(name) && !isHugePages(name);

export function isExtendedResource(name: string): boolean {
  if (isNative(name) || name.startsWith('requests.')) return false;
  return qualifiedNameFaults(`requests.${name}`).length === 0;
}

export function isStandardQuotaResource(name: string): boolean {
  return quotaResources.has(name) || isHugePages(name) || name.startsWith(QUOTA_HUGE_PAGES);
}

function isStandardResource(name: string): boolean {
  return standardResources.has(name) || isHugePages(name) || name.startsWith(QUOTA_HUGE_PAGES);
}

/** Whether amounts of it are whole numbers. */
function isInteger(name: string): boolean {
  return integerResources.has(name) || isExtendedResource(name);
}

export function checkResourceName(name: string, path: string, faults: FieldFaults): boolean {
  const problems = qualifiedNameFaults(name);
  faults.invalidFor(path, name, problems);
  if (problems.length > 0) return false;
  if (name.includes('/') || isStandardResource(name)) return true;
  faults.invalid(path, name, 'must be a standard resource type or fully qualified');
  return false;
}

export function checkContainerResourceName(name: string, path: string, faults: FieldFaults): void {
  checkResourceName(name, path, faults);
  if (!name.includes('/')) {
    if (!containerResources.has(name) && !isHugePages(name))
      faults.invalid(path, name, 'must be a standard resource for containers');
  } else if (!isNative(name) && !isExtendedResource(name))
    faults.invalid(path, name, "doesn't follow extended resource name standard");
}

export const isPodLevelResource = (name: string): boolean => name === 'cpu' || name === 'memory' || isHugePages(name);

export function checkPodResourceName(name: string, path: string, faults: FieldFaults): void {
  if (!checkResourceName(name, path, faults)) return;
  if (!isPodLevelResource(name)) faults.notSupported(path, name, ['cpu', 'hugepages-', 'memory']);
}

export function checkQuotaResourceName(name: string, path: string, faults: FieldFaults): void {
  checkResourceName(name, path, faults);
  if (!name.includes('/') && !isStandardQuotaResource(name))
    faults.invalid(path, name, 'must be a standard resource for quota');
}

/** An amount: not negative, and whole where the resource is counted. */
export function checkAmount(name: string, amount: string, path: string, faults: FieldFaults): void {
  const quantity = parseQuantity(amount);
  checkNonNegativeAmount(amount, path, faults);
  if (isInteger(name) && quantity.toMillis() % 1000 !== 0) faults.invalid(path, amount, 'must be an integer');
}

export function checkNonNegativeAmount(amount: string, path: string, faults: FieldFaults): void {
  if (isNegative(parseQuantity(amount))) faults.invalid(path, amount, 'must be greater than or equal to 0');
}

export function checkPositiveAmount(amount: string, path: string, faults: FieldFaults): void {
  const quantity = parseQuantity(amount);
  if (isNegative(quantity) || quantity.isZero()) faults.invalid(path, amount, 'must be greater than zero');
}

/** Source: core/validation (validateBasicResource). */
export function checkBasicAmount(amount: string, path: string, faults: FieldFaults): void {
  const quantity = parseQuantity(amount);
  if (quantity.toInteger() < 0) faults.invalid(path, quantity.toInteger(), 'must be a valid resource quantity');
}

const isNegative = (quantity: Quantity): boolean => quantity.nano < 0n;

/** Whether an amount of huge pages is a multiple of their size. */
export function fitsPageSize(name: string, amount: string): boolean {
  let size: number;
  try {
    size = parseQuantity(name.slice(HUGE_PAGES.length)).toInteger();
  } catch {
    return false;
  }
  return size > 0 && parseQuantity(amount).toInteger() % size === 0;
}
