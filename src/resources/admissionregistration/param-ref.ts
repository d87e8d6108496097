import type { ParamRef } from '../../generated/api/admissionregistration/v1.ts';
import { dns1123SubdomainFaults, pathSegmentFaults } from '../../machinery/values/names.ts';
import type { FieldFaults } from '../checks/field-faults.ts';
import { checkLabelSelector } from '../checks/labels.ts';

/** Source of all: admissionregistration/validation (validateParamRef, …BindingSpec). */

const EXCLUSIVE = 'name and selector are mutually exclusive';

export function checkPolicyName(name: string, faults: FieldFaults): void {
  if (name === '') faults.required('spec.policyName');
  else faults.invalidFor('spec.policyName', name, dns1123SubdomainFaults(name));
}

export function checkParamRef(reference: ParamRef, path: string, faults: FieldFaults): void {
  const { name = '', selector, parameterNotFoundAction: action } = reference;
  if (name !== '') {
    faults.invalidFor(`${path}.name`, name, pathSegmentFaults(name));
    if (selector !== undefined) faults.forbidden(`${path}.name`, EXCLUSIVE);
  }
  if (selector !== undefined) {
    checkLabelSelector(selector, `${path}.selector`, faults);
    if (name !== '') faults.forbidden(`${path}.selector`, EXCLUSIVE);
  }
  if (name === '' && selector === undefined) faults.required(path, 'one of name or selector must be specified');
  faults.oneOf(`${path}.parameterNotFoundAction`, action, ['Deny', 'Allow']);
}
