import { compileGoRegExp } from '../schema/go-reg-exp.ts';
import type { CallExpr, Expr } from './ast.ts';
import { type CelType, formatType, isSameType } from './cel-type.ts';
import type { Checked } from './checker.ts';
import { checkFormat } from './format-checks.ts';
import { conversionFunctions } from './functions/conversions.ts';
import { accepts } from './functions/function.ts';
import type { Issue } from './issues.ts';
import { CelError, type CelValue } from './values.ts';

/**
 * What is wrong with literals although their types are right: texts that are no durations, times or patterns, formats
 * that do not fit what they are given, and lists and maps of several types.
 *
 * Source: cel-go `cel/validator.go`.
 */
export function checkLiterals({ expr, types }: Checked): readonly Issue[] {
  const issues: Issue[] = [];
  visit(expr, false, types, issues);
  return issues;
}

/** @param isExempt - Inside of `format`, whose arguments may be of any types. */
function visit(expr: Expr, isExempt: boolean, types: Checked['types'], issues: Issue[]): void {
  if (expr.kind === 'call') checkCall(expr, issues);
  const fault = expr.kind === 'call' && expr.name === 'format' ? checkFormat(expr, types) : undefined;
  if (fault !== undefined) issues.push(fault);
  if (!isExempt) checkTypes(expr, types, issues);
  const exempts = isExempt || (expr.kind === 'call' && expr.name === 'format');
  for (const child of childrenOf(expr)) visit(child, exempts, types, issues);
}

function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'literal':
    case 'ident':
      return [];
    case 'select':
      return [expr.operand];
    case 'call':
      return expr.target === undefined ? expr.args : [expr.target, ...expr.args];
    case 'list':
      return expr.items;
    case 'map':
      return expr.entries.flatMap(({ key, value }) => [key, value]);
    case 'struct':
      return expr.fields.map(({ value }) => value);
    case 'comprehension':
      return [expr.range, expr.accuInit, expr.condition, expr.step, expr.result];
    default:
      return expr satisfies never;
  }
}

const readers = new Map(conversionFunctions.map(({ name, overloads }) => [name, overloads]));

function checkCall({ name, args }: CallExpr, issues: Issue[]): void {
  const [literal] = args;
  if (literal?.kind !== 'literal' || isReadable(name, literal.value)) return;
  issues.push({ at: literal.at, message: `invalid ${name} argument` });
}

function isReadable(name: string, value: CelValue): boolean {
  if (name === 'matches') return typeof value !== 'string' || !('error' in compileGoRegExp(value));
  if (name !== 'duration' && name !== 'timestamp') return true;
  const reader = readers.get(name)?.find(({ args: [type] }) => type !== undefined && accepts(type, value));
  if (reader === undefined) return false;
  try {
    reader.call?.(value);
    return true;
  } catch (error) {
    if (error instanceof CelError) return false;
    throw error;
  }
}

function checkTypes(expr: Expr, types: Checked['types'], issues: Issue[]): void {
  const typeOf = (node: Expr, isOptional: boolean): CelType | undefined => {
    const type = types.get(node.id);
    return isOptional ? type?.params[0] : type;
  };
  const mismatch = (node: Expr, first: CelType | undefined, type: CelType | undefined): boolean => {
    if (first === undefined || type === undefined || isSameType(first, type)) return false;
    issues.push({ at: node.at, message: `expected type '${formatType(first)}' but found '${formatType(type)}'` });
    return true;
  };
  if (expr.kind === 'list') {
    const [head] = expr.items;
    const first = head && typeOf(head, expr.optional.has(0));
    expr.items.some((item, at) => mismatch(item, first, typeOf(item, expr.optional.has(at))));
  } else if (expr.kind === 'map') {
    const [head] = expr.entries;
    if (head === undefined) return;
    const [key, value] = [typeOf(head.key, false), typeOf(head.value, head.optional)];
    for (const entry of expr.entries) {
      mismatch(entry.key, key, typeOf(entry.key, false));
      mismatch(entry.value, value, typeOf(entry.value, entry.optional));
    }
  }
}
