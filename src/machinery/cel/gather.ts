import type { CallExpr, ComprehensionExpr, Expr } from './ast.ts';
import type { Planned } from './evaluator.ts';
import { noSuchOverload } from './functions/function.ts';
import { iterate } from './reads.ts';
import type { Locals, Run, Step } from './run.ts';
import { CelError, CelMap, type CelValue, keyId } from './values.ts';

/** Makes an expression ready to run. */
type Plan = (expr: Expr) => Planned;

/** Adds what one round of a loop yields. */
type Gather = (run: Run, locals: Locals) => void;

/** The place of a result that is still being gathered; only the loop itself refers to it. */
const unfinished: CelValue = null;

/**
 * Loops that only add to a list or a map do so in place, or long ones would copy their result in every round.
 * Undefined for loops that do anything else.
 */
export function planGathering(expr: ComprehensionExpr, range: Step, plan: Plan): Step | undefined {
  const { accuVar, accuInit, iterVar, iterVar2, result } = expr;
  const isEmpty =
    accuInit.kind === 'list' ? accuInit.items.length === 0 : accuInit.kind === 'map' && accuInit.entries.length === 0;
  if (!isEmpty || result.kind !== 'ident' || result.name !== accuVar) return undefined;
  const begin = accuInit.kind === 'list' ? appending(expr.step, accuVar, plan) : inserting(expr.step, accuVar, plan);
  if (begin === undefined) return undefined;
  return (run, outer) => {
    const items = range(run, outer);
    const { add, finish } = begin();
    const accu: Locals = { name: accuVar, value: unfinished, outer };
    for (const [first, second] of iterate(items, iterVar2 !== undefined)) {
      const inner: Locals = { name: iterVar, value: first, outer: accu };
      add(run, iterVar2 === undefined ? inner : { name: iterVar2, value: second, outer: inner });
    }
    run.spend(1);
    return finish();
  };
}

/** Splits `filter ? more : accu` into its parts. */
function filtered(
  step: Expr,
  accuVar: string,
  plan: Plan,
): { readonly filter: Step | undefined; readonly more: CallExpr } | undefined {
  if (step.kind !== 'call') return undefined;
  if (step.name !== '_?_:_') return { filter: undefined, more: step };
  const [condition, more, other] = step.args;
  if (condition === undefined || more?.kind !== 'call' || other?.kind !== 'ident' || other.name !== accuVar) {
    return undefined;
  }
  return { filter: plan(condition).step, more };
}

function appending(
  step: Expr,
  accuVar: string,
  plan: Plan,
): (() => { add: Gather; finish: () => CelValue }) | undefined {
  const parts = filtered(step, accuVar, plan);
  const [accu, added] = parts?.more.args ?? [];
  if (parts === undefined || parts.more.name !== '_+_' || accu?.kind !== 'ident' || accu.name !== accuVar)
    return undefined;
  if (added?.kind !== 'list' || added.optional.size > 0 || added.items.length !== 1) return undefined;
  const one = plan(added);
  const passes = filterOf(parts.filter);
  return () => {
    const list: CelValue[] = [];
    return {
      add(run, locals) {
        if (!passes(run, locals)) return;
        run.spend(2);
        list.push(...(one.step(run, locals) as readonly CelValue[]));
      },
      finish: () => list,
    };
  };
}

function inserting(
  step: Expr,
  accuVar: string,
  plan: Plan,
): (() => { add: Gather; finish: () => CelValue }) | undefined {
  const parts = filtered(step, accuVar, plan);
  const [accu, ...given] = parts?.more.args ?? [];
  if (parts?.more.name !== 'cel.@mapInsert' || accu?.kind !== 'ident' || accu.name !== accuVar) return undefined;
  const args = given.map((arg) => plan(arg).step);
  const passes = filterOf(parts.filter);
  return () => {
    const entries = new Map<string, readonly [CelValue, CelValue]>();
    const insert = (key: CelValue, value: CelValue): void => {
      const id = keyId(key);
      if (id === undefined) throw noSuchOverload();
      if (entries.has(id)) throw new CelError(`insert failed: key ${String(key)} already exists`);
      entries.set(id, [key, value]);
    };
    return {
      add(run, locals) {
        if (!passes(run, locals)) return;
        const values = args.map((arg) => arg(run, locals));
        const [first = null, second] = values;
        if (second !== undefined) insert(first, second);
        else if (first instanceof CelMap) for (const key of first.keys()) insert(key, first.find(key) as CelValue);
        else throw noSuchOverload();
        run.spend(2);
      },
      finish: () => new CelMap(entries.values()),
    };
  };
}

/** Whether a round counts. */
function filterOf(filter: Step | undefined): (run: Run, locals: Locals) => boolean {
  return (run, locals) => {
    if (filter === undefined) return true;
    const passes = filter(run, locals);
    if (typeof passes !== 'boolean') throw noSuchOverload();
    return passes;
  };
}
