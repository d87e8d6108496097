import type { DeviceConfiguration, DeviceSelector, DeviceToleration } from '../../generated/api/resource/v1.ts';
import { labelValueFaults } from '../../machinery/values/names.ts';
import type { FieldFaults } from '../checks/field-faults.ts';
import { checkLabelName } from '../checks/labels.ts';
import { checkList } from './collections.ts';
import { checkDriverName } from './names.ts';
import { selectorExpressions } from './selector-expressions.ts';

/** Source of all: resource/validation. */

const MAX_SELECTORS = 32;
const MAX_EXPRESSION_BYTES = 10 * 1024;
const MAX_PARAMETERS_BYTES = 10 * 1024;
export const EFFECTS = ['NoExecute', 'NoSchedule', 'None'];

/** Selectors of devices. */
export function checkSelectors(
  selectors: readonly DeviceSelector[] | undefined,
  path: string,
  faults: FieldFaults,
): void {
  checkList(selectors, MAX_SELECTORS, path, faults, ({ cel }, at) => {
    if (cel === undefined) {
      faults.required(`${at}.cel`);
      return;
    }
    const { expression = '' } = cel;
    const place = `${at}.cel.expression`;
    if (Buffer.byteLength(expression) > MAX_EXPRESSION_BYTES) {
      faults.tooLong(place, MAX_EXPRESSION_BYTES);
      return;
    }
    const fault = selectorExpressions.get().selectorFault(expression, place);
    if (fault !== undefined) faults.add(fault);
  });
}

/** @param isStored - It stood there before, so it may be longer than what comes new. */
export function checkConfiguration(
  { opaque }: DeviceConfiguration,
  path: string,
  faults: FieldFaults,
  isStored = false,
): void {
  if (opaque === undefined) return faults.required(`${path}.opaque`);
  checkDriverName(`${path}.opaque.driver`, opaque.driver, faults);
  checkData(opaque.parameters, MAX_PARAMETERS_BYTES, `${path}.opaque.parameters`, faults, isStored);
}

/** A JSON object that only its driver understands. */
export function checkData(value: unknown, max: number, path: string, faults: FieldFaults, isStored = false): void {
  if (value === undefined || value === null) faults.required(path);
  else if (!isStored && Buffer.byteLength(JSON.stringify(value)) > max) faults.tooLong(path, max);
  else if (typeof value !== 'object' || Array.isArray(value))
    faults.invalid(path, '<value omitted>', 'must be a valid JSON object');
}

export function checkToleration(toleration: DeviceToleration, path: string, faults: FieldFaults): void {
  const { key, operator, value = '', effect } = toleration;
  if (key) checkLabelName(key, `${path}.key`, faults);
  if (operator === 'Exists' && value !== '')
    faults.invalid(`${path}.value`, value, 'must be empty for operator `Exists`');
  if (operator === 'Equal') faults.invalidFor(`${path}.value`, value, labelValueFaults(value));
  faults.oneOf(`${path}.operator`, operator, ['Equal', 'Exists']);
  if (effect) faults.optionalOneOf(`${path}.effect`, effect, EFFECTS);
}

const MAX_CONDITIONS = 4;

interface BindingParts {
  readonly bindingConditions?: readonly string[] | undefined;
  readonly bindingFailureConditions?: readonly string[] | undefined;
}

/** Conditions that must hold, or must not, before a pod is bound. */
export function checkBinding(parts: BindingParts, path: string, faults: FieldFaults): void {
  const { bindingConditions: wanted = [], bindingFailureConditions: unwanted = [] } = parts;
  const at = `${path}.bindingConditions`;
  const failureAt = `${path}.bindingFailureConditions`;
  const check = (name: string, place: string): void => checkLabelName(name, place, faults);
  checkList(wanted, MAX_CONDITIONS, at, faults, check);
  checkList(unwanted, MAX_CONDITIONS, failureAt, faults, check);
  wanted.forEach((name, index) => {
    if (wanted.indexOf(name) < index) faults.duplicate(`${at}[${index}]`, name);
  });
  unwanted.forEach((name, index) => {
    if (unwanted.indexOf(name) < index) faults.duplicate(`${failureAt}[${index}]`, name);
    if (wanted.includes(name)) {
      const why = 'bindingFailureConditions must not overlap with bindingConditions';
      faults.invalid(`${failureAt}[${index}]`, name, why);
    }
  });
  if (wanted.length === 0 && unwanted.length > 0) {
    const why = 'bindingConditions are required to use bindingFailureConditions';
    faults.invalid(at, parts.bindingConditions ?? null, why);
  }
  if (unwanted.length === 0 && wanted.length > 0) {
    const why = 'bindingFailureConditions are required to use bindingConditions';
    faults.invalid(failureAt, parts.bindingFailureConditions ?? null, why);
  }
}
