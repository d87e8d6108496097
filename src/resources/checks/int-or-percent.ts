import type { FieldFaults } from './field-faults.ts';

const PERCENT = /^[0-9]+%$/;

/** Source of all: apps/validation (ValidatePositiveIntOrPercent, IsNotMoreThan100Percent). */

export function checkIntOrPercent(value: number | string | undefined, path: string, faults: FieldFaults): void {
  if (typeof value !== 'string') return faults.nonNegative(path, value);
  if (PERCENT.test(value)) return;
  const why =
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
  faults.invalid(path, value, why);
}

export function checkAtMost100Percent(value: number | string | undefined, path: string, faults: FieldFaults): void {
  if (typeof value === 'string' && PERCENT.test(value) && Number.parseInt(value, 10) > 100)
    faults.invalid(path, value, 'must not be greater than 100%');
}

/** The number in front of a percent sign, or the number itself; 0 for any other text. */
export function numberOf(value: number | string | undefined): number {
  if (typeof value !== 'string') return value ?? 0;
  if (!/^\d+%$/.test(value)) return 0;
  return Number.parseInt(value, 10) || 0;
}
