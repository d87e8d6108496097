import type {
  Device,
  DeviceClass,
  DeviceRequest,
  DeviceSubRequest,
  DeviceTaint,
  DeviceToleration,
  ExactDeviceRequest,
  ResourceClaim,
  ResourceSlice,
} from '../../generated/api/resource/v1.ts';
import type { RequestName } from './constraints.ts';
import type { Pool } from './pools.ts';

/** Thrown where no node can be tried since a claim or class is wrong; the pod is tried again later. */
export class AllocationError extends Error {
  override readonly name = 'AllocationError';
}

/** A device in its place. */
export interface PlacedDevice {
  readonly key: string;
  readonly device: Device;
  readonly slice: ResourceSlice;
  readonly pool: Pool;
}

/** One way to serve a request: the request itself, or one of its alternatives. */
export interface Option {
  readonly name: RequestName;
  readonly asked: ExactDeviceRequest | DeviceSubRequest;
  readonly adminAccess: boolean;
  readonly deviceClass: DeviceClass;
  /** Whether a device is one that class and request select, as far as it was looked at. */
  readonly selects: Map<Device, boolean>;
}

/** Source: `k8s.io/api/resource/v1` (AllocationResultsMaxSize). */
export const MOST_DEVICES = 32;

export const claimText = ({ metadata: { namespace, name } }: ResourceClaim): string => `${namespace}/${name}`;

/** The name that results and configurations use. */
export const nameText = ({ base, sub }: RequestName): string => (sub === '' ? base : `${base}/${sub}`);

/** How a request calls itself in messages. */
export const ownName = ({ base, sub }: RequestName): string => (sub === '' ? base : sub);

/** The ways to serve a request, the preferred first. @throws AllocationError */
export function toOptions(
  request: DeviceRequest,
  claim: ResourceClaim,
  findClass: (name: string) => DeviceClass | undefined,
): Option[] {
  const toOption = (asked: ExactDeviceRequest | DeviceSubRequest, name: RequestName): Option => {
    const where = `claim ${claimText(claim)}, request ${ownName(name)}`;
    const unknown = (asked.selectors ?? []).findIndex(({ cel }) => cel === undefined);
    if (unknown >= 0)
      throw new AllocationError(`${where}, selector #${unknown}: CEL expression empty (unsupported selector type?)`);
    if (!asked.deviceClassName)
      throw new AllocationError(`${where}: missing device class name (unsupported request type?)`);
    const deviceClass = findClass(asked.deviceClassName);
    if (deviceClass === undefined) {
      const missing = `deviceclass.resource.k8s.io "${asked.deviceClassName}" not found`;
      throw new AllocationError(`${where}: could not retrieve device class ${asked.deviceClassName}: ${missing}`);
    }
    const mode = asked.allocationMode ?? 'ExactCount';
    if (mode !== 'ExactCount' && mode !== 'All') throw new AllocationError(`${where}: unsupported count mode ${mode}`);
    const adminAccess = 'adminAccess' in asked && asked.adminAccess === true;
    return { name, asked, adminAccess, deviceClass, selects: new Map() };
  };
  const { exactly, firstAvailable = [], name } = request;
  if (exactly !== undefined) return [toOption(exactly, { base: name, sub: '' })];
  return firstAvailable.map((each) => toOption(each, { base: name, sub: each.name }));
}

/** Whether a taint keeps a request from a device. Effects that nobody knows keep nobody. */
export function isTaintedFor({ taints = [] }: Device, tolerations: readonly DeviceToleration[]): boolean {
  return taints.some(
    (taint) =>
      (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') &&
      !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
}

/** Source: `k8s.io/dynamic-resource-allocation/resourceclaim/devicetoleration.go`. */
function tolerates({ effect, key, operator, value = '' }: DeviceToleration, taint: DeviceTaint): boolean {
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return (!operator || operator === 'Equal') && value === (taint.value ?? '');
}
