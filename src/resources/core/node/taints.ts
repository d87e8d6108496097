import type { Taint } from '../../../generated/api/core/v1.ts';
import { labelValueFaults } from '../../../machinery/values/names.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkLabelName } from '../../checks/labels.ts';
import { TAINT_EFFECTS } from '../pod-spec/tolerations.ts';

/** Source: core/validation (validateNodeTaints). */
export function checkTaints(taints: readonly Taint[] | undefined, path: string, faults: FieldFaults): void {
  const seen = new Set<string>();
  taints?.forEach((taint, index) => {
    const at = `${path}[${index}]`;
    const { key = '', value = '', effect } = taint;
    checkLabelName(key, `${at}.key`, faults);
    const problems = labelValueFaults(value);
    if (problems.length > 0) faults.invalid(`${at}.value`, value, problems.join(';'));
    faults.oneOf(`${at}.effect`, effect, TAINT_EFFECTS);
    const pair = `${effect}/${key}`;
    if (seen.has(pair))
      faults.duplicate(at, toGoView(taint, 'core/v1.Taint'), 'taints must be unique by key and effect pair');
    seen.add(pair);
  });
}
