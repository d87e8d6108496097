import type {
  Device,
  DeviceAttribute,
  DeviceCapacity,
  DeviceCounterConsumption,
  DeviceTaint,
  NodeAllocatableResourceMapping,
} from '../../../generated/api/resource/v1.ts';
import { labelValueFaults } from '../../../machinery/values/names.ts';
import { parseQuantity } from '../../../machinery/values/quantity.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkLabelName } from '../../checks/labels.ts';
import { checkDnsLabel, checkDnsSubdomain } from '../../checks/names.ts';
import { isNative } from '../../checks/resource-names.ts';
import { isSame } from '../../checks/same.ts';
import { checkNodeSelector } from '../../core/pod-spec/affinity.ts';
import { checkList, checkMap, checkSet } from '../collections.ts';
import { checkBinding, EFFECTS } from '../configuration.ts';
import { checkQualifiedId, MAX_QUALIFIED_NAME } from '../names.ts';
import { checkRequestPolicy } from './request-policy.ts';

/** Source of all: resource/validation (validateDevice and its kin). */

const MAX_ENTRIES = 32;
const MAX_VALUES = 48;
const MAX_TAINTS = 16;
const MAX_CONSUMPTIONS = 2;
const MAX_COUNTERS = 32;
const MAX_VALUE_BYTES = 64;
const NO_LIMIT = Number.POSITIVE_INFINITY;
const LISTS = ['bools', 'ints', 'strings', 'versions'] as const;

export function checkDevice(
  device: Device,
  previous: Device | undefined,
  isPlacedAlone: boolean,
  path: string,
  faults: FieldFaults,
): void {
  checkDnsLabel(`${path}.name`, device.name ?? '', faults);
  checkProperties(device, path, faults);
  if (previous === undefined || !isSame(previous.taints, device.taints))
    checkList(device.taints, MAX_TAINTS, `${path}.taints`, faults, (taint, at) => checkTaint(taint, at, faults));
  checkSet(
    device.consumesCounters,
    MAX_CONSUMPTIONS,
    `${path}.consumesCounters`,
    faults,
    ({ counterSet }) => counterSet ?? '',
    (consumption, at) => checkConsumption(consumption, at, faults),
  );
  checkPlace(device, isPlacedAlone, path, faults);
  checkBinding(device, path, faults);
  for (const [name, mapping] of Object.entries(device.nodeAllocatableResourceMappings ?? {})) {
    const at = `${path}.nodeAllocatableResourceMappings[${name}]`;
    if (!isNative(name)) faults.invalid(at, name, 'must be a node allocatable resource name');
    checkMapping(mapping, device, at, faults);
  }
}

function checkProperties(device: Device, path: string, faults: FieldFaults): void {
  const attributes = Object.values(device.attributes ?? {});
  const entries = attributes.length + Object.keys(device.capacity ?? {}).length;
  if (entries > MAX_ENTRIES)
    faults.invalid(path, entries, `the total number of attributes and capacities must not exceed ${MAX_ENTRIES}`);
  const values = attributes.reduce((sum, attribute) => sum + Math.max(countOf(attribute), 1), 0);
  if (values > MAX_VALUES)
    faults.invalid(path, values, `the total number of attribute values must not exceed ${MAX_VALUES}`);
  const limits = { size: NO_LIMIT, keyLength: MAX_QUALIFIED_NAME };
  const checkKey = (key: string, at: string): void => checkQualifiedId(at, key, faults);
  checkMap(device.attributes, limits, `${path}.attributes`, faults, checkKey, (attribute, at) =>
    checkAttribute(attribute, at, faults),
  );
  checkMap(device.capacity, limits, `${path}.capacity`, faults, checkKey, (capacity, at) =>
    checkCapacity(capacity, device.allowMultipleAllocations === true, `${at}.requestPolicy`, faults),
  );
}

const countOf = (attribute: DeviceAttribute): number =>
  LISTS.reduce((sum, list) => sum + (attribute[list] ?? []).length, 0);

const NUMBER = '(0|[1-9]\\d*)';
const PRERELEASE = '(0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)';
const BUILD = '[0-9a-zA-Z-]+';
const SEMVER = new RegExp(
  `^${NUMBER}\\.${NUMBER}\\.${NUMBER}(-${PRERELEASE}(\\.${PRERELEASE})*)?(\\+${BUILD}(\\.${BUILD})*)?$`,
);

function checkAttribute(attribute: DeviceAttribute, path: string, faults: FieldFaults): void {
  const { int, bool, string, version, strings, versions } = attribute;
  if (string !== undefined) checkText(string, `${path}.string`, faults);
  if (version !== undefined) checkVersion(version, `${path}.version`, faults);
  for (const list of LISTS)
    if (attribute[list]?.length === 0) faults.invalid(`${path}.${list}`, [], 'must not be empty if specified');
  strings?.forEach((text, index) => {
    checkText(text, `${path}.strings[${index}]`, faults);
  });
  versions?.forEach((text, index) => {
    checkVersion(text, `${path}.versions[${index}]`, faults);
  });
  const found = [int, bool, string, version, ...LISTS.map((list) => attribute[list])].filter(
    (value) => value !== undefined,
  );
  if (found.length === 0) faults.invalid(path, '', 'exactly one value must be specified');
  if (found.length > 1) faults.invalid(path, shownAttribute(attribute), 'exactly one value must be specified');
}

