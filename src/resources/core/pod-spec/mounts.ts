import type { Container, Volume, VolumeMount } from '../../../generated/api/core/v1.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkDescendingPath, hasBacksteps } from './paths.ts';

type Volumes = ReadonlyMap<string, Volume>;

/** Source of all: core/validation (ValidateVolumeMounts, ValidateVolumeDevices). */

export function checkMounts(container: Container, volumes: Volumes, path: string, faults: FieldFaults): void {
  const { volumeMounts, volumeDevices = [] } = container;
  const seen = new Set<string>();
  volumeMounts?.forEach((mount, index) => {
    const at = `${path}[${index}]`;
    const { name = '', mountPath = '', subPath, subPathExpr } = mount;
    if (name === '') faults.required(`${at}.name`);
    if (!volumes.has(name)) faults.notFound(`${at}.name`, name);
    if (mountPath === '') faults.required(`${at}.mountPath`);
    if (seen.has(mountPath)) faults.invalid(`${at}.mountPath`, mountPath, 'must be unique');
    seen.add(mountPath);
    if (volumeDevices.some((device) => (device.name ?? '') === name))
      faults.invalid(`${at}.name`, name, 'must not already exist in volumeDevices');
    if (volumeDevices.some(({ devicePath = '' }) => devicePath === mountPath))
      faults.invalid(`${at}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices');
    // Upstream leaves the index out of the paths from here on.
    if (subPath) checkDescendingPath(subPath, `${path}.subPath`, faults);
    if (subPathExpr) {
      if (subPath) faults.invalid(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive');
      checkDescendingPath(subPathExpr, `${path}.subPathExpr`, faults);
    }
    checkPropagation(mount, container, `${path}.mountPropagation`, faults);
    checkRecursiveReadOnly(mount, `${path}.recursiveReadOnly`, faults);
  });
}

const PROPAGATIONS = ['Bidirectional', 'HostToContainer', 'None'];

function checkPropagation(
  { mountPropagation }: VolumeMount,
  { securityContext }: Container,
  path: string,
  faults: FieldFaults,
): void {
  if (mountPropagation === undefined) return;
  if (!PROPAGATIONS.includes(mountPropagation)) faults.notSupported(path, mountPropagation, PROPAGATIONS);
  if (mountPropagation === 'Bidirectional' && securityContext?.privileged !== true)
    faults.forbidden(path, 'Bidirectional mount propagation is available only to privileged containers');
}

function checkRecursiveReadOnly(mount: VolumeMount, path: string, faults: FieldFaults): void {
  const { recursiveReadOnly, readOnly, mountPropagation } = mount;
  if (recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return;
  if (recursiveReadOnly !== 'Enabled' && recursiveReadOnly !== 'IfPossible') {
    faults.notSupported(path, recursiveReadOnly, ['Disabled', 'Enabled', 'IfPossible']);
    return;
  }
  if (!readOnly) faults.forbidden(path, 'may only be specified when readOnly is true');
  if (mountPropagation !== undefined && mountPropagation !== 'None')
    faults.forbidden(path, 'may only be specified when mountPropagation is None or not specified');
}

export function checkDevices(
  { volumeDevices, volumeMounts = [] }: Container,
  volumes: Volumes,
  path: string,
  faults: FieldFaults,
): void {
  const names = new Set<string>();
  const paths = new Set<string>();
  volumeDevices?.forEach(({ name = '', devicePath = '' }, index) => {
    const at = `${path}[${index}]`;
    const volume = volumes.get(name);
    if (name === '') faults.required(`${at}.name`);
    if (names.has(name)) faults.invalid(`${at}.name`, name, 'must be unique');
    if (volume && !volume.persistentVolumeClaim && !volume.ephemeral) {
      const why = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
      faults.invalid(`${at}.name`, name, why);
    }
    if (!volume) faults.notFound(`${at}.name`, name);
    if (devicePath === '') faults.required(`${at}.devicePath`);
    if (paths.has(devicePath)) faults.invalid(`${at}.devicePath`, devicePath, 'must be unique');
    if (devicePath !== '' && hasBacksteps(devicePath))
      faults.invalid(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')");
    else paths.add(devicePath);
    if (volumeMounts.some((mount) => (mount.name ?? '') === name))
      faults.invalid(`${at}.name`, name, 'must not already exist in volumeMounts');
    if (volumeMounts.some(({ mountPath = '' }) => mountPath === devicePath))
      faults.invalid(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts');
    if (name !== '') names.add(name);
  });
}
