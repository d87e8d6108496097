import type { Binding } from '../../../generated/api/core/v1.ts';
import { bindings } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { defineResource } from '../../define.ts';

/** Source: core/validation (ValidatePodBinding). */
function validate({ target }: Binding): readonly FieldError[] {
  const faults = new FieldFaults();
  if (target?.kind && target.kind !== 'Node') faults.notSupported('target.kind', target.kind, ['Node', '<empty>']);
  if (!target?.name) faults.required('target.name');
  return faults.list;
}

export const bindingResource = defineResource(bindings, { strategy: { validateCreate: validate } });
