import type {
  PersistentVolumeClaimSpec,
  PersistentVolumeClaimTemplate,
  TypedObjectReference,
} from '../../../generated/api/core/v1.ts';
import { dns1123LabelFaults } from '../../../machinery/values/names.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkLabelSelector } from '../../checks/labels.ts';
import { checkDnsSubdomain, objectNameFaults } from '../../checks/names.ts';
import { checkTemplateMeta } from '../../checks/object-meta.ts';
import { checkAmount, checkPositiveAmount } from '../../checks/resource-names.ts';
import { roundAmounts } from '../../checks/round-amounts.ts';

export const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
export const VOLUME_MODES = ['Block', 'Filesystem'];

/** Source: pkg/apis/core/v1/defaults.go (SetDefaults_PersistentVolumeClaimSpec). */
export function defaultClaimSpec(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= 'Filesystem';
  roundAmounts(spec.resources?.limits);
  roundAmounts(spec.resources?.requests);
}

export function checkClaimTemplate(
  { metadata, spec }: PersistentVolumeClaimTemplate,
  path: string,
  faults: FieldFaults,
): void {
  checkTemplateMeta(metadata, `${path}.metadata`, faults);
  checkClaimSpec(spec ?? {}, `${path}.spec`, faults);
}

export function checkAccessModes(modes: readonly string[] | undefined, path: string, faults: FieldFaults): void {
  for (const mode of modes ?? []) if (!ACCESS_MODES.includes(mode)) faults.notSupported(path, mode, ACCESS_MODES);
  const others = modes?.some((mode) => mode !== 'ReadWriteOncePod' && ACCESS_MODES.includes(mode));
  if (modes?.includes('ReadWriteOncePod') && others)
    faults.forbidden(path, 'may not use ReadWriteOncePod with other access modes');
}

/** @param options.keepsGroups - API groups of data sources were stored before and are not judged again. */
export function checkClaimSpec(
  spec: PersistentVolumeClaimSpec,
  path: string,
  faults: FieldFaults,
  options: { readonly keepsGroups?: boolean } = {},
): void {
  if ((spec.accessModes ?? []).length === 0)
    faults.required(`${path}.accessModes`, 'at least 1 access mode is required');
  checkLabelSelector(spec.selector, `${path}.selector`, faults);
  checkAccessModes(spec.accessModes, `${path}.accessModes`, faults);
  const size = spec.resources?.requests?.['storage'];
  const before = faults.count;
  const at = `${path}.resources[storage]`;
  if (size === undefined) faults.required(at);
  else {
    checkPositiveAmount(size, at, faults);
    if (faults.count === before) checkAmount('storage', size, at, faults);
  }
  for (const field of ['storageClassName', 'volumeAttributesClassName'] as const) {
    if (field === 'volumeAttributesClassName') checkSources(spec, path, faults, options);
    const value = spec[field];
    if (value) faults.invalidFor(`${path}.${field}`, value, objectNameFaults(value));
    if (field === 'storageClassName') faults.optionalOneOf(`${path}.volumeMode`, spec.volumeMode, VOLUME_MODES);
  }
}

function checkSources(
  { dataSource, dataSourceRef }: PersistentVolumeClaimSpec,
  path: string,
  faults: FieldFaults,
  options: { readonly keepsGroups?: boolean },
): void {
  if (dataSource) checkSource(dataSource, `${path}.dataSource`, faults, options);
  if (dataSourceRef) checkSource(dataSourceRef, `${path}.dataSourceRef`, faults, options);
  if (!dataSource || !dataSourceRef) return;
  const refuse = (why: string): void => faults.invalid(path, {}, why);
  if (dataSourceRef.namespace) refuse('may not be specified when dataSourceRef.namespace is specified');
  else if (
    dataSource.apiGroup !== dataSourceRef.apiGroup ||
    dataSource.kind !== dataSourceRef.kind ||
    dataSource.name !== dataSourceRef.name
  )
    refuse('must match dataSourceRef');
}

function checkSource(
  { name, kind, apiGroup, namespace }: TypedObjectReference,
  path: string,
  faults: FieldFaults,
  { keepsGroups }: { readonly keepsGroups?: boolean },
): void {
  if (!name) faults.required(`${path}.name`);
  if (!kind) faults.required(`${path}.kind`);
  if (!apiGroup && kind !== 'PersistentVolumeClaim')
    faults.invalid(path, kind ?? '', "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
  if (apiGroup && !keepsGroups) checkDnsSubdomain(`${path}.apiGroup`, apiGroup, faults);
  if (namespace) faults.invalidFor(`${path}.namespace`, namespace, dns1123LabelFaults(namespace));
}
