import type {
  AzureDiskVolumeSource,
  FCVolumeSource,
  FlockerVolumeSource,
  HostPathVolumeSource,
  NFSVolumeSource,
  QuobyteVolumeSource,
} from '../../../generated/api/core/v1.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkDnsLabel } from '../../checks/names.ts';
import { checkNoBacksteps } from './paths.ts';

/** Kinds of volumes that pods and persistent volumes both have. Source of all: core/validation (validate…VolumeSource). */

/** Texts that a source must have. */
export function checkRequired(source: object, names: readonly string[], path: string, faults: FieldFaults): void {
  for (const name of names) {
    const value: unknown = Reflect.get(source, name);
    if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0))
      faults.required(`${path}.${name}`);
  }
}

const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

export function checkHostPath({ path: value, type }: HostPathVolumeSource, path: string, faults: FieldFaults): void {
  if (!value) return faults.required(`${path}.path`);
  checkNoBacksteps(value, `${path}.path`, faults);
  faults.optionalOneOf(`${path}.type`, type, HOST_PATH_TYPES);
}

/** A partition of a cloud's disk. */
export function checkPartitioned(
  idField: string,
): (source: { partition?: number | undefined }, path: string, faults: FieldFaults) => void {
  return (source, path, faults) => {
    checkRequired(source, [idField], path, faults);
    const { partition = 0 } = source;
    if (partition < 0 || partition > 255)
      faults.invalid(`${path}.partition`, partition, 'must be between 1 and 255, inclusive');
  };
}

export function checkNfs(source: NFSVolumeSource, path: string, faults: FieldFaults): void {
  checkRequired(source, ['server', 'path'], path, faults);
  if (!source.path?.startsWith('/')) faults.invalid(`${path}.path`, source.path ?? '', 'must be an absolute path');
}

export function checkQuobyte(
  { registry = '', tenant = '', volume }: QuobyteVolumeSource,
  path: string,
  faults: FieldFaults,
): void {
  const form = 'must be a host:port pair or multiple pairs separated by commas';
  if (registry === '') faults.required(`${path}.registry`, form);
  else if (tenant.length >= 65)
    faults.required(`${path}.tenant`, 'must be a UUID and may not exceed a length of 64 characters');
  else
    for (const pair of registry.split(','))
      if (!/^([^:[\]]*|\[[^[\]]*\]):[^:]*$/.test(pair)) faults.invalid(`${path}.registry`, registry, form);
  if (!volume) faults.required(`${path}.volume`);
}

export function checkFlocker(
  { datasetName = '', datasetUUID = '' }: FlockerVolumeSource,
  path: string,
  faults: FieldFaults,
): void {
  if (datasetName === '' && datasetUUID === '') faults.required(path, 'one of datasetName and datasetUUID is required');
  if (datasetName !== '' && datasetUUID !== '')
    faults.invalid(path, 'resource', 'datasetName and datasetUUID can not be specified simultaneously');
  if (datasetName.includes('/')) faults.invalid(`${path}.datasetName`, datasetName, "must not contain '/'");
}

export function checkFc({ targetWWNs = [], wwids = [], lun }: FCVolumeSource, path: string, faults: FieldFaults): void {
  const at = `${path}.targetWWNs`;
  if (targetWWNs.length === 0 && wwids.length === 0)
    faults.required(at, 'must specify either targetWWNs or wwids, but not both');
  if (targetWWNs.length > 0 && wwids.length > 0)
    faults.invalid(at, targetWWNs, 'targetWWNs and wwids can not be specified simultaneously');
  if (targetWWNs.length === 0) return;
  if (lun === undefined) faults.required(`${path}.lun`, 'lun is required if targetWWNs is specified');
  else if (lun < 0 || lun > 255) faults.invalid(`${path}.lun`, lun, 'must be between 0 and 255, inclusive');
}

/** Options whose names Kubernetes keeps for itself. */
export function checkFlexVolume(
  { driver, options }: { driver?: string | undefined; options?: Record<string, string> | undefined },
  path: string,
  faults: FieldFaults,
): void {
  if (!driver) faults.required(`${path}.driver`);
  for (const key in options) {
    const slash = key.indexOf('/');
    const namespace = `.${(slash < 0 ? key : key.slice(0, slash)).toLowerCase()}`;
    if (namespace.endsWith('.kubernetes.io') || namespace.endsWith('.k8s.io'))
      faults.invalid(`${path}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved');
  }
}

export function checkAzureDisk(source: AzureDiskVolumeSource, path: string, faults: FieldFaults): void {
  checkRequired(source, ['diskName', 'diskURI'], path, faults);
  const { cachingMode, kind, diskURI = '' } = source;
  faults.optionalOneOf(`${path}.cachingMode`, cachingMode, ['None', 'ReadOnly', 'ReadWrite']);
  faults.optionalOneOf(`${path}.kind`, kind, ['Dedicated', 'Managed', 'Shared']);
  const managed = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
  const blob = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';
  if (kind === 'Managed' && !diskURI.startsWith('/subscriptions/'))
    faults.notSupported(`${path}.diskURI`, diskURI, [managed]);
  if (kind !== undefined && kind !== 'Managed' && !diskURI.startsWith('https://'))
    faults.notSupported(`${path}.diskURI`, diskURI, [blob]);
}

interface StorageOs {
  volumeName?: string | undefined;
  volumeNamespace?: string | undefined;
  secretRef?: object | undefined;
}

/** @param secretFields - What a reference to a Secret must name: in persistent volumes its namespace too. */
export function checkStorageOs(
  secretFields: readonly string[],
): (source: StorageOs, path: string, faults: FieldFaults) => void {
  return ({ volumeName, volumeNamespace, secretRef }, path, faults) => {
    if (!volumeName) faults.required(`${path}.volumeName`);
    else checkDnsLabel(`${path}.volumeName`, volumeName, faults);
    if (volumeNamespace) checkDnsLabel(`${path}.volumeNamespace`, volumeNamespace, faults);
    if (secretRef) checkRequired(secretRef, secretFields, `${path}.secretRef`, faults);
  };
}

/** @param secretFields - As for {@link checkStorageOs}. */
export function checkCinder(
  secretFields: readonly string[],
): (
  source: { volumeID?: string | undefined; secretRef?: object | undefined },
  path: string,
  faults: FieldFaults,
) => void {
  return (source, path, faults) => {
    checkRequired(source, ['volumeID'], path, faults);
    if (source.secretRef) checkRequired(source.secretRef, secretFields, `${path}.secretRef`, faults);
  };
}