/** An attribute under the names of upstream's internal type. */
function shownAttribute({ int, bool, string, version, ints, bools, strings, versions }: DeviceAttribute): object {
  return {
    IntValue: int ?? null,
    BoolValue: bool ?? null,
    StringValue: string ?? null,
    VersionValue: version ?? null,
    IntValues: ints ?? null,
    BoolValues: bools ?? null,
    StringValues: strings ?? null,
    VersionValues: versions ?? null,
  };
}

function checkText(text: string, path: string, faults: FieldFaults): void {
  if (Buffer.byteLength(text) > MAX_VALUE_BYTES) faults.tooLong(path, MAX_VALUE_BYTES);
}

function checkVersion(text: string, path: string, faults: FieldFaults): void {
  if (!SEMVER.test(text)) faults.invalid(path, text, 'must be a string compatible with semver.org spec 2.0.0');
  checkText(text, path, faults);
}

function checkCapacity(
  { value, requestPolicy }: DeviceCapacity,
  isShared: boolean,
  path: string,
  faults: FieldFaults,
): void {
  if (requestPolicy === undefined) return;
  if (isShared) checkRequestPolicy(value, requestPolicy, path, faults);
  else faults.forbidden(path, 'allowMultipleAllocations must be true');
}

function checkTaint({ key = '', value, effect }: DeviceTaint, path: string, faults: FieldFaults): void {
  checkLabelName(key, `${path}.key`, faults);
  if (value) faults.invalidFor(`${path}.value`, value, labelValueFaults(value));
  faults.oneOf(`${path}.effect`, effect, EFFECTS);
}

function checkConsumption(consumption: DeviceCounterConsumption, path: string, faults: FieldFaults): void {
  checkCounters(consumption.counterSet ?? '', 'counterSet', consumption.counters, path, faults);
}

/** A named set of counters, or what a device takes from one. */
export function checkCounters(
  name: string,
  nameField: 'name' | 'counterSet',
  counters: Readonly<Record<string, unknown>> | undefined,
  path: string,
  faults: FieldFaults,
): void {
  if (name === '') faults.required(`${path}.${nameField}`);
  else checkDnsLabel(`${path}.${nameField}`, name, faults);
  if (Object.keys(counters ?? {}).length === 0) return faults.required(`${path}.counters`);
  const limits = { size: MAX_COUNTERS, keyLength: 63 };
  const checkKey = (key: string, at: string): void => checkDnsLabel(at, key, faults);
  checkMap(counters, limits, `${path}.counters`, faults, checkKey, () => {});
}

const PER_DEVICE = 'is set to true in the ResourceSlice spec';

function checkPlace(device: Device, isPlacedAlone: boolean, path: string, faults: FieldFaults): void {
  const { nodeName, nodeSelector, allNodes } = device;
  if (!isPlacedAlone) {
    if (nodeName === undefined && nodeSelector === undefined && allNodes === undefined) return;
    const why = `\`nodeName\`, \`nodeSelector\` and \`allNodes\` can only be set if \`perDeviceNodeSelection\` ${PER_DEVICE}`;
    return faults.invalid(path, null, why);
  }
  const found: string[] = [];
  if (nodeName === '') faults.invalid(`${path}.nodeName`, nodeName, 'must not be empty');
  else if (nodeName !== undefined) {
    found.push('`nodeName`');
    checkDnsSubdomain(`${path}.nodeName`, nodeName, faults);
  }
  if (nodeSelector !== undefined) {
    found.push('`nodeSelector`');
    checkNodeSelector(nodeSelector, `${path}.nodeSelector`, faults);
  }
  if (allNodes === true) found.push('`allNodes`');
  else if (allNodes === false) faults.invalid(`${path}.allNodes`, allNodes, 'must be either unset or set to true');
  const why = `exactly one of \`nodeName\`, \`nodeSelector\`, or \`allNodes\` is required when \`perDeviceNodeSelection\` ${PER_DEVICE}`;
  if (found.length === 0) faults.required(path, why);
  if (found.length > 1) faults.invalid(path, `{${found.join(', ')}}`, why);
}

function checkMapping(
  { allocationMultiplier: multiplier, capacityKey }: NodeAllocatableResourceMapping,
  { capacity }: Device,
  path: string,
  faults: FieldFaults,
): void {
  if (multiplier === undefined && capacityKey === undefined)
    return faults.invalid(path, '', 'at least one of allocationMultiplier or capacityKey must be set');
  if (multiplier !== undefined && parseQuantity(multiplier).nano <= 0n)
    faults.invalid(`${path}.allocationMultiplier`, multiplier, 'must be positive');
  const at = `${path}.capacityKey`;
  if (capacityKey === '') faults.invalid(at, '', 'capacityKey must not be an empty string');
  else if (capacityKey !== undefined && capacity?.[capacityKey] === undefined) faults.notFound(at, capacityKey);
}
