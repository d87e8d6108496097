import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../../generated/api/core/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { qualifiedNameFaults } from '../../../machinery/values/names.ts';
import { parseQuantity } from '../../../machinery/values/quantity.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { goDifference } from '../../checks/go-view.ts';
import { checkAmount, checkBasicAmount, isNative } from '../../checks/resource-names.ts';
import { isSameStruct } from '../../checks/same.ts';
import { checkClaimSpec } from './claim-spec.ts';

const BETA_CLASS = 'volume.beta.kubernetes.io/storage-class';

/** Source of all: core/validation (ValidatePersistentVolumeClaim, …Update, …StatusUpdate). */

export function validateClaim({ spec }: PersistentVolumeClaim): readonly FieldError[] {
  const faults = new FieldFaults();
  checkClaimSpec(spec, 'spec', faults);
  return faults.list;
}

export function validateClaimUpdate(
  next: PersistentVolumeClaim,
  previous: PersistentVolumeClaim,
): readonly FieldError[] {
  const faults = new FieldFaults();
  const { spec: old } = previous;
  const keepsGroups = old.dataSource?.apiGroup !== undefined || old.dataSourceRef?.apiGroup !== undefined;
  checkClaimSpec(next.spec, 'spec', faults, { keepsGroups });
  const rest: PersistentVolumeClaimSpec = { ...next.spec };
  // Whoever binds the claim fills this in, once.
  const before = old.volumeName ? old : { ...old, volumeName: next.spec.volumeName };
  takeClass(rest, next, previous, faults);
  const isBound = next.status?.phase === 'Bound';
  if (isBound) {
    const size = old.resources?.requests?.['storage'];
    if (rest.resources?.requests && size !== undefined)
      rest.resources = { ...rest.resources, requests: { ...rest.resources.requests, storage: size } };
    rest.volumeAttributesClassName = old.volumeAttributesClassName;
  }
  if (!isSameStruct(rest, before, 'core/v1.PersistentVolumeClaimSpec')) {
    const why =
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    faults.forbidden('spec', `${why}\n${goDifference(before, rest, 'core/v1.PersistentVolumeClaimSpec')}`);
  }
  checkShrink(next, previous, faults);
  if (next.spec.volumeMode !== old.volumeMode)
    faults.invalid('volumeMode', next.spec.volumeMode ?? null, 'field is immutable');
  checkAttributesClass(next, previous, faults);
  return faults.list;
}

/** A class may move from the old annotation to the field, or come where there was none. */
function takeClass(
  rest: PersistentVolumeClaimSpec,
  next: PersistentVolumeClaim,
  previous: PersistentVolumeClaim,
  faults: FieldFaults,
): void {
  const before = previous.metadata.annotations?.[BETA_CLASS];
  const after = next.metadata.annotations?.[BETA_CLASS];
  const { storageClassName } = next.spec;
  const hadNone = previous.spec.storageClassName === undefined;
  const moves =
    before !== undefined && hadNone && storageClassName === before && (after === undefined || after === before);
  if (moves) {
    rest.storageClassName = undefined;
    return;
  }
  if ((before ?? '') !== (after ?? ''))
    faults.invalid(`metadata.annotations.${BETA_CLASS}`, after ?? '', 'field is immutable');
  if (storageClassName !== undefined && hadNone && (before === undefined || storageClassName === before))
    rest.storageClassName = undefined;
}

function checkShrink(next: PersistentVolumeClaim, previous: PersistentVolumeClaim, faults: FieldFaults): void {
  const sizeOf = (amounts: Readonly<Record<string, string>> | undefined) => parseQuantity(amounts?.['storage'] ?? '0');
  const size = sizeOf(next.spec.resources?.requests);
  if (size.compare(sizeOf(previous.spec.resources?.requests)) >= 0) return;
  if (size.compare(sizeOf(previous.status?.capacity)) <= 0)
    faults.forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity');
}

function checkAttributesClass(
  { spec }: PersistentVolumeClaim,
  previous: PersistentVolumeClaim,
  faults: FieldFaults,
): void {
  const { volumeAttributesClassName: name } = spec;
  if (name === previous.spec.volumeAttributesClassName) return;
  if (previous.status?.currentVolumeAttributesClassName === undefined) return;
  const rest = 'is forbidden when status.currentVolumeAttributesClassName is not nil';
  if (name === undefined) faults.forbidden('spec.volumeAttributesClassName', `update to nil ${rest}`);
  else if (name === '') faults.forbidden('spec.volumeAttributesClassName', `update to empty string ${rest}`);
}

const RESIZE_STATES = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
].sort();

export function validateClaimStatus({ status, spec }: PersistentVolumeClaim): readonly FieldError[] {
  const faults = new FieldFaults();
  if ((spec.accessModes ?? []).length === 0) faults.required('Spec.accessModes');
  for (const [name, amount] of Object.entries(status?.capacity ?? {}))
    checkBasicAmount(amount, `status.capacity[${name}]`, faults);
  for (const [name, state] of Object.entries(status?.allocatedResourceStatuses ?? {})) {
    const at = 'status.allocatedResourceStatuses';
    checkKey(name, at, faults);
    if (!RESIZE_STATES.includes(state)) faults.notSupported(at, name, RESIZE_STATES);
  }
  for (const [name, amount] of Object.entries(status?.allocatedResources ?? {})) {
    if (!checkKey(name, 'status.allocatedResources', faults)) continue;
    const before = faults.count;
    const at = `status.allocatedResources[${name}]`;
    checkBasicAmount(amount, at, faults);
    if (faults.count === before) checkAmount('storage', amount, at, faults);
  }
  return faults.list;
}

function checkKey(name: string, path: string, faults: FieldFaults): boolean {
  const problems = qualifiedNameFaults(name);
  faults.invalidFor(path, name, problems);
  if (problems.length > 0) return false;
  if (!isNative(name) || name === 'storage') return true;
  faults.notSupported(path, name, ['storage']);
  return false;
}
