import type { ManagedFieldsEntry, OwnerReference } from '../../generated/api/meta/v1.ts';
import {
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  fieldTooLong,
} from '../../machinery/errors/field-error.ts';
import { type ObjectMeta, parseApiVersion } from '../../machinery/object/object.ts';
import { validateFieldManager } from '../../machinery/patch/apply/manager-name.ts';
import { dns1123LabelFaults, labelKeyFaults, labelValueFaults } from '../../machinery/values/names.ts';
import { isSame } from './equality.ts';
import type { NameRule } from './name-rules.ts';

const ANNOTATIONS_MAX_BYTES = 256 * 1024;
const SUBRESOURCE_MAX_BYTES = 256;
const immutableText = 'field is immutable';

/**
 * Judges metadata as a whole; names must have been generated before.
 * Source: apimachinery `pkg/api/validation/objectmeta.go` (ValidateObjectMetaAccessor).
 */
export function validateMetadata(
  meta: ObjectMeta,
  scope: { namespaced: boolean; nameRule: NameRule },
): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (meta.generateName) {
    const texts = scope.nameRule(meta.generateName, { asPrefix: true });
    faults.push(...texts.map((text) => fieldInvalid('metadata.generateName', meta.generateName, text)));
  }
  if (meta.name) {
    const texts = scope.nameRule(meta.name, { asPrefix: false });
    faults.push(...texts.map((text) => fieldInvalid('metadata.name', meta.name, text)));
  } else {
    faults.push(fieldRequired('metadata.name', 'name or generateName is required'));
  }
  faults.push(...validateNamespace(meta.namespace ?? '', scope.namespaced));
  if ((meta.generation ?? 0) < 0) {
    faults.push(fieldInvalid('metadata.generation', meta.generation, 'must be greater than or equal to 0'));
  }
  faults.push(...validateLabels(meta.labels ?? {}, 'metadata.labels'));
  faults.push(...validateAnnotations(meta.annotations ?? {}, 'metadata.annotations'));
  faults.push(...validateOwnerReferences(meta.ownerReferences ?? [], 'metadata.ownerReferences'));
  faults.push(...validateFinalizers(meta.finalizers ?? [], 'metadata.finalizers'));
  faults.push(...validateManagedFields(meta.managedFields ?? [], 'metadata.managedFields'));
  return faults;
}

/** What an update of metadata may not do. Source: same file (ValidateObjectMetaAccessorUpdate). */
export function validateMetadataUpdate(next: ObjectMeta, previous: ObjectMeta): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (previous.deletionTimestamp) {
    faults.push(...validateNoNewFinalizers(next.finalizers ?? [], previous.finalizers ?? [], 'metadata.finalizers'));
  }
  if (!next.resourceVersion) {
    faults.push(fieldInvalid('metadata.resourceVersion', '', 'must be specified for an update'));
  }
  if ((next.generation ?? 0) < (previous.generation ?? 0)) {
    faults.push(fieldInvalid('metadata.generation', next.generation ?? 0, 'must not be decremented'));
  }
  for (const field of ['name', 'namespace', 'uid'] as const) {
    if ((next[field] ?? '') === (previous[field] ?? '')) continue;
    faults.push(fieldInvalid(`metadata.${field}`, next[field] ?? '', immutableText));
  }
  for (const field of ['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if (isSame(next[field] ?? null, previous[field] ?? null)) continue;
    faults.push(fieldInvalid(`metadata.${field}`, next[field] ?? null, immutableText));
  }
  faults.push(...validateLabels(next.labels ?? {}, 'metadata.labels'));
  faults.push(...validateAnnotations(next.annotations ?? {}, 'metadata.annotations'));
  faults.push(...validateOwnerReferences(next.ownerReferences ?? [], 'metadata.ownerReferences'));
  faults.push(...validateManagedFields(next.managedFields ?? [], 'metadata.managedFields'));
  return faults;
}

function validateNamespace(namespace: string, namespaced: boolean): readonly FieldError[] {
  if (!namespaced) {
    return namespace === '' ? [] : [fieldForbidden('metadata.namespace', 'not allowed on this type')];
  }
  if (namespace === '') return [fieldRequired('metadata.namespace')];
  return dns1123LabelFaults(namespace).map((text) => fieldInvalid('metadata.namespace', namespace, text));
}

/** Keys and values of labels; `path` names the map. */
export function validateLabels(labels: Readonly<Record<string, string>>, path: string): readonly FieldError[] {
  const faults: FieldError[] = [];
  for (const [key, value] of Object.entries(labels)) {
    faults.push(...labelKeyFaults(key).map((text) => fieldInvalid(path, key, text)));
    faults.push(...labelValueFaults(value).map((text) => fieldInvalid(path, value, text)));
  }
  return faults;
}

