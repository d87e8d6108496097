import type { CallExpr, ComprehensionExpr, Expr } from './ast.ts';
import { callCost } from './call-costs.ts';
import { accepts, type FunctionDecl, noSuchOverload, type Overload } from './functions/function.ts';
import { planGathering } from './gather.ts';
import { findIn, isPresent, iterate, optionally, selectFrom } from './reads.ts';
import { LIST_COST, type Locals, MAP_COST, Run, STRUCT_COST, type Step } from './run.ts';
import { CelError, CelMap, type CelValue, CostLimitError, isList, OptionalValue } from './values.ts';

export interface Evaluation {
  /** Undefined where it failed. */
  readonly value: CelValue | undefined;
  readonly error: CelError | CostLimitError | undefined;
  /** In CEL's cost units. */
  readonly cost: number;
}

/** A compiled expression. */
export type Program = (
  variables: (name: string) => CelValue | undefined,
  options: { readonly costLimit: number },
) => Evaluation;

/**
 * Makes a checked expression into a function. Costs are counted as upstream counts them, but for constants that it
 * folds before.
 *
 * Source: cel-go `interpreter/{planner,interpretable,attributes,runtimecost}.go`.
 */
export function toProgram(expr: Expr, findFunction: (name: string) => FunctionDecl | undefined): Program {
  const step = new Planner(findFunction).plan(expr);
  return (variables, { costLimit }) => {
    const run = new Run(variables, costLimit);
    try {
      return { value: step(run, undefined), error: undefined, cost: run.cost };
    } catch (error) {
      if (error instanceof CelError || error instanceof CostLimitError)
        return { value: undefined, error, cost: run.cost };
      if (error instanceof RangeError) return { value: undefined, error: new CelError(error.message), cost: run.cost };
      throw error;
    }
  };
}

class Planner {
  readonly #findFunction: (name: string) => FunctionDecl | undefined;

  constructor(findFunction: (name: string) => FunctionDecl | undefined) {
    this.#findFunction = findFunction;
  }

  plan(expr: Expr): Step {
    switch (expr.kind) {
      case 'literal':
        return () => expr.value;
      case 'ident':
        return ident(expr.name);
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return this.#struct(expr);
      case 'comprehension':
        return this.#comprehension(expr);
      default:
        return expr satisfies never;
    }
  }

  #select({ operand, field, testOnly }: Expr & { kind: 'select' }): Step {
    const target = this.plan(operand);
    if (testOnly) return (run, locals) => isPresent(target(run, locals), field);
    return (run, locals) => {
      const value = target(run, locals);
      run.spend(1);
      return selectFrom(value, field);
    };
  }

  #call(expr: CallExpr): Step {
    const args = (expr.target === undefined ? expr.args : [expr.target, ...expr.args]).map((arg) => this.plan(arg));
    const [first, second, third] = args as [Step, Step, Step];
    switch (expr.name) {
      case '_&&_':
        return logical(first, second, false);
      case '_||_':
        return logical(first, second, true);
      case '_?_:_':
        return (run, locals) => {
          const condition = first(run, locals);
          if (typeof condition !== 'boolean') throw noSuchOverload();
          return (condition ? second : third)(run, locals);
        };
      case '@not_strictly_false':
        return (run, locals) => {
          run.spend(1);
          try {
            return first(run, locals) !== false;
          } catch (error) {
            if (error instanceof CelError) return true;
            throw error;
          }
        };
      case '_[_]':
        return index(first, second);
      case '_[?_]':
        return optionalRead(first, second);
      case '_?._':
        return optionalRead(first, second);
      case 'or':
      case 'orValue':
        if (expr.target !== undefined) return alternative(expr.name, first, second);
        break;
      default:
        break;
    }
    return this.#function(expr, args);
  }

  #function(expr: CallExpr, args: readonly Step[]): Step {
    const isMember = expr.target !== undefined;
    const overloads = (this.#findFunction(expr.name)?.overloads ?? []).filter(
      ({ member, args: declared }) => member === isMember && declared.length === args.length,
    );
    return (run, locals) => {
      const values = args.map((arg) => arg(run, locals));
      const chosen = choose(overloads, values);
      if (chosen?.call === undefined) throw noSuchOverload();
      const result = chosen.call(...values);
      run.spend(callCost(expr.name, chosen.id, values, result));
      return result;
    };
  }

  #list({ items, optional }: Expr & { kind: 'list' }): Step {
    const steps = items.map((item) => this.plan(item));
    return (run, locals) => {
      const list: CelValue[] = [];
      for (const [at, step] of steps.entries()) {
        const value = step(run, locals);
        if (!optional.has(at)) list.push(value);
        else if (!(value instanceof OptionalValue)) throw notOptional('list element', value);
        else if (value.hasValue) list.push(value.value);
      }
      run.spend(LIST_COST);
      return list;
    };
  }

  #map({ entries }: Expr & { kind: 'map' }): Step {
    const steps = entries.map(({ key, value, optional }) => ({
      key: this.plan(key),
      value: this.plan(value),
      optional,
    }));
    return (run, locals) => {
      const result: (readonly [CelValue, CelValue])[] = [];
      for (const { key, value, optional } of steps) {
        const [name, given] = [key(run, locals), value(run, locals)];
        if (!optional) result.push([name, given]);
        else if (!(given instanceof OptionalValue)) throw notOptional(`entry '${String(name)}'`, given);
        else if (given.hasValue) result.push([name, given.value]);
      }
      run.spend(MAP_COST);
      return new CelMap(result);
    };
  }

  #struct({ typeName, fields }: Expr & { kind: 'struct' }): Step {
    const steps = fields.map(({ name, value, optional }) => ({ name, value: this.plan(value), optional }));
    return (run, locals) => {
      const values = new Map<string, CelValue>();
      for (const { name, value, optional } of steps) {
        const given = value(run, locals);
        if (!optional) values.set(name, given);
        else if (!(given instanceof OptionalValue)) throw notOptional(`entry '${name}'`, given);
        else if (given.hasValue) values.set(name, given.value);
      }
      run.spend(STRUCT_COST);
      return {
        celObject: true,
        typeName,
        source: values,
        names: () => [...values.keys()],
        find: (name: string) => values.get(name),
      };
    };
  }

  #comprehension(expr: ComprehensionExpr): Step {
    const range = this.plan(expr.range);
    const accuInit = this.plan(expr.accuInit);
    const condition = this.plan(expr.condition);
    const step = this.plan(expr.step);
    const result = this.plan(expr.result);
    const { accuVar, iterVar, iterVar2 } = expr;
    const gather = planGathering(expr, (inner) => this.plan(inner));
    if (gather !== undefined) return gather;
    return (run, outer) => {
      const items = range(run, outer);
      const accu: Locals = { name: accuVar, value: accuInit(run, outer), outer };
      let failure: CelError | undefined;
      for (const [first, second] of iterate(items, iterVar2 !== undefined)) {
        const inner: Locals = { name: iterVar, value: first, outer: accu };
        const locals = iterVar2 === undefined ? inner : { name: iterVar2, value: second, outer: inner };
        // A step that failed leaves its error in the place of the result; the next one may get over it.
        const state = failure === undefined ? locals : broken(locals, accuVar, failure);
        if (condition(run, state) !== true) break;
        try {
          accu.value = step(run, state);
          failure = undefined;
        } catch (error) {
          if (!(error instanceof CelError)) throw error;
          failure = error;
        }
      }
      return result(run, failure === undefined ? accu : broken(accu, accuVar, failure));
    };
  }
}

