import type { ControllerRevision } from '../../../generated/api/apps/v1.ts';
import { controllerrevisions } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { controllerOf, parseApiVersion } from '../../../machinery/object/object.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { isSame } from '../../checks/same.ts';
import { defineResource } from '../../define.ts';

/** Source: apps/validation (ValidateControllerRevisionCreate). */
function validate({ revision, data }: ControllerRevision): readonly FieldError[] {
  const faults = new FieldFaults();
  faults.nonNegative('revision', revision);
  if (data === undefined || data === null) faults.required('data', 'data is mandatory');
  else if (typeof data !== 'object' || Array.isArray(data)) faults.required('data', 'data must be a valid JSON object');
  return faults.list;
}

/** Source: apps/validation (ValidateControllerRevisionUpdate). */
function validateUpdate(next: ControllerRevision, previous: ControllerRevision): readonly FieldError[] {
  const faults = new FieldFaults();
  faults.nonNegative('revision', next.revision);
  faults.immutable('data', next.data, previous.data, isSame);
  return faults.list;
}

/** Source: printControllerRevision. */
function controllerText(object: ControllerRevision): string {
  const owner = controllerOf(object);
  if (owner === undefined) return '<none>';
  const { group } = parseApiVersion(owner.apiVersion);
  return `${(group === '' ? owner.kind : `${owner.kind}.${group}`).toLowerCase()}/${owner.name}`;
}

export const controllerRevisionResource = defineResource(controllerrevisions, {
  cells: { Controller: controllerText, Revision: ({ revision }) => revision ?? 0 },
  strategy: { validateCreate: validate, validateUpdate },
});
