import type { LabelSelector } from '../../generated/api/meta/v1.ts';
import { labelValueFaults, qualifiedNameFaults } from '../../machinery/values/names.ts';
import type { FieldFaults } from './field-faults.ts';

/** Source of all: apimachinery `pkg/apis/meta/v1/validation/validation.go`. */

/** Keys and values of labels; every fault stands at the field itself. */
export function checkLabels(
  labels: Readonly<Record<string, string>> | undefined,
  path: string,
  faults: FieldFaults,
): void {
  for (const key in labels) {
    checkLabelName(key, path, faults);
    const value = labels[key] ?? '';
    faults.invalidFor(path, value, labelValueFaults(value));
  }
}

export function checkLabelName(name: string, path: string, faults: FieldFaults): void {
  faults.invalidFor(path, name, qualifiedNameFaults(name));
}

/** A selector object; absent is fine. */
export function checkLabelSelector(
  selector: LabelSelector | undefined,
  path: string,
  faults: FieldFaults,
  options: { readonly toleratesInvalidValues?: boolean } = {},
): void {
  if (!selector) return;
  checkLabels(selector.matchLabels, `${path}.matchLabels`, faults);
  selector.matchExpressions?.forEach(({ key, operator, values = [] }, index) => {
    const at = `${path}.matchExpressions[${index}]`;
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) faults.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0)
        faults.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    } else faults.invalid(`${at}.operator`, operator ?? '', 'not a valid selector operator');
    checkLabelName(key ?? '', `${at}.key`, faults);
    if (options.toleratesInvalidValues) return;
    values.forEach((value, position) => {
      faults.invalidFor(`${at}.values[${position}]`, value, labelValueFaults(value));
    });
  });
}

/** Whether a selector says nothing at all. */
export function isEmptySelector(selector: LabelSelector | undefined): boolean {
  return Object.keys(selector?.matchLabels ?? {}).length === 0 && (selector?.matchExpressions ?? []).length === 0;
}

/** Whether upstream can turn the object into a selector at all. */
export function isUsableSelector(selector: LabelSelector): boolean {
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const list = operator === 'In' || operator === 'NotIn';
    if (!list && operator !== 'Exists' && operator !== 'DoesNotExist') return false;
    if (list !== values.length > 0 || qualifiedNameFaults(key ?? '').length > 0) return false;
    if (values.some((value) => labelValueFaults(value).length > 0)) return false;
  }
  return Object.entries(selector.matchLabels ?? {}).every(
    ([key, value]) => qualifiedNameFaults(key).length === 0 && labelValueFaults(value).length === 0,
  );
}
