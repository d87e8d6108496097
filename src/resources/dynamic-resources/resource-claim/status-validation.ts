import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  NetworkDeviceData,
  ResourceClaim,
  ResourceClaimConsumerReference,
  ResourceClaimStatus,
} from '../../../generated/api/resource/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { checkConditions } from '../../checks/conditions.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkDnsLabel } from '../../checks/names.ts';
import { isSame, isSameStruct } from '../../checks/same.ts';
import { checkNodeSelector } from '../../core/pod-spec/affinity.ts';
import { checkList, checkSet } from '../collections.ts';
import { checkBinding, checkConfiguration, checkData } from '../configuration.ts';
import {
  checkRequestReference,
  checkRequestReferences,
  MAX_CONFIGS,
  type RequestNames,
  requestNamesOf,
} from '../device-claim.ts';
import { checkDriverName, checkPoolName, checkUid } from '../names.ts';
import { checkInterfaceAddress } from './interface-addresses.ts';

/** Source of all: resource/validation (ValidateResourceClaimStatusUpdate). */

const MAX_CONSUMERS = 256;
const MAX_RESULTS = 32;
const MAX_CONDITIONS = 8;
const MAX_DATA_BYTES = 10 * 1024;
const MAX_ADDRESSES = 16;
const MAX_INTERFACE_NAME = 256;
const MAX_HARDWARE_ADDRESS = 128;

/** What tells devices apart, as upstream shows it. */
export interface DeviceId {
  readonly Driver: string;
  readonly Pool: string;
  readonly Device: string;
  readonly ShareID: string;
}

export function deviceIdOf(device: AllocatedDeviceStatus | DeviceRequestAllocationResult): DeviceId {
  const { driver = '', pool = '', device: name = '', shareID = '' } = device;
  return { Driver: driver, Pool: pool, Device: name, ShareID: shareID };
}

/** The devices of an allocation, as texts to compare. */
export function allocatedIds(status: ResourceClaimStatus | undefined): ReadonlySet<string> {
  return new Set((status?.allocation?.devices?.results ?? []).map((result) => JSON.stringify(deviceIdOf(result))));
}

export function validateClaimStatus(next: ResourceClaim, previous: ResourceClaim): readonly FieldError[] {
  const faults = new FieldFaults();
  const status = next.status ?? {};
  const { reservedFor = [], allocation, devices } = status;
  checkSet(
    reservedFor,
    MAX_CONSUMERS,
    'status.reservedFor',
    faults,
    ({ uid }) => uid ?? '',
    (consumer, at) => checkConsumer(consumer, at, faults),
  );
  const allocated = allocatedIds(status);
  checkSet(devices, Number.POSITIVE_INFINITY, 'status.devices', faults, deviceIdOf, (device, at) =>
    checkDevice(device, allocated, at, faults),
  );
  if (reservedFor.length > 0) checkReservation(next, previous, 'status.reservedFor', faults);
  const before = previous.status?.allocation;
  if (allocation === undefined) return faults.list;
  const at = 'status.allocation';
  if (before === undefined) checkAllocation(allocation, requestNamesOf(next.spec.devices), at, faults);
  else if (!isSameStruct(allocation, before, 'resource/v1.AllocationResult'))
    faults.invalid(at, toGoView(allocation, 'resource/v1.AllocationResult'), 'field is immutable');
  return faults.list;
}

function checkConsumer(consumer: ResourceClaimConsumerReference, path: string, faults: FieldFaults): void {
  for (const field of ['resource', 'name', 'uid'] as const) if (!consumer[field]) faults.required(`${path}.${field}`);
}

/** A claim that is being deleted takes no new consumers. */
function checkReservation(next: ResourceClaim, previous: ResourceClaim, path: string, faults: FieldFaults): void {
  if (next.status?.allocation === undefined)
    return faults.forbidden(path, 'may not be specified when `allocated` is not set');
  if (next.metadata.deletionTimestamp === undefined) return;
  const before = previous.status?.reservedFor ?? [];
  const isNew = (next.status.reservedFor ?? []).some((consumer) => !before.some((other) => isSame(other, consumer)));
  const why = 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set';
  if (isNew) faults.forbidden(path, why);
}

function checkAllocation(allocation: AllocationResult, names: RequestNames, path: string, faults: FieldFaults): void {
  const { results, config } = allocation.devices ?? {};
  checkList(results, MAX_RESULTS, `${path}.devices.results`, faults, (result, at) =>
    checkResult(result, names, at, faults),
  );
  checkList(config, 2 * MAX_CONFIGS, `${path}.devices.config`, faults, (one, at) =>
    checkAllocatedConfig(one, names, at, faults),
  );
  if (allocation.nodeSelector !== undefined) checkNodeSelector(allocation.nodeSelector, `${path}.nodeSelector`, faults);
}

function checkResult(
  result: DeviceRequestAllocationResult,
  names: RequestNames,
  path: string,
  faults: FieldFaults,
): void {
  checkRequestReference(result.request ?? '', names, `${path}.request`, faults);
  checkDriverName(`${path}.driver`, result.driver, faults);
  checkPoolName(`${path}.pool`, result.pool ?? '', faults);
  checkDnsLabel(`${path}.device`, result.device ?? '', faults);
  checkBinding(result, path, faults);
  if (result.shareID !== undefined) checkUid(`${path}.shareID`, result.shareID, faults);
}

function checkAllocatedConfig(
  config: DeviceAllocationConfiguration,
  names: RequestNames,
  path: string,
  faults: FieldFaults,
): void {
  faults.oneOf(`${path}.source`, config.source, ['FromClaim', 'FromClass']);
  checkRequestReferences(config.requests, names, `${path}.requests`, faults);
  checkConfiguration(config, path, faults);
}

function checkDevice(
  device: AllocatedDeviceStatus,
  allocated: ReadonlySet<string>,
  path: string,
  faults: FieldFaults,
): void {
  checkDriverName(`${path}.driver`, device.driver, faults);
  checkPoolName(`${path}.pool`, device.pool ?? '', faults);
  checkDnsLabel(`${path}.device`, device.device ?? '', faults);
  if (device.shareID !== undefined) checkUid(`${path}.shareID`, device.shareID, faults);
  const id = deviceIdOf(device);
  if (!allocated.has(JSON.stringify(id))) faults.invalid(path, id, 'must be an allocated device in the claim');
  const { conditions = [], data, networkData } = device;
  if (conditions.length > MAX_CONDITIONS) faults.tooMany(`${path}.conditions`, conditions.length, MAX_CONDITIONS);
  checkConditions(conditions, `${path}.conditions`, faults);
  if (data !== undefined && data !== null) checkData(data, MAX_DATA_BYTES, `${path}.data`, faults);
  if (networkData !== undefined) checkNetworkData(networkData, `${path}.networkData`, faults);
}

function checkNetworkData(data: NetworkDeviceData, path: string, faults: FieldFaults): void {
  const { interfaceName = '', hardwareAddress = '', ips } = data;
  if (Buffer.byteLength(interfaceName) > MAX_INTERFACE_NAME)
    faults.tooLong(`${path}.interfaceName`, MAX_INTERFACE_NAME);
  if (Buffer.byteLength(hardwareAddress) > MAX_HARDWARE_ADDRESS)
    faults.tooLong(`${path}.hardwareAddress`, MAX_HARDWARE_ADDRESS);
  checkSet(
    ips,
    MAX_ADDRESSES,
    `${path}.ips`,
    faults,
    (address) => address,
    (address, at) => checkInterfaceAddress(at, address, faults),
  );
}
