import type {
  AuditAnnotation,
  ValidatingAdmissionPolicy,
  Validation,
} from '../../../generated/api/admissionregistration/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { parseJsonPath } from '../../../machinery/values/json-path.ts';
import { checkConditions } from '../../checks/conditions.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkQualifiedName } from '../../checks/names.ts';
import { isSame } from '../../checks/same.ts';
import {
  checkCompiled,
  checkExpression,
  checkMatchConditions,
  checkParamKind,
  checkVariables,
  compilerOf,
} from '../expressions.ts';
import type { PolicyCompiler } from '../policy-compiler.ts';
import { checkMatchResources, FAILURE_POLICIES } from '../rules.ts';

/** Source of all: admissionregistration/validation (ValidateValidatingAdmissionPolicy, …Update, …StatusUpdate). */

const MAX_ANNOTATIONS = 20;
const MAX_EXPRESSION_BYTES = 5 * 1024;
const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];

export function validatePolicy(policy: ValidatingAdmissionPolicy): readonly FieldError[] {
  return check(policy, { ignoresConditions: false });
}

export function validatePolicyUpdate(
  next: ValidatingAdmissionPolicy,
  previous: ValidatingAdmissionPolicy,
): readonly FieldError[] {
  return check(next, {
    ignoresConditions:
      isSame(next.spec.paramKind, previous.spec.paramKind) &&
      isSame(next.spec.matchConditions, previous.spec.matchConditions),
  });
}

function check(
  { metadata, spec }: ValidatingAdmissionPolicy,
  options: { readonly ignoresConditions: boolean },
): readonly FieldError[] {
  const faults = new FieldFaults();
  const { failurePolicy, paramKind, matchConstraints: match, validations = [], auditAnnotations = [] } = spec;
  const hasParams = paramKind !== undefined;
  const compiler = compilerOf({ hasParams, hasVariables: (spec.variables ?? []).length > 0 });
  if (failurePolicy === undefined) faults.required('spec.failurePolicy');
  faults.optionalOneOf('spec.failurePolicy', failurePolicy, FAILURE_POLICIES);
  if (paramKind !== undefined) checkParamKind(paramKind, 'spec.paramKind', faults);
  if (match === undefined) faults.required('spec.matchConstraints');
  else {
    checkMatchResources(match, 'spec.matchConstraints', faults);
    if ((match.resourceRules ?? []).length === 0) faults.required('spec.matchConstraints.resourceRules');
  }
  if (!options.ignoresConditions)
    checkMatchConditions(spec.matchConditions, { hasParams }, 'spec.matchConditions', faults);
  checkVariables(spec.variables, compiler, 'spec.variables', faults);
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const why = 'validations or auditAnnotations must contain at least one item';
    faults.required('spec.validations', why);
    faults.required('spec.auditAnnotations', why);
  }
  validations.forEach((validation, index) => {
    checkValidation(validation, compiler, `spec.validations[${index}]`, faults);
  });
  checkAnnotations(auditAnnotations, metadata.name ?? '', compiler, faults);
  return faults.list;
}

function checkValidation(validation: Validation, compiler: PolicyCompiler, path: string, faults: FieldFaults): void {
  const { expression, message = '', messageExpression = '', reason } = validation;
  if (checkExpression(expression, 'expression is not specified', `${path}.expression`, faults))
    checkCompiled(compiler.fault(expression, 'validation'), expression, `${path}.expression`, faults);
  const empty = 'must be non-empty if specified';
  const messageAt = `${path}.messageExpression`;
  if (messageExpression !== '' && messageExpression.trim() === '') faults.invalid(messageAt, messageExpression, empty);
  else if (messageExpression !== '')
    checkCompiled(compiler.fault(messageExpression, 'message'), messageExpression, messageAt, faults);
  const text = message.trim();
  if (message !== '' && text === '') faults.invalid(`${path}.message`, message, empty);
  else if (/[\n\r]/.test(text)) faults.invalid(`${path}.message`, message, 'must not contain line breaks');
  faults.optionalOneOf(`${path}.reason`, reason, REASONS);
}

function checkAnnotations(
  annotations: readonly AuditAnnotation[],
  policyName: string,
  compiler: PolicyCompiler,
  faults: FieldFaults,
): void {
  const path = 'spec.auditAnnotations';
  if (annotations.length > MAX_ANNOTATIONS) {
    const shown = annotations.map((one) => toGoView(one, 'admissionregistration/v1.AuditAnnotation'));
    faults.invalid(path, shown, `must not have more than ${MAX_ANNOTATIONS} auditAnnotations`);
  }
  const keys = new Set<string>();
  annotations.forEach(({ key = '', valueExpression = '' }, index) => {
    const at = `${path}[${index}]`;
    if (policyName === '') faults.invalid(`${at}.key`, key, 'requires metadata.name be non-empty');
    else checkQualifiedName(`${at}.key`, `${policyName}/${key}`, faults);
    const valueAt = `${at}.valueExpression`;
    const text = valueExpression.trim();
    if (Buffer.byteLength(text) > MAX_EXPRESSION_BYTES)
      faults.required(valueAt, `must not exceed ${MAX_EXPRESSION_BYTES} bytes in length`);
    else if (checkExpression(text, 'valueExpression is not specified', valueAt, faults))
      checkCompiled(compiler.fault(text, 'annotation'), valueExpression, valueAt, faults);
    if (keys.has(key)) faults.duplicate(`${at}.key`, key);
    keys.add(key);
  });
}

export function validatePolicyStatus({ status }: ValidatingAdmissionPolicy): readonly FieldError[] {
  const faults = new FieldFaults();
  status?.typeChecking?.expressionWarnings?.forEach(({ warning, fieldRef }, index) => {
    const path = `status.typeChecking.expressionWarnings[${index}]`;
    if (!warning) faults.required(`${path}.warning`);
    checkFieldRef(fieldRef?.trim() ?? '', `${path}.fieldRef`, faults);
  });
  checkConditions(status?.conditions, 'status.conditions', faults);
  return faults.list;
}

function checkFieldRef(fieldRef: string, path: string, faults: FieldFaults): void {
  if (fieldRef === '') return faults.required(path);
  // A path may start with a name; the reader of paths wants a dot there.
  if (parseJsonPath(/^[[.]/.test(fieldRef) ? fieldRef : `.${fieldRef}`) !== undefined) return;
  faults.invalid(path, fieldRef, `invalid JSONPath: unrecognized character in action: ${oddCharacter(fieldRef)}`);
}

/** A character as Go's `%#U` shows it. */
function oddCharacter(text: string): string {
  const char = /[^\w.[\]'"*?@()=!\s-]/u.exec(text)?.[0] ?? text.slice(-1);
  return `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')} '${char}'`;
}
