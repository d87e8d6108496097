import type { ConfigMap } from '../../../generated/api/core/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { configKeyFaults } from '../../../machinery/values/names.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { haveSameEntries } from '../../checks/same.ts';

/** Bytes that one ConfigMap or Secret may hold. */
export const MAX_DATA_BYTES = 1024 * 1024;

/** Source: core/validation (ValidateConfigMap). */
export function validateConfigMap(object: ConfigMap): readonly FieldError[] {
  const faults = new FieldFaults();
  check(object, faults);
  return faults.list;
}

/** Source: core/validation (ValidateConfigMapUpdate). */
export function validateConfigMapUpdate(next: ConfigMap, previous: ConfigMap): readonly FieldError[] {
  const faults = new FieldFaults();
  checkImmutable(next, previous, ['data', 'binaryData'], faults);
  check(next, faults);
  return faults.list;
}

function check({ data, binaryData }: ConfigMap, faults: FieldFaults): void {
  let bytes = 0;
  for (const key in data) {
    faults.invalidFor(`data[${key}]`, key, configKeyFaults(key));
    if (binaryData?.[key] !== undefined) faults.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData');
    bytes += Buffer.byteLength(data[key] ?? '');
  }
  for (const key in binaryData) {
    faults.invalidFor(`binaryData[${key}]`, key, configKeyFaults(key));
    bytes += Buffer.byteLength(binaryData[key] ?? '', 'base64');
  }
  if (bytes > MAX_DATA_BYTES) faults.tooLong('[]', MAX_DATA_BYTES);
}

/** Nothing of an immutable object changes any more, not even that it is immutable. */
export function checkImmutable(
  next: { immutable?: boolean | undefined },
  previous: { immutable?: boolean | undefined },
  fields: readonly string[],
  faults: FieldFaults,
): void {
  if (!previous.immutable) return;
  const why = 'field is immutable when `immutable` is set';
  if (!next.immutable) faults.forbidden('immutable', why);
  for (const field of fields)
    if (!haveSameEntries(Reflect.get(next, field), Reflect.get(previous, field))) faults.forbidden(field, why);
}
