import type { Role } from '../../../generated/api/rbac/v1.ts';
import { roles } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { defineResource } from '../../define.ts';
import { checkRules } from '../rules.ts';

function validate({ rules }: Role): readonly FieldError[] {
  const faults = new FieldFaults();
  checkRules(rules, { isNamespaced: true }, faults);
  return faults.list;
}

export const roleResource = defineResource(roles, {
  allowCreateOnUpdate: true,
  strategy: { validateCreate: validate, validateUpdate: validate },
});
