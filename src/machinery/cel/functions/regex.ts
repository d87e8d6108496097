import { compileGoRegExp, type GoRegExp } from '../../schema/go-reg-exp.ts';
import { INT, listOf, STRING } from '../cel-type.ts';
import { CelError } from '../values.ts';
import { type FunctionDecl, member } from './function.ts';

function compile(pattern: string): GoRegExp {
  const expression = compileGoRegExp(pattern);
  if ('error' in expression) throw new CelError(`Illegal regex: ${expression.error}`);
  return expression;
}

function find(text: string, pattern: string): string {
  const matcher = compile(pattern).compiled.matcher(text);
  return matcher.find() ? (matcher.group() ?? '') : '';
}

function findAll(text: string, pattern: string, limit = -1n): readonly string[] {
  const matcher = compile(pattern).compiled.matcher(text);
  const found: string[] = [];
  while ((limit < 0n || BigInt(found.length) < limit) && matcher.find()) found.push(matcher.group() ?? '');
  return found;
}

/** Source: apiserver `pkg/cel/library/regex.go`. */
export const regexFunctions: readonly FunctionDecl[] = [
  { name: 'find', overloads: [member('string_find_string', [STRING, STRING], STRING, find)] },
  {
    name: 'findAll',
    overloads: [
      member('string_find_all_string', [STRING, STRING], listOf(STRING), findAll),
      member('string_find_all_string_int', [STRING, STRING, INT], listOf(STRING), findAll),
    ],
  },
];
