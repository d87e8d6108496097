import type { ValidatingAdmissionPolicyBinding } from '../../../generated/api/admissionregistration/v1.ts';
import { validatingadmissionpolicybindings } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { defineResource } from '../../define.ts';
import { paramRefText } from '../param-cells.ts';
import { checkParamRef, checkPolicyName } from '../param-ref.ts';
import { reservedNameWarnings } from '../reserved-names.ts';
import { checkMatchResources, defaultMatchResources } from '../rules.ts';

const ACTIONS = ['Audit', 'Deny', 'Warn'];

/** Source: admissionregistration/validation (ValidateValidatingAdmissionPolicyBinding). */
function validate({ spec }: ValidatingAdmissionPolicyBinding): readonly FieldError[] {
  const faults = new FieldFaults();
  const { policyName = '', paramRef, matchResources, validationActions = [] } = spec;
  checkPolicyName(policyName, faults);
  if (paramRef !== undefined) checkParamRef(paramRef, 'spec.paramRef', faults);
  if (matchResources !== undefined) checkMatchResources(matchResources, 'spec.matchResources', faults);
  checkActions(validationActions, 'spec.validationActions', faults);
  return faults.list;
}

function checkActions(actions: readonly string[], path: string, faults: FieldFaults): void {
  actions.forEach((action, index) => {
    faults.optionalOneOf(`${path}[${index}]`, action, ACTIONS);
    if (actions.indexOf(action) < index) faults.duplicate(`${path}[${index}]`, action);
  });
  if (actions.includes('Deny') && actions.includes('Warn')) {
    const why =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';
    faults.invalid(path, actions, why);
  }
  if (actions.length === 0) faults.required(path, 'at least one validation action is required');
}

export const validatingAdmissionPolicyBindingResource = defineResource(validatingadmissionpolicybindings, {
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
