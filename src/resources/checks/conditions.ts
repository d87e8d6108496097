import type { Condition } from '../../generated/api/meta/v1.ts';
import type { FieldFaults } from './field-faults.ts';
import { checkLabelName } from './labels.ts';

const REASON = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/;
const REASON_TEXT =
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";

/** Conditions in the shape that all newer kinds share. Source: apimachinery `meta/v1/validation` (ValidateConditions). */
export function checkConditions(conditions: readonly Condition[] | undefined, path: string, faults: FieldFaults): void {
  const seen = new Set<string>();
  conditions?.forEach((condition, index) => {
    const at = `${path}[${index}]`;
    const { type = '', status, observedGeneration = 0, lastTransitionTime, reason = '', message = '' } = condition;
    if (seen.has(type)) faults.duplicate(`${at}.type`, type);
    seen.add(type);
    checkLabelName(type, `${at}.type`, faults);
    faults.optionalOneOf(`${at}.status`, status ?? '', ['False', 'True', 'Unknown']);
    if (observedGeneration < 0)
      faults.invalid(`${at}.observedGeneration`, observedGeneration, 'must be greater than or equal to zero');
    if (!lastTransitionTime) faults.required(`${at}.lastTransitionTime`);
    if (reason === '') faults.required(`${at}.reason`);
    else {
      if (!REASON.test(reason)) faults.invalid(`${at}.reason`, reason, REASON_TEXT);
      if (reason.length > 1024) faults.tooLong(`${at}.reason`, 1024);
    }
    if (message.length > 32 * 1024) faults.tooLong(`${at}.message`, 32 * 1024);
  });
}
