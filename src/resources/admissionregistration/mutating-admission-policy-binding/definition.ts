import type { MutatingAdmissionPolicyBinding } from '../../../generated/api/admissionregistration/v1.ts';
import { mutatingadmissionpolicybindings } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { defineResource } from '../../define.ts';
import { paramRefText } from '../param-cells.ts';
import { checkParamRef, checkPolicyName } from '../param-ref.ts';
import { reservedNameWarnings } from '../reserved-names.ts';
import { checkMatchResources, checkMutatingOperations, defaultMatchResources } from '../rules.ts';

/** Source: admissionregistration/validation (ValidateMutatingAdmissionPolicyBinding). */
function validate({ spec }: MutatingAdmissionPolicyBinding): readonly FieldError[] {
  const faults = new FieldFaults();
  const { policyName = '', paramRef, matchResources } = spec;
  checkPolicyName(policyName, faults);
  if (paramRef !== undefined) checkParamRef(paramRef, 'spec.paramRef', faults);
  if (matchResources !== undefined) {
    checkMatchResources(matchResources, 'spec.matchResources', faults);
    checkMutatingOperations(matchResources, 'spec.matchResources', faults);
  }
  return faults.list;
}

export const mutatingAdmissionPolicyBindingResource = defineResource(mutatingadmissionpolicybindings, {
  generation: 'spec',
  allowUnconditionalUpdate: false,
  cells: {
    PolicyName: ({ spec }) => spec.policyName ?? '',
    ParamRef: ({ spec }) => paramRefText(spec.paramRef),
  },
  strategy: {
    applyDefaults({ spec }) {
      defaultMatchResources(spec.matchResources);
    },
    validateCreate: validate,
    validateUpdate: validate,
    warningsOnCreate: reservedNameWarnings,
    warningsOnUpdate: reservedNameWarnings,
  },
});
