import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from '../../../generated/api/batch/v1.ts';
import { FieldError } from '../../../machinery/errors/field-error.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkQualifiedName } from '../../checks/names.ts';
import { countIndexes } from './indexes.ts';

/** Source of all: batch/validation (validatePodFailurePolicy, validateSuccessPolicy). */

const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const OPERATORS = ['In', 'NotIn'];
const STATUSES = ['False', 'True', 'Unknown'];
const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;

/** A fault that shows no value. Source: field.OmitValueType. */
export function withoutValue(path: string, detail: string): FieldError {
  return new (class extends FieldError {
    override text(): string {
      return `Invalid value: ${detail}`;
    }
  })('FieldValueInvalid', path, '', detail);
}

const validValues = (list: readonly string[]): string =>
  `valid values: [${list.map((value) => JSON.stringify(value)).join(' ')}]`;

export function checkFailurePolicy(spec: JobSpec, path: string, faults: FieldFaults): void {
  const rules = spec.podFailurePolicy?.rules ?? [];
  if (rules.length > MAX_RULES) faults.tooMany(`${path}.rules`, rules.length, MAX_RULES);
  rules.forEach((rule, index) => {
    checkRule(rule, spec, `${path}.rules[${index}]`, faults);
  });
}

function checkRule(rule: PodFailurePolicyRule, spec: JobSpec, path: string, faults: FieldFaults): void {
  const { action, onExitCodes, onPodConditions = [] } = rule;
  const at = `${path}.action`;
  if (!action) faults.required(at, validValues(ACTIONS));
  else if (action === 'FailIndex') {
    if (spec.backoffLimitPerIndex === undefined)
      faults.invalid(at, action, 'requires the backoffLimitPerIndex to be set');
  } else if (!ACTIONS.includes(action)) faults.notSupported(at, action, ACTIONS);
  if (onExitCodes) checkExitCodes(onExitCodes, spec, `${path}.onExitCodes`, faults);
  if (onPodConditions.length > 0) checkConditions(onPodConditions, `${path}.onPodConditions`, faults);
  if (onExitCodes && onPodConditions.length > 0)
    faults.add(withoutValue(path, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  if (!onExitCodes && onPodConditions.length === 0)
    faults.add(withoutValue(path, 'specifying one of OnExitCodes and OnPodConditions is required'));
}

function checkConditions(
  patterns: readonly PodFailurePolicyOnPodConditionsPattern[],
  path: string,
  faults: FieldFaults,
): void {
  if (patterns.length > MAX_RULES) faults.tooMany(path, patterns.length, MAX_RULES);
  patterns.forEach(({ type, status }, index) => {
    checkQualifiedName(`${path}[${index}].type`, type ?? '', faults);
    const at = `${path}[${index}].status`;
    if (!status) faults.required(at, validValues(STATUSES));
    else faults.optionalOneOf(at, status, STATUSES);
  });
}

function checkExitCodes(
  { operator, containerName, values: given }: PodFailurePolicyOnExitCodesRequirement,
  spec: JobSpec,
  path: string,
  faults: FieldFaults,
): void {
  const values = given ?? [];
  if (!operator) faults.required(`${path}.operator`, validValues(OPERATORS));
  else faults.optionalOneOf(`${path}.operator`, operator, OPERATORS);
  const { containers = [], initContainers = [] } = spec.template.spec ?? {};
  const isKnown = [...containers, ...initContainers].some(({ name }) => name === containerName);
  if (containerName !== undefined && !isKnown) {
    const why = 'must be one of the container or initContainer names in the pod template';
    faults.invalid(`${path}.containerName`, containerName, why);
  }
  const at = `${path}.values`;
  if (values.length === 0) faults.invalid(at, given ?? null, 'at least one value is required');
  else if (values.length > MAX_EXIT_CODES) faults.tooMany(at, values.length, MAX_EXIT_CODES);
  const seen = new Set<number>();
  values.forEach((value, index) => {
    if (operator === 'In' && value === 0) faults.invalid(`${at}[${index}]`, value, 'must not be 0 for the In operator');
    if (seen.has(value)) faults.duplicate(`${at}[${index}]`, value);
    seen.add(value);
  });
  if (values.some((value, index) => index > 0 && (values[index - 1] ?? 0) > value))
    faults.invalid(at, values, 'must be ordered');
}

export function checkSuccessPolicy(spec: JobSpec, path: string, faults: FieldFaults): void {
  const { successPolicy } = spec;
  if (spec.completionMode !== 'Indexed') {
    // A list that is given stays one, even if it is empty.
    const view = toGoView(successPolicy, 'batch/v1.SuccessPolicy');
    return faults.invalid(path, view, 'requires indexed completion mode');
  }
  const rules = successPolicy?.rules ?? [];
  if (rules.length === 0)
    faults.required(`${path}.rules`, 'at least one rules must be specified when the successPolicy is specified');
  if (rules.length > MAX_RULES) faults.tooMany(`${path}.rules`, rules.length, MAX_RULES);
  rules.forEach((rule, index) => {
    checkSuccessRule(rule, spec.completions ?? 0, `${path}.rules[${index}]`, faults);
  });
}

const MAX_INDEXES_BYTES = 64 * 1024;

function checkSuccessRule(
  { succeededCount: count, succeededIndexes: indexes }: SuccessPolicyRule,
  completions: number,
  path: string,
  faults: FieldFaults,
): void {
  if (count === undefined && indexes === undefined)
    faults.required(path, 'at least one of succeededCount or succeededIndexes must be specified');
  let total = 0;
  if (indexes !== undefined) {
    const at = `${path}.succeededIndexes`;
    if (indexes.length > MAX_INDEXES_BYTES) faults.tooLong(at, MAX_INDEXES_BYTES);
    const counted = countIndexes(indexes, completions);
    if (typeof counted === 'number') total = counted;
    else faults.invalid(at, indexes, `error parsing succeededIndexes: ${counted}`);
  }
  if (count === undefined) return;
  const at = `${path}.succeededCount`;
  faults.nonNegative(at, count);
  if (count > completions)
    faults.invalid(at, count, `must be less than or equal to ${completions} (the number of specified completions)`);
  if (indexes !== undefined && count > total) {
    const why = `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`;
    faults.invalid(at, count, why);
  }
}
