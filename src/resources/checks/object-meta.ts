import type { ObjectMeta } from '../../generated/api/meta/v1.ts';
import { qualifiedNameFaults } from '../../machinery/values/names.ts';
import type { FieldFaults } from './field-faults.ts';
import { checkLabels } from './labels.ts';

const MAX_ANNOTATION_BYTES = 256 * 1024;

/** Source: apimachinery `pkg/api/validation/objectmeta.go` (ValidateAnnotations). */
export function checkAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  path: string,
  faults: FieldFaults,
): void {
  let bytes = 0;
  for (const key in annotations) {
    faults.invalidFor(path, key, qualifiedNameFaults(key.toLowerCase()));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(annotations[key] ?? '');
  }
  if (bytes > MAX_ANNOTATION_BYTES) faults.tooLong(path, MAX_ANNOTATION_BYTES);
}

/** Go's zero value, of which nobody knows whether it was given. */
const isNothing = (value: unknown): boolean => value === undefined || value === null || value === '' || value === 0;

/**
 * Metadata inside of a template that makes other objects: labels and annotations, nothing else.
 *
 * Source: core/validation (ValidateTemplateObjectMeta).
 */
export function checkTemplateMeta(metadata: ObjectMeta | undefined, path: string, faults: FieldFaults): void {
  if (!metadata) return;
  checkAnnotations(metadata.annotations, `${path}.annotations`, faults);
  checkLabels(metadata.labels, `${path}.labels`, faults);
  for (const [field, value] of Object.entries(metadata)) {
    if (field === 'annotations' || field === 'labels' || isNothing(value)) continue;
    // Upstream makes the path from Go's name of the field.
    faults.forbidden(`${path}.${field === 'uid' ? 'uID' : field}`, 'cannot be set');
  }
}
