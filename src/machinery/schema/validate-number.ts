import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { fieldInvalid } from '../errors/field-error.ts';
import { type Issue, invalidIssue } from './validate-issue.ts';

interface NumberPlace {
  readonly path: string;
  /** The one type that the schema asks for; empty where it leaves a choice. */
  readonly type: string;
  readonly format: string;
}

/**
 * The range of a number's format, its bounds and its step.
 * Source: kube-openapi `pkg/validation/validate/{validator,values}.go` (numberValidator).
 */
export function checkNumber(value: number, schema: JSONSchemaProps, place: NumberPlace): Issue[] {
  const { maximum, minimum, multipleOf } = schema;
  return [
    ...rangeFaults(value, 'Checked', place),
    ...(typeof multipleOf === 'number' ? stepFaults(value, multipleOf, place) : []),
    ...(typeof minimum === 'number' ? minimumFaults(value, minimum, schema.exclusiveMinimum === true, place) : []),
    ...(typeof maximum === 'number' ? maximumFaults(value, maximum, schema.exclusiveMaximum === true, place) : []),
  ];
}

const INT32_LIMIT = 2 ** 31;
const INT64_LIMIT = 2 ** 63;
const FLOAT32_MAX = 3.4028235677973366e38;

/** Whether Go could read the number as its type says; the fault has no place but its text. */
function rangeFaults(value: number, what: string, { path, type, format }: NumberPlace): Issue[] {
  let fits = true;
  if (type === 'integer') {
    const limit = format === 'int32' ? INT32_LIMIT : INT64_LIMIT;
    fits = Number.isInteger(value) && value >= -limit && value < limit;
  } else if (format === 'float') fits = Math.abs(value) <= FLOAT32_MAX;
  if (fits) return [];
  const shown = format === '' ? `${type} (default format)` : `${type} with format ${format}`;
  return [{ message: `${what} value must be of type ${shown} in ${path}` }];
}

/** Bounds of integers lose their fraction, as Go's conversion does. */
function boundFor(value: number, bound: number): number {
  return Number.isInteger(value) ? Math.trunc(bound) : bound;
}

function stepFaults(value: number, factor: number, place: NumberPlace): Issue[] {
  const faults = rangeFaults(factor, 'MultipleOf', place);
  const step = faults.length === 0 ? boundFor(value, factor) : factor;
  if (step <= 0) {
    const message = `factor MultipleOf declared for ${place.path} must be positive: ${step}`;
    return [...faults, { name: place.path, message, build: (at) => fieldInvalid(at, step, message) }];
  }
  const isWhole = Number.isInteger(value) && Number.isInteger(step) && faults.length === 0;
  const fits = isWhole ? value % step === 0 : isNearlyInteger(step < 1 ? (1 / step) * value : value / step);
  return fits ? faults : [...faults, invalidIssue(place.path, value, `should be a multiple of ${step}`)];
}

/** Source: kube-openapi `pkg/internal/third_party/.../swag` (IsFloat64AJSONInteger). */
function isNearlyInteger(value: number): boolean {
  if (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER) return false;
  const whole = Math.trunc(value);
  const difference = Math.abs(value - whole);
  if (value === whole || whole === 0) return value === whole;
  return difference / Math.min(Math.abs(value) + Math.abs(whole), Number.MAX_VALUE) < 1e-9;
}

function minimumFaults(value: number, minimum: number, exclusive: boolean, place: NumberPlace): Issue[] {
  const faults = rangeFaults(minimum, 'Minimum boundary', place);
  const bound = faults.length === 0 ? boundFor(value, minimum) : minimum;
  if (exclusive ? value > bound : value >= bound) return faults;
  return [
    ...faults,
    invalidIssue(place.path, value, `should be greater than ${exclusive ? '' : 'or equal to '}${bound}`),
  ];
}

function maximumFaults(value: number, maximum: number, exclusive: boolean, place: NumberPlace): Issue[] {
  const faults = rangeFaults(maximum, 'Maximum boundary', place);
  const bound = faults.length === 0 ? boundFor(value, maximum) : maximum;
  if (exclusive ? value < bound : value <= bound) return faults;
  return [...faults, invalidIssue(place.path, value, `should be less than ${exclusive ? '' : 'or equal to '}${bound}`)];
}
