import type { FieldFaults } from '../checks/field-faults.ts';
import { checkQualifiedName } from '../checks/names.ts';

/** Source of all: storage/validation (validateProvisioner, validateParameters). */

const MAX_PARAMETERS = 512;
const MAX_BYTES = 256 * 1024;

/** Who makes volumes; upper case is fine. */
export function checkProvisioner(path: string, provisioner: string, faults: FieldFaults): void {
  if (provisioner === '') faults.required(path);
  else checkQualifiedName(path, provisioner.toLowerCase(), faults);
}

/** What provisioners are told. @param options.mayBeEmpty - Whether there may be none. */
export function checkParameters(
  parameters: Readonly<Record<string, string>>,
  options: { readonly mayBeEmpty: boolean },
  faults: FieldFaults,
): void {
  const entries = Object.entries(parameters);
  if (entries.length > MAX_PARAMETERS) return faults.tooLong('parameters', MAX_PARAMETERS);
  let bytes = 0;
  for (const [key, value] of entries) {
    if (key === '') faults.invalid('parameters', key, 'field can not be empty.');
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value ?? '');
  }
  if (bytes > MAX_BYTES) faults.tooLong('parameters', MAX_BYTES);
  if (!options.mayBeEmpty && entries.length === 0)
    faults.required('parameters', 'must contain at least one key/value pair');
}
