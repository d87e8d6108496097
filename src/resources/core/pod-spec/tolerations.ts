import type { Toleration } from '../../../generated/api/core/v1.ts';
import { labelValueFaults } from '../../../machinery/values/names.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkLabelName } from '../../checks/labels.ts';

export const TAINT_EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

/** Source: core/validation (ValidateTolerations). */
export function checkTolerations(
  tolerations: readonly Toleration[] | undefined,
  path: string,
  faults: FieldFaults,
): void {
  tolerations?.forEach((toleration, index) => {
    const at = `${path}[${index}]`;
    const { key = '', operator = '', value = '', effect = '' } = toleration;
    if (key !== '') checkLabelName(key, `${at}.key`, faults);
    else if (operator !== 'Exists') {
      const why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
      faults.invalid(`${at}.operator`, operator, why);
    }
    if (toleration.tolerationSeconds !== undefined && effect !== 'NoExecute')
      faults.invalid(`${at}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
    checkOperator(operator, value, at, faults);
    if (effect !== '') faults.optionalOneOf(`${at}.effect`, effect, TAINT_EFFECTS);
  });
}

function checkOperator(operator: string, value: string, path: string, faults: FieldFaults): void {
  const at = `${path}.operator`;
  switch (operator) {
    case '':
    case 'Equal': {
      const problems = labelValueFaults(value);
      if (problems.length > 0) faults.invalid(at, value, problems.join(';'));
      return;
    }
    case 'Exists':
      if (value !== '') faults.invalid(at, value, "value must be empty when `operator` is 'Exists'");
      return;
    case 'Lt':
    case 'Gt':
      faults.notSupported(at, operator, ['Equal', 'Exists', 'Lt', 'Gt']);
      return;
    default:
      faults.notSupported(at, operator, ['Equal', 'Exists']);
  }
}
