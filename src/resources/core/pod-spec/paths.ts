import type { FieldFaults } from '../../checks/field-faults.ts';

/** Source of all: core/validation (validatePathNoBacksteps, validateLocalDescendingPath, ValidateLocalNonReservedPath). */

export function hasBacksteps(path: string): boolean {
  return path.split('/').includes('..');
}

export function checkNoBacksteps(value: string, path: string, faults: FieldFaults): void {
  if (hasBacksteps(value)) faults.invalid(path, value, "must not contain '..'");
}

/** A path that stays below where it starts. */
export function checkDescendingPath(value: string, path: string, faults: FieldFaults): void {
  if (value.startsWith('/')) faults.invalid(path, value, 'must be a relative path');
  checkNoBacksteps(value, path, faults);
}

/** A path in a volume whose own files start with two dots. */
export function checkUnreservedPath(value: string, path: string, faults: FieldFaults): void {
  checkDescendingPath(value, path, faults);
  if (value.startsWith('..') && !value.startsWith('../')) faults.invalid(path, value, "must not start with '..'");
}

const MAX_MODE = 0o777;

export function checkFileMode(mode: number | undefined, path: string, faults: FieldFaults): void {
  if (mode !== undefined && (mode > MAX_MODE || mode < 0))
    faults.invalid(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive');
}
