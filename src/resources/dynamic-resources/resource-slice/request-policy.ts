import type { CapacityRequestPolicy, CapacityRequestPolicyRange } from '../../../generated/api/resource/v1.ts';
import { parseQuantity, type Quantity } from '../../../machinery/values/quantity.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkSet } from '../collections.ts';

/** Source of all: resource/validation (validateRequestPolicy and its kin). */

const MAX_VALUES = 10;
const read = (text: string | undefined): Quantity => parseQuantity(text ?? '0');

/** Which parts of a capacity can be asked for. @param value - The whole capacity. */
export function checkRequestPolicy(
  value: string | undefined,
  policy: CapacityRequestPolicy,
  path: string,
  faults: FieldFaults,
): void {
  const { validValues = [], validRange, default: standard } = policy;
  if (validValues.length > 0 && validRange !== undefined) {
    const why = 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time';
    return faults.forbidden(path, why);
  }
  const field = validValues.length > 0 ? 'validValues' : 'validRange';
  if (validValues.length === 0 && validRange === undefined) return;
  if (standard === undefined) return faults.required(`${path}.default`, `required when ${field} is defined`);
  if (validRange === undefined) checkValues(validValues, read(standard), read(value), `${path}.${field}`, faults);
  else checkRange(validRange, read(standard), read(value), `${path}.${field}`, faults);
}

function checkValues(
  texts: readonly string[],
  standard: Quantity,
  whole: Quantity,
  path: string,
  faults: FieldFaults,
): void {
  const values = texts.map(read);
  values.slice(1).forEach((value, index) => {
    if ((values[index] ?? value).compare(value) > 0)
      faults.invalid(`${path}[${index + 1}]`, value.toString(), 'values must be sorted in ascending order');
  });
  checkSet(
    values,
    MAX_VALUES,
    path,
    faults,
    (value) => String(value.toInteger()),
    (value, at) => {
      if (value.compare(whole) > 0)
        faults.invalid(at, value.toString(), `option is larger than capacity value: ${whole}`);
    },
  );
  const isKnown = values.length <= MAX_VALUES && values.some((value) => value.compare(standard) === 0);
  if (!isKnown) faults.invalid(path, standard.toString(), 'default value is not valid according to the requestPolicy');
}

function checkRange(
  range: CapacityRequestPolicyRange,
  standard: Quantity,
  whole: Quantity,
  path: string,
  faults: FieldFaults,
): void {
  if (range.min === undefined) return faults.required(`${path}.min`, 'required when validRange is defined');
  const min = read(range.min);
  if (min.compare(whole) > 0)
    faults.invalid(`${path}.min`, min.toString(), `min is larger than capacity value: ${whole}`);
  if (standard.compare(min) < 0) faults.invalid(`${path}.min`, standard.toString(), `default is less than min: ${min}`);
  const max = range.max === undefined ? undefined : read(range.max);
  if (max !== undefined) {
    if (min.compare(max) > 0) faults.invalid(`${path}.max`, min.toString(), `min is larger than max: ${max}`);
    if (max.compare(whole) > 0)
      faults.invalid(`${path}.max`, max.toString(), `max is larger than capacity value: ${whole}`);
    if (standard.compare(max) > 0)
      faults.invalid(`${path}.max`, standard.toString(), `default is more than max: ${max}`);
  }
  if (range.step === undefined) return;
  const step = read(range.step);
  const next = min.add(step);
  const at = `${path}.step`;
  if (next.compare(whole) > 0)
    faults.invalid(at, step.toString(), `one step ${next} is larger than capacity value: ${whole}`);
  checkStep(standard, min, step, at, faults);
  if (max !== undefined) checkStep(max, min, step, at, faults);
}

function checkStep(value: Quantity, min: Quantity, step: Quantity, path: string, faults: FieldFaults): void {
  // A step of nothing leads nowhere; upstream breaks down on it.
  const size = step.toInteger();
  if (size !== 0 && (value.toInteger() - min.toInteger()) % size === 0) return;
  faults.invalid(path, value.toString(), `value is not a multiple of a given step (${step}) from (${min})`);
}
