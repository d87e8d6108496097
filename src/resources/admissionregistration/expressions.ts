import type { MatchCondition, ParamKind, Variable } from '../../generated/api/admissionregistration/v1.ts';
import { dns1035LabelFaults, dns1123SubdomainFaults } from '../../machinery/values/names.ts';
import type { CompileFault } from '../checks/expression-result.ts';
import type { FieldFaults } from '../checks/field-faults.ts';
import { checkQualifiedName } from '../checks/names.ts';
import type { PolicyCompiler, PolicyCompilerOptions } from './policy-compiler.ts';
import { policyExpressions } from './policy-expressions.ts';

/** Source of all: admissionregistration/validation. */

const MAX_CONDITIONS = 64;

export function checkMatchConditions(
  conditions: readonly MatchCondition[] | undefined,
  options: { readonly hasParams: boolean },
  path: string,
  faults: FieldFaults,
): void {
  if (conditions === undefined || conditions.length === 0) return;
  const compiler = compilerOf({ ...options, hasVariables: false });
  if (conditions.length > MAX_CONDITIONS) faults.tooMany(path, conditions.length, MAX_CONDITIONS);
  const names = new Set<string>();
  conditions.forEach(({ name = '', expression }, index) => {
    const at = `${path}[${index}]`;
    const text = expression?.trim() ?? '';
    if (checkExpression(text, '', `${at}.expression`, faults))
      checkCompiled(compiler.fault(text, 'condition'), text, `${at}.expression`, faults);
    if (name === '') {
      faults.required(`${at}.name`);
      return;
    }
    checkQualifiedName(`${at}.name`, name, faults);
    if (names.has(name)) faults.duplicate(`${at}.name`, name);
    names.add(name);
  });
}

/** @param missing - What is said where there is none. */
export function checkExpression(
  expression: string | undefined,
  missing: string,
  path: string,
  faults: FieldFaults,
): boolean {
  if (expression?.trim()) return true;
  faults.required(path, missing);
  return false;
}

export function compilerOf(options: PolicyCompilerOptions): PolicyCompiler {
  return new (policyExpressions.get().PolicyCompiler)(options);
}

/** @param fault - What the compiler said, if anything. */
export function checkCompiled(
  fault: CompileFault | undefined,
  expression: string,
  path: string,
  faults: FieldFaults,
): void {
  if (fault?.isInternal) faults.internal(path, fault.text);
  else if (fault !== undefined) faults.invalid(path, expression, fault.text);
}

const IDENTIFIER = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

export function checkVariables(
  variables: readonly Variable[] | undefined,
  compiler: PolicyCompiler,
  path: string,
  faults: FieldFaults,
): void {
  variables?.forEach(({ name = '', expression }, index) => {
    const at = `${path}[${index}]`;
    if (name.trim() === '') faults.required(`${at}.name`, 'name is not specified');
    else if (!IDENTIFIER.test(name) || RESERVED.has(name))
      faults.invalid(`${at}.name`, name, 'must be a valid CEL identifier');
    if (checkExpression(expression, 'expression is not specified', `${at}.expression`, faults))
      checkCompiled(compiler.variableFault(name, expression), expression, `${at}.expression`, faults);
  });
}

export function checkParamKind({ apiVersion = '', kind = '' }: ParamKind, path: string, faults: FieldFaults): void {
  checkApiVersion(apiVersion, `${path}.apiVersion`, faults);
  if (kind === '') return faults.required(`${path}.kind`);
  const problems = dns1035LabelFaults(kind.toLowerCase());
  if (problems.length === 0) return;
  faults.invalid(`${path}.kind`, kind, `may have mixed case, but should otherwise match: ${problems.join(',')}`);
}

function checkApiVersion(apiVersion: string, path: string, faults: FieldFaults): void {
  if (apiVersion === '') return faults.required(path);
  const parts = apiVersion === '/' ? [''] : apiVersion.split('/');
  if (parts.length > 2) return faults.invalid(path, apiVersion, `unexpected GroupVersion string: ${apiVersion}`);
  const version = parts.at(-1) ?? '';
  const group = parts.length === 2 ? (parts[0] ?? '') : '';
  const groupProblems = group === '' ? [] : dns1123SubdomainFaults(group);
  if (groupProblems.length > 0) faults.invalid(path, group, groupProblems.join(','));
  if (version === '') return faults.invalid(path, apiVersion, 'version must be specified');
  const versionProblems = dns1035LabelFaults(version);
  if (versionProblems.length > 0) faults.invalid(path, version, versionProblems.join(','));
}
