import type { TopologySelectorTerm } from '../../../generated/api/core/v1.ts';
import type { StorageClass } from '../../../generated/api/storage/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { checkLabelName } from '../../checks/labels.ts';
import { isSame } from '../../checks/same.ts';
import { checkParameters, checkProvisioner } from '../parameters.ts';

/** Source of all: storage/validation (ValidateStorageClass, …Update). */

export function validateStorageClass(object: StorageClass): readonly FieldError[] {
  const faults = new FieldFaults();
  check(object, faults);
  return faults.list;
}

export function validateStorageClassUpdate(next: StorageClass, previous: StorageClass): readonly FieldError[] {
  const faults = new FieldFaults();
  check(next, faults);
  for (const field of ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const)
    faults.immutable(field, next[field], previous[field], isSame);
  return faults.list;
}

function check(object: StorageClass, faults: FieldFaults): void {
  checkProvisioner('provisioner', object.provisioner ?? '', faults);
  checkParameters(object.parameters ?? {}, { mayBeEmpty: true }, faults);
  const { reclaimPolicy, volumeBindingMode: mode } = object;
  if (reclaimPolicy) faults.optionalOneOf('reclaimPolicy', reclaimPolicy, ['Delete', 'Retain']);
  if (mode === undefined) faults.required('volumeBindingMode');
  faults.optionalOneOf('volumeBindingMode', mode, ['Immediate', 'WaitForFirstConsumer']);
  checkTopologies(object.allowedTopologies ?? [], faults);
}

type Values = ReadonlyMap<string, ReadonlySet<string>>;

function checkTopologies(terms: readonly TopologySelectorTerm[], faults: FieldFaults): void {
  // Upstream's list of seen terms starts with one empty term for each given one: an empty term repeats all of them.
  const seen: Values[] = terms.map(() => new Map());
  terms.forEach((term, index) => {
    const path = `allowedTopologies[${index}].matchLabelExpressions`;
    const values = checkTerm(term, path, faults);
    for (const other of seen) if (haveSameValues(values, other)) faults.duplicate(path, '');
    seen.push(values);
  });
}

function checkTerm(term: TopologySelectorTerm, path: string, faults: FieldFaults): Values {
  const found = new Map<string, ReadonlySet<string>>();
  term.matchLabelExpressions?.forEach((requirement, index) => {
    const key = requirement.key ?? '';
    const values = requirement.values ?? [];
    const at = `${path}[${index}]`;
    if (values.length === 0) faults.required(`${at}.values`);
    values.forEach((value, position) => {
      if (values.indexOf(value) < position) faults.duplicate(`${at}.values[${position}]`, value);
    });
    checkLabelName(key, `${at}.key`, faults);
    if (found.has(key)) faults.duplicate(`${at}.key`, key);
    found.set(key, new Set(values));
  });
  return found;
}

function haveSameValues(a: Values, b: Values): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([key, values]) => {
    const other = b.get(key);
    return other !== undefined && other.size === values.size && [...values].every((value) => other.has(value));
  });
}
