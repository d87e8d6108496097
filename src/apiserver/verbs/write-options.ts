import {
  type FieldError,
  fieldForbidden,
  fieldNotSupported,
  fieldRequired,
} from '../../machinery/errors/field-error.ts';
import { invalid } from '../../machinery/errors/status-error.ts';
import { isPrintable, MANAGER_MAX_BYTES, validateFieldManager } from '../../machinery/patch/apply/manager-name.ts';
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
