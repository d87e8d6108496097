import {
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
} from '../../machinery/errors/field-error.ts';
import { invalid } from '../../machinery/errors/status-error.ts';
import type { Call } from '../call.ts';
import { readBoolean, readText } from './query-values.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface WriteOptions {
  readonly dryRun: boolean;
  /** As given or, by default, the program's name in the User-Agent. */
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
}

export interface PatchWriteOptions extends WriteOptions {
  readonly force: boolean;
}

const MANAGER_MAX_BYTES = 128;
/** Each fault shows the whole name, so that they would add up to far more than was sent. */
const MOST_FAULTS = 100;

/** @throws StatusError 422 with all faults of the options. Source: apimachinery `meta/v1/validation`. */
export function readCreateOptions(call: Call): WriteOptions {
  return readWriteOptions(call, 'CreateOptions', []);
}

export function readUpdateOptions(call: Call): WriteOptions {
  return readWriteOptions(call, 'UpdateOptions', []);
}

export function readPatchOptions(call: Call, options: { isApply: boolean }): PatchWriteOptions {
  const force = readBoolean(call.query, 'force');
  const faults: FieldError[] = [];
  if (options.isApply && readText(call.query, 'fieldManager') === '') {
    faults.push(fieldRequired('fieldManager', 'is required for apply patch'));
  }
  if (!options.isApply && force !== undefined) {
    faults.push(fieldForbidden('force', 'may not be specified for non-apply patch'));
  }
  return { ...readWriteOptions(call, 'PatchOptions', faults), force: force ?? false };
}

function readWriteOptions(call: Call, kind: string, faults: FieldError[]): WriteOptions {
  const fieldManager = readText(call.query, 'fieldManager');
  const dryRun = call.query.getAll('dryRun');
  const fieldValidation = readText(call.query, 'fieldValidation');
  faults.push(...validateFieldManager(fieldManager, 'fieldManager'));
  faults.push(...validateDryRun(dryRun));
  if (!['', 'Ignore', 'Warn', 'Strict'].includes(fieldValidation)) {
    faults.push(fieldNotSupported('fieldValidation', fieldValidation, ['', 'Ignore', 'Strict', 'Warn']));
  }
  if (faults.length > 0) throw invalid({ group: 'meta.k8s.io', kind }, '', faults);
  return {
    dryRun: dryRun.length > 0,
    fieldManager: fieldManager || toManagerName(call.header('user-agent') ?? ''),
    fieldValidation: (fieldValidation || 'Warn') as FieldValidation,
  };
}

export function validateDryRun(values: readonly string[]): readonly FieldError[] {
  return values.every((value) => value === 'All') ? [] : [fieldNotSupported('dryRun', values, ['All'])];
}

/** Length and printable characters of a manager's name. */
export function validateFieldManager(manager: string, path: string): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (Buffer.byteLength(manager) > MANAGER_MAX_BYTES) faults.push(fieldTooLong(path, MANAGER_MAX_BYTES));
  let position = 0;
  for (const character of manager) {
    if (faults.length > MOST_FAULTS) break;
    if (!isPrintable(character)) {
      faults.push(fieldInvalid(path, manager, `invalid character ${toCodePoint(character)} (at position ${position})`));
    }
    position += Buffer.byteLength(character);
  }
  return faults;
}

/** Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space. */
function isPrintable(character: string): boolean {
  return character === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character);
}

/** Go's `%#U`: the number, with the character behind it where it can be shown. */
function toCodePoint(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `U+${hex}`;
}

/** What stands before the first slash, at most 128 printable bytes. Source: `handlers/create.go` (prefixFromUserAgent). */
function toManagerName(userAgent: string): string {
  const program = userAgent.split('/')[0] ?? '';
  let name = '';
  for (const character of program) {
    if (!isPrintable(character)) continue;
    if (Buffer.byteLength(name) + Buffer.byteLength(character) > MANAGER_MAX_BYTES) break;
    name += character;
  }
  return name;
}
