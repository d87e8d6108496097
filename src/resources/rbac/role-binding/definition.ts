import type { RoleBinding } from '../../../generated/api/rbac/v1.ts';
import { rolebindings } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { defineResource } from '../../define.ts';
import { bindingCells, checkBinding, checkRoleRefKept, defaultBinding } from '../rules.ts';

const scope = { isNamespaced: true };

function validate(binding: RoleBinding): readonly FieldError[] {
  const faults = new FieldFaults();
  checkBinding(binding, scope, faults);
  return faults.list;
}

/** A binding keeps its role for ever: who may bind was judged for that role. */
function validateUpdate(next: RoleBinding, previous: RoleBinding): readonly FieldError[] {
  const faults = new FieldFaults();
  checkBinding(next, scope, faults);
  checkRoleRefKept(next, previous, faults);
  return faults.list;
}

export const roleBindingResource = defineResource(rolebindings, {
  allowCreateOnUpdate: true,
  cells: bindingCells,
  strategy: { applyDefaults: defaultBinding, validateCreate: validate, validateUpdate },
});
