import type { ValidatingAdmissionPolicy } from '../../../generated/api/admissionregistration/v1.ts';
import { validatingadmissionpolicies } from '../../../generated/resource-types.ts';
import { keepMetadata } from '../../checks/status-metadata.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';
import { paramKindText } from '../param-cells.ts';
import { policyExpressions } from '../policy-expressions.ts';
import { reservedNameWarnings } from '../reserved-names.ts';
import { defaultMatchResources } from '../rules.ts';
import { validatePolicy, validatePolicyStatus, validatePolicyUpdate } from './validation.ts';

export const validatingAdmissionPolicyResource = defineResource(validatingadmissionpolicies, {
  generation: 'spec',
  allowUnconditionalUpdate: false,
  cells: {
    Validations: ({ spec }) => (spec.validations ?? []).length,
    ParamKind: ({ spec }) => paramKindText(spec.paramKind),
  },
  strategy: specAndStatus<ValidatingAdmissionPolicy>({
    load: () => policyExpressions.load(),
    applyDefaults({ spec }) {
      spec.failurePolicy ??= 'Fail';
      defaultMatchResources(spec.matchConstraints);
    },
    validateCreate: validatePolicy,
    validateUpdate: validatePolicyUpdate,
    prepareForStatusUpdate: keepMetadata,
    validateStatusUpdate: validatePolicyStatus,
    warningsOnCreate: reservedNameWarnings,
    warningsOnUpdate: reservedNameWarnings,
  }),
});
