import type { CallExpr, Expr } from './ast.ts';
import type { Checked } from './checker.ts';
import { CLAUSE, clauseOf, formatFault } from './functions/text-format.ts';
import type { Issue } from './issues.ts';
import { CelError } from './values.ts';

/**
 * What is wrong with a call of `format` whose text and list are both written out: clauses that do not exist or do not fit
 * what they are given, and a list that is too long or too short.
 *
 * Source: cel-go `ext/formatting.go` (stringFormatValidator).
 */
export function checkFormat({ at, target, args }: CallExpr, types: Checked['types']): Issue | undefined {
  const [list] = args;
  if (target?.kind !== 'literal' || typeof target.value !== 'string' || list?.kind !== 'list') return undefined;
  let used = 0;
  for (const [, whole, , verb] of target.value.matchAll(CLAUSE)) {
    if (whole === '%') continue;
    const item = list.items[used];
    if (verb === undefined) return { at, message: 'unexpected end of string' };
    if (item === undefined) return { at, message: `index ${used} out of range` };
    try {
      const misfit = findMisfit(verb, item, types);
      if (misfit !== undefined)
        return { at: misfit.at, message: formatFault(verb, types.get(misfit.id)?.name ?? 'dyn') };
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      return { at, message: error.message };
    }
    used++;
  }
  const given = list.items.length;
  if (given <= used) return undefined;
  return { at, message: `too many arguments supplied to string.format (expected ${used}, got ${given})` };
}

/** The part of an argument that a clause does not take; `%s` looks into lists and maps that are written out. */
function findMisfit(verb: string, item: Expr, types: Checked['types']): Expr | undefined {
  const kind = types.get(item.id)?.kind ?? 'dyn';
  if (kind !== 'dyn' && !clauseOf(verb).kinds.includes(kind)) return item;
  if (verb !== 's') return undefined;
  const inner = item.kind === 'map' ? item.entries.flatMap(({ key, value }) => [key, value]) : [];
  for (const part of item.kind === 'list' ? item.items : inner) {
    const misfit = findMisfit(verb, part, types);
    if (misfit !== undefined) return misfit;
  }
  return undefined;
}
