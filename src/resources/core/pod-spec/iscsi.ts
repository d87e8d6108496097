import type { ISCSIVolumeSource } from '../../../generated/api/core/v1.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkRequired } from './volume-sources.ts';

const IQN = /iqn\.\d{4}-\d{2}\.([A-Za-z0-9\-.]+)(:[^,;*&$|\s]+)$/;
const EUI = /^eui.[A-Za-z0-9]{16}$/;
const NAA = /^naa.[A-Za-z0-9]{32}$/;

type Source = Omit<ISCSIVolumeSource, 'secretRef'> & { secretRef?: { name?: string | undefined } | undefined };

/** The initiator's or target's name: `iqn.…`, `eui.…` or `naa.…`. */
function checkName(value: string, path: string, prefixText: string, faults: FieldFaults): void {
  const pattern = value.startsWith('iqn') ? IQN : value.startsWith('eui') ? EUI : value.startsWith('naa') ? NAA : null;
  if (pattern === null) faults.invalid(path, value, prefixText);
  else if (!pattern.test(value)) faults.invalid(path, value, 'must be valid format');
}

/** Source: core/validation (validateISCSIVolumeSource). */
export function checkIscsi(source: Source, path: string, faults: FieldFaults): void {
  checkShared(source, path, 'must be valid format starting with iqn, eui, or naa', faults);
}

/** Source: core/validation (validateISCSIPersistentVolumeSource). */
export function checkPersistentIscsi(source: Source, volumeName: string, path: string, faults: FieldFaults): void {
  const { initiatorName, targetPortal = '' } = source;
  if (targetPortal === '') faults.required(`${path}.targetPortal`);
  if (initiatorName !== undefined && `${volumeName}:${targetPortal}`.length > 64)
    faults.invalid(`${path}.targetportal`, targetPortal, TOO_LONG);
  checkRest(source, path, 'must be valid format', faults);
  if (source.secretRef) checkRequired(source.secretRef, ['name'], `${path}.secretRef`, faults);
  checkInitiator(source, path, 'must be valid format', faults);
}

export const TOO_LONG =
  'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.';

function checkShared(source: Source, path: string, prefixText: string, faults: FieldFaults): void {
  if (!source.targetPortal) faults.required(`${path}.targetPortal`);
  checkRest(source, path, prefixText, faults);
  checkInitiator(source, path, prefixText, faults);
}

function checkRest(source: Source, path: string, prefixText: string, faults: FieldFaults): void {
  const { iqn, lun = 0, chapAuthDiscovery, chapAuthSession, secretRef } = source;
  if (!iqn) faults.required(`${path}.iqn`);
  else checkName(iqn, `${path}.iqn`, prefixText, faults);
  if (lun < 0 || lun > 255) faults.invalid(`${path}.lun`, lun, 'must be between 0 and 255, inclusive');
  if ((chapAuthDiscovery || chapAuthSession) && !secretRef) faults.required(`${path}.secretRef`);
}

function checkInitiator({ initiatorName }: Source, path: string, prefixText: string, faults: FieldFaults): void {
  if (initiatorName !== undefined) checkName(initiatorName, `${path}.initiatorname`, prefixText, faults);
}
