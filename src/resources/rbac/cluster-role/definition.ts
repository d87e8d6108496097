import type { ClusterRole } from '../../../generated/api/rbac/v1.ts';
import { clusterroles } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { checkLabelSelector, isUsableSelector } from '../../checks/labels.ts';
import { defineResource } from '../../define.ts';
import { checkRules } from '../rules.ts';

/** Source: rbac/validation (ValidateClusterRole). */
function validate({ rules, aggregationRule }: ClusterRole): readonly FieldError[] {
  const faults = new FieldFaults();
  checkRules(rules, { isNamespaced: false }, faults);
  if (!aggregationRule) return faults.list;
  const path = 'aggregationRule.clusterRoleSelectors';
  const { clusterRoleSelectors: selectors = [] } = aggregationRule;
  if (selectors.length === 0)
    faults.required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil');
  selectors.forEach((selector, index) => {
    checkLabelSelector(selector, `${path}[${index}]`, faults);
    if (!isUsableSelector(selector)) faults.invalid(`${path}[${index}]`, null, 'invalid label selector.');
  });
  return faults.list;
}

export const clusterRoleResource = defineResource(clusterroles, {
  allowCreateOnUpdate: true,
  strategy: { validateCreate: validate, validateUpdate: validate },
});