/** Keys of annotations, which may be in any case, and the size of them all. */
export function validateAnnotations(
  annotations: Readonly<Record<string, string>>,
  path: string,
): readonly FieldError[] {
  const faults: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    faults.push(...labelKeyFaults(key.toLowerCase()).map((text) => fieldInvalid(path, key, text)));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > ANNOTATIONS_MAX_BYTES) faults.push(fieldTooLong(path, ANNOTATIONS_MAX_BYTES));
  return faults;
}

function validateOwnerReferences(owners: readonly OwnerReference[], path: string): readonly FieldError[] {
  const faults: FieldError[] = [];
  let controller = '';
  for (const owner of owners) {
    faults.push(...validateOwnerReference(owner, path));
    if (owner.controller !== true) continue;
    const name = `${owner.kind}/${owner.name}`;
    if (controller === '') {
      controller = name;
      continue;
    }
    const text = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`;
    faults.push(fieldInvalid(path, owners, text));
  }
  return faults;
}

function validateOwnerReference(owner: OwnerReference, path: string): readonly FieldError[] {
  const faults: FieldError[] = [];
  const { group, version } = parseOwnerVersion(owner.apiVersion ?? '');
  if (version === '')
    faults.push(fieldInvalid(`${path}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty'));
  for (const field of ['kind', 'name', 'uid'] as const) {
    if (!owner[field]) faults.push(fieldInvalid(`${path}.${field}`, owner[field] ?? '', 'must not be empty'));
  }
  if (group === '' && version === 'v1' && owner.kind === 'Event') {
    faults.push(fieldInvalid(path, owner, '/v1, Kind=Event is disallowed from being an owner'));
  }
  return faults;
}

/** What is no API version names no group and no version. Source: apimachinery `runtime/schema` (FromAPIVersionAndKind). */
function parseOwnerVersion(apiVersion: string): { readonly group: string; readonly version: string } {
  const slashes = apiVersion.split('/').length - 1;
  return slashes > 1 || apiVersion === '/' ? { group: '', version: '' } : parseApiVersion(apiVersion);
}

const standardFinalizers = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

/**
 * Finalizers without a prefix must be Kubernetes' own. Most built-in kinds ask for that, next to the general rules.
 * Source: core/validation (validateKubeFinalizerName).
 */
export function validateKubeFinalizers(meta: ObjectMeta): readonly FieldError[] {
  const text = 'name is neither a standard finalizer name nor is it fully qualified';
  return (meta.finalizers ?? []).flatMap((name, index) =>
    name.includes('/') || standardFinalizers.has(name)
      ? []
      : [fieldInvalid(`metadata.finalizers[${index}]`, name, text)],
  );
}

function validateFinalizers(finalizers: readonly string[], path: string): readonly FieldError[] {
  const faults = finalizers.flatMap((name) => labelKeyFaults(name).map((text) => fieldInvalid(path, name, text)));
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    faults.push(fieldInvalid(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
  }
  return faults;
}

function validateNoNewFinalizers(
  next: readonly string[],
  previous: readonly string[],
  path: string,
): readonly FieldError[] {
  const added = [...new Set(next.filter((name) => !previous.includes(name)))].sort();
  if (added.length === 0) return [];
  const list = added.map((name) => JSON.stringify(name)).join(', ');
  const text = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
  return [fieldForbidden(path, text)];
}

function validateManagedFields(entries: readonly ManagedFieldsEntry[], path: string): readonly FieldError[] {
  const faults: FieldError[] = [];
  for (const [index, entry] of entries.entries()) {
    const at = `${path}[${index}]`;
    if (entry.operation !== 'Apply' && entry.operation !== 'Update') {
      faults.push(fieldInvalid(`${at}.operation`, entry.operation ?? '', 'must be `Apply` or `Update`'));
    }
    if (entry.fieldsType && entry.fieldsType !== 'FieldsV1') {
      faults.push(fieldInvalid(`${at}.fieldsType`, entry.fieldsType, 'must be `FieldsV1`'));
    }
    faults.push(...validateFieldManager(entry.manager ?? '', `${at}.manager`));
    if (Buffer.byteLength(entry.subresource ?? '') > SUBRESOURCE_MAX_BYTES) {
      faults.push(fieldTooLong(`${at}.subresource`, SUBRESOURCE_MAX_BYTES));
    }
  }
  return faults;
}
