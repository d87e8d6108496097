import type { PodDisruptionBudget } from '../../../generated/api/policy/v1.ts';
import { poddisruptionbudgets } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { checkConditions } from '../../checks/conditions.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkAtMost100Percent, checkIntOrPercent } from '../../checks/int-or-percent.ts';
import { checkLabelSelector } from '../../checks/labels.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';

/** Source: policy/validation (ValidatePodDisruptionBudgetSpec). */
function validate({ spec }: PodDisruptionBudget): readonly FieldError[] {
  const faults = new FieldFaults();
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = spec;
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    const shown = toGoView(spec, 'policy/v1.PodDisruptionBudgetSpec');
    faults.invalid('spec', shown, 'minAvailable and maxUnavailable cannot be both set');
  }
  for (const [field, value] of Object.entries({ minAvailable, maxUnavailable })) {
    if (value === undefined) continue;
    checkIntOrPercent(value, `spec.${field}`, faults);
    checkAtMost100Percent(value, `spec.${field}`, faults);
  }
  checkLabelSelector(selector, 'spec.selector', faults);
  const at = 'spec.unhealthyPodEvictionPolicy';
  faults.optionalOneOf(at, unhealthyPodEvictionPolicy, ['AlwaysAllow', 'IfHealthyBudget']);
  return faults.list;
}

/** Source: policy/validation (ValidatePodDisruptionBudgetStatusUpdate). */
function validateStatus({ status }: PodDisruptionBudget): readonly FieldError[] {
  const faults = new FieldFaults();
  checkConditions(status?.conditions, 'status.conditions', faults);
  for (const field of ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const)
    faults.nonNegative(`status.${field}`, status?.[field]);
  return faults.list;
}

export const podDisruptionBudgetResource = defineResource(poddisruptionbudgets, {
  generation: 'spec',
  allowUnconditionalUpdate: false,
  cells: {
    'Min Available': ({ spec }) => String(spec.minAvailable ?? 'N/A'),
    'Max Unavailable': ({ spec }) => String(spec.maxUnavailable ?? 'N/A'),
    'Allowed Disruptions': ({ status }) => status?.disruptionsAllowed ?? 0,
  },
  strategy: specAndStatus<PodDisruptionBudget>({
    validateCreate: validate,
    validateUpdate: validate,
    validateStatusUpdate: validateStatus,
  }),
});
