import type { VolumeAttributesClass } from '../../../generated/api/storage/v1.ts';
import { volumeattributesclasses } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { isSame } from '../../checks/same.ts';
import { defineResource } from '../../define.ts';
import { checkParameters, checkProvisioner } from '../parameters.ts';

/** Source of all: storage/validation (ValidateVolumeAttributesClass, …Update). */

function check({ driverName = '', parameters = {} }: VolumeAttributesClass, faults: FieldFaults): void {
  checkProvisioner('driverName', driverName, faults);
  checkParameters(parameters, { mayBeEmpty: false }, faults);
}

function validate(object: VolumeAttributesClass): readonly FieldError[] {
  const faults = new FieldFaults();
  check(object, faults);
  return faults.list;
}

function validateUpdate(next: VolumeAttributesClass, previous: VolumeAttributesClass): readonly FieldError[] {
  const faults = new FieldFaults();
  for (const field of ['driverName', 'parameters'] as const)
    if (!isSame(next[field], previous[field])) faults.forbidden(field, `updates to ${field} are forbidden.`);
  check(next, faults);
  return faults.list;
}

export const volumeAttributesClassResource = defineResource(volumeattributesclasses, {
  cells: { DriverName: ({ driverName }) => driverName ?? '' },
  strategy: { validateCreate: validate, validateUpdate },
});