/** A value that cannot be read: whoever asks for it gets the error. */
function broken(outer: Locals, name: string, error: CelError): Locals {
  return Object.defineProperty({ name, outer } as Locals, 'value', {
    get() {
      throw error;
    },
  });
}

function ident(name: string): Step {
  return (run, locals) => {
    for (let local = locals; local !== undefined; local = local.outer) {
      if (local.name === name) {
        run.spend(1);
        return local.value;
      }
    }
    const value = run.variables(name);
    if (value === undefined) throw new CelError(`no such attribute(s): ${name}`);
    run.spend(1);
    return value;
  };
}

function choose(overloads: readonly Overload[], values: readonly CelValue[]): Overload | undefined {
  return overloads.find(({ args }) => args.every((type, at) => accepts(type, values[at] as CelValue)));
}

function notOptional(what: string, value: CelValue): CelError {
  return new CelError(`cannot initialize optional ${what} from non-optional value ${String(value)}`);
}

/** Whether one side decides; an error of one side counts only where the other does not decide. */
function logical(left: Step, right: Step, decisive: boolean): Step {
  const asBoolean = (value: CelValue): boolean => {
    if (typeof value !== 'boolean') throw noSuchOverload();
    return value;
  };
  return (run, locals) => {
    let failure: CelError | undefined;
    try {
      if (asBoolean(left(run, locals)) === decisive) return decisive;
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      failure = error;
    }
    if (asBoolean(right(run, locals)) === decisive) return decisive;
    if (failure !== undefined) throw failure;
    return !decisive;
  };
}

function alternative(name: 'or' | 'orValue', first: Step, second: Step): Step {
  return (run, locals) => {
    const optional = first(run, locals);
    if (!(optional instanceof OptionalValue)) throw noSuchOverload();
    if (optional.hasValue) return name === 'or' ? optional : optional.value;
    return second(run, locals);
  };
}

function index(target: Step, key: Step): Step {
  return (run, locals) => {
    const value = target(run, locals);
    const at = key(run, locals);
    run.spend(1);
    if (value instanceof OptionalValue) return optionally(value, at);
    const found = findIn(value, at);
    if (found !== undefined) return found;
    if (typeof value === 'object' && value !== null && isList(value)) {
      throw new CelError(`index out of bounds: ${String(at)}`);
    }
    throw new CelError(`no such key: ${String(at)}`);
  };
}

function optionalRead(target: Step, key: Step): Step {
  return (run, locals) => {
    const value = target(run, locals);
    const at = key(run, locals);
    run.spend(1);
    return optionally(value, at);
  };
}
