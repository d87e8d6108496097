import { compileGoRegExp } from '../schema/go-reg-exp.ts';
import type { CallExpr, ComprehensionExpr, Expr } from './ast.ts';
import { callCost } from './call-costs.ts';
import type { Checked } from './checker.ts';
import { isEqual } from './compare.ts';
import { accepts, type FunctionDecl, noSuchOverload } from './functions/function.ts';
import { planGathering } from './gather.ts';
import { findIn, isPresent, iterate, keyText, oddKey, optionally, selectFrom } from './reads.ts';
import { LIST_COST, type Locals, MAP_COST, Run, STRUCT_COST, type Step } from './run.ts';
import {
  CelError,
  CelMap,
  type CelValue,
  CostLimitError,
  isList,
  OptionalValue,
  typeNameOf,
  UintValue,
} from './values.ts';

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

/** What a program needs to know of where it runs. */
export interface ProgramOptions {
  findFunction(name: string): FunctionDecl | undefined;
  /** Whether a name stands for a variable; others are names of types. */
  isVariable(name: string): boolean;
}

/**
 * Makes a checked expression into a function. Costs are counted as upstream counts them: constants cost nothing, nor
 * do lists and conversions of constants.
 *
 * Source: cel-go `interpreter/{planner,interpretable,attributes,decorators,runtimecost}.go`.
 *
 * @throws CelError where a constant cannot be computed.
 */
export function toProgram({ expr, overloads }: Pick<Checked, 'expr' | 'overloads'>, options: ProgramOptions): Program {
  const { step } = new Planner(overloads, options).plan(expr);
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

/** A node that is ready to run. */
export interface Planned {
  readonly step: Step;
  /** The same without the cost of looking at an attribute: as a key, or as a branch of `a ? b : c`. */
  readonly bare: Step;
  /** Set where the value is known already. */
  readonly constant?: CelValue | undefined;
}

const plain = (step: Step): Planned => ({ step, bare: step });
const constant = (value: CelValue): Planned => ({ ...plain(() => value), constant: value });

/** Variables, fields and items: a look at one costs 1, and so does each part of its path. */
function attribute(bare: Step): Planned {
  return {
    bare,
    step(run, locals) {
      run.spend(1);
      return bare(run, locals);
    },
  };
}

const isConstant = ({ constant: value }: Planned): boolean => value !== undefined;

class Planner {
  readonly #overloads: ReadonlyMap<number, readonly string[]>;
  readonly #options: ProgramOptions;
  readonly #locals: string[] = [];

  constructor(overloads: ReadonlyMap<number, readonly string[]>, options: ProgramOptions) {
    this.#overloads = overloads;
    this.#options = options;
  }

  plan(expr: Expr): Planned {
    switch (expr.kind) {
      case 'literal':
        return constant(expr.value);
      case 'ident':
        return this.#ident(expr.name);
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return plain(this.#struct(expr));
      case 'comprehension':
        return plain(this.#comprehension(expr));
      default:
        return expr satisfies never;
    }
  }

  #ident(name: string): Planned {
    if (this.#locals.includes(name)) return attribute(local(name));
    const read: Step = (run) => {
      const value = run.variables(name);
      if (value === undefined) throw new CelError(`no such attribute(s): ${name}`);
      return value;
    };
    return this.#options.isVariable(name) ? attribute(read) : plain(read);
  }

  #select({ operand, field, testOnly }: Expr & { kind: 'select' }): Planned {
    const target = this.plan(operand);
    const read: Step = (run, locals) => {
      const value = target.bare(run, locals);
      run.spend(1);
      return testOnly ? isPresent(value, field) : selectFrom(value, field);
    };
    return testOnly ? plain(read) : this.#attributeOf(operand, read);
  }

  /** A choice between two has no cost of its own, with whatever is read from it. */
  #attributeOf(operand: Expr, read: Step): Planned {
    let root = operand;
    while (root.kind === 'select') root = root.operand;
    return root.kind === 'call' && root.name === '_?_:_' ? plain(read) : attribute(read);
  }

  #call(expr: CallExpr): Planned {
    const given = expr.target === undefined ? expr.args : [expr.target, ...expr.args];
    const args = given.map((arg) => this.plan(arg));
    const [first, second, third] = args as [Planned, Planned, Planned];
    switch (expr.name) {
      case '_&&_':
        return plain(logical(first.step, second.step, false));
      case '_||_':
        return plain(logical(first.step, second.step, true));
      case '_?_:_':
        return plain((run, locals) => {
          const condition = first.step(run, locals);
          if (typeof condition !== 'boolean') throw noSuchOverload();
          return (condition ? second : third).bare(run, locals);
        });
      case '@not_strictly_false':
        return plain((run, locals) => {
          run.spend(1);
          try {
            return first.step(run, locals) !== false;
          } catch (error) {
            if (error instanceof CelError) return true;
            throw error;
          }
        });
      case '_[_]':
        checkConstantKey(second.constant);
        return this.#attributeOf(given[0] as Expr, index(first.bare, second.bare));
      case '_[?_]':
      case '_?._':
        return this.#attributeOf(given[0] as Expr, optionalRead(first.bare, second.bare));
      case 'or':
      case 'orValue':
        if (expr.target !== undefined) return plain(alternative(expr.name, first.step, second.step));
        break;
      case '@in':
        if (isPrimitiveList(second.constant)) return plain(membership(first.step, second.constant));
        break;
      default:
        break;
    }
    return this.#function(expr, args);
  }

  #function(expr: CallExpr, args: readonly Planned[]): Planned {
    const isMember = expr.target !== undefined;
    const overloads = (this.#options.findFunction(expr.name)?.overloads ?? []).filter(
      ({ member, args: declared }) => member === isMember && declared.length === args.length,
    );
    // Where the types leave no doubt, the signature is known before.
    const [known, ...others] = this.#overloads.get(expr.id) ?? [];
    const chosen = others.length === 0 ? overloads.find(({ id }) => id === known) : undefined;
    const candidates = chosen === undefined ? overloads : [chosen];
    const call = (values: readonly CelValue[]): CelValue => {
      const found = candidates.find(({ args: types }) =>
        types.every((type, at) => accepts(type, values[at] as CelValue)),
      );
      if (found?.call === undefined) throw unfit(expr.name, values);
      return found.call(...values);
    };
    const [only] = args;
    if (args.length === 1 && only?.constant !== undefined && foldable.has(expr.name)) {
      return constant(call([only.constant]));
    }
    const checkPattern = patternCheck(expr.name, args);
    checkPattern?.();
    return plain((run, locals) => {
      const { values, failure } = evaluateAll(args, run, locals);
      let result: CelValue | undefined;
      try {
        if (failure !== undefined) throw failure;
        result = call(values as readonly CelValue[]);
        return result;
      } finally {
        // Calls of three and more do not come about where an argument fails.
        if (failure === undefined || args.length < 3) run.spend(callCost(expr.name, chosen?.id ?? '', values, result));
      }
    });
  }

  #list({ items, optional }: Expr & { kind: 'list' }): Planned {
    const planned = items.map((item) => this.plan(item));
    if (optional.size === 0 && planned.every(isConstant))
      return constant(planned.map((item) => item.constant as CelValue));
    return plain((run, locals) => {
      const list: CelValue[] = [];
      for (const [at, { step }] of planned.entries()) {
        const value = step(run, locals);
        if (!optional.has(at)) list.push(value);
        else if (!(value instanceof OptionalValue)) throw notOptional('list element', value);
        else if (value.hasValue) list.push(value.value);
      }
      run.spend(LIST_COST);
      return list;
    });
  }

  #map({ entries }: Expr & { kind: 'map' }): Planned {
    const planned = entries.map(({ key, value, optional }) => ({
      key: this.plan(key),
      value: this.plan(value),
      optional,
    }));
    if (planned.every(({ key, value, optional }) => !optional && isConstant(key) && isConstant(value))) {
      return constant(
        new CelMap(planned.map(({ key, value }) => [key.constant as CelValue, value.constant as CelValue])),
      );
    }
    return plain((run, locals) => {
      const result: (readonly [CelValue, CelValue])[] = [];
      for (const { key, value, optional } of planned) {
        const [name, given] = [key.step(run, locals), value.step(run, locals)];
        if (!optional) result.push([name, given]);
        else if (!(given instanceof OptionalValue)) throw notOptional(`entry '${String(name)}'`, given);
        else if (given.hasValue) result.push([name, given.value]);
      }
      run.spend(MAP_COST);
      return new CelMap(result);
    });
  }

  #struct({ typeName, fields }: Expr & { kind: 'struct' }): Step {
    const steps = fields.map(({ name, value, optional }) => ({ name, value: this.plan(value).step, optional }));
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
    const { accuVar, iterVar, iterVar2 } = expr;
    const range = this.plan(expr.range).step;
    const accuInit = this.plan(expr.accuInit).step;
    this.#locals.push(accuVar, iterVar, iterVar2 ?? iterVar);
    const gather = planGathering(expr, range, (inner) => this.plan(inner));
    const condition = this.plan(expr.condition).step;
    const step = this.plan(expr.step).step;
    const result = this.plan(expr.result).step;
    this.#locals.splice(-3);
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

/**
 * What upstream's values do by themselves, by their types; texts and times are asked for anything. Where a value does
 * it, and not with the other one, its refusal has no name. Source: cel-go `common/types` (the traits of each type).
 */
const traits: Readonly<Record<string, readonly string[]>> = {
  '_+_': ['int', 'uint', 'double', 'bytes', 'list'],
  '_-_': ['int', 'uint', 'double'],
  '_*_': ['int', 'uint', 'double'],
  '_/_': ['int', 'uint', 'double'],
  '_%_': ['int', 'uint'],
  '_<_': ['bool', 'int', 'uint', 'double', 'bytes'],
  '_<=_': ['bool', 'int', 'uint', 'double', 'bytes'],
  '_>_': ['bool', 'int', 'uint', 'double', 'bytes'],
  '_>=_': ['bool', 'int', 'uint', 'double', 'bytes'],
  '-_': ['bool', 'int', 'double'],
  size: ['bytes', 'list', 'map'],
};
const askedForAnything = ['string', 'google.protobuf.Timestamp', 'google.protobuf.Duration'];

function unfit(name: string, values: readonly CelValue[]): CelError {
  const types = values.map(typeNameOf);
  const [own = ''] = types;
  const able = Object.hasOwn(traits, name) ? traits[name] : undefined;
  if (able !== undefined)
    return able.includes(own) || askedForAnything.includes(own) ? noSuchOverload() : noSuchOverload(name);
  if (name === '!_' || name === '@in' || name === 'matches') return noSuchOverload();
  return noSuchOverload(name === 'flatten' ? `${own}.flatten()` : `${name}(${types.join(', ')})`);
}

/** Conversions of one constant are made before the first run. */
const foldable: ReadonlySet<string> = new Set([
  'bool',
  'bytes',
  'double',
  'duration',
  'dyn',
  'int',
  'string',
  'timestamp',
  'type',
  'uint',
]);

/** Patterns that are constants are compiled before the first run. */
function patternCheck(name: string, [, pattern]: readonly Planned[]): (() => void) | undefined {
  const { constant: text } = pattern ?? {};
  if (typeof text !== 'string' || (name !== 'find' && name !== 'findAll' && name !== 'matches')) return undefined;
  return () => {
    const expression = compileGoRegExp(text);
    if ('error' in expression) throw new CelError(expression.error);
  };
}

/** All arguments, or the first error; one argument that fails does not keep the other from costing. */
function evaluateAll(
  args: readonly Planned[],
  run: Run,
  locals: Locals | undefined,
): { readonly values: readonly (CelValue | undefined)[]; readonly failure: CelError | undefined } {
  const values: (CelValue | undefined)[] = [];
  let failure: CelError | undefined;
  for (const { step } of args) {
    try {
      values.push(step(run, locals));
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      failure ??= error;
      if (args.length > 2) break;
      values.push(undefined);
    }
  }
  return { values, failure };
}

function isPrimitiveList(list: CelValue | undefined): list is readonly CelValue[] {
  if (list === undefined || !isList(list)) return false;
  return list.every((item) => item !== null && (typeof item !== 'object' || item instanceof UintValue));
}

function membership(value: Step, list: readonly CelValue[]): Step {
  if (list.length === 0) return () => false;
  return (run, locals) => {
    const wanted = value(run, locals);
    return list.some((item) => isEqual(wanted, item));
  };
}

/** A value that cannot be read: whoever asks for it gets the error. */
function broken(outer: Locals, name: string, error: CelError): Locals {
  return Object.defineProperty({ name, outer } as Locals, 'value', {
    get() {
      throw error;
    },
  });
}

function local(name: string): Step {
  return (_, locals) => {
    for (let each = locals; each !== undefined; each = each.outer) {
      if (each.name === name) return each.value;
    }
    throw new CelError(`no such attribute(s): ${name}`);
  };
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
    const odd = oddKey(at, false);
    if (odd !== undefined) throw new CelError(`invalid qualifier type: ${odd}`);
    const found = findIn(value, at);
    if (found !== undefined) return found;
    const isInList = typeof value === 'object' && value !== null && isList(value);
    throw new CelError(`${isInList ? 'index out of bounds' : 'no such key'}: ${keyText(at)}`);
  };
}

/** @throws CelError where no value has such a key, which is clear before the first run. */
function checkConstantKey(key: CelValue | undefined): void {
  const odd = key === undefined ? undefined : oddKey(key, true);
  if (odd !== undefined) throw new CelError(`invalid qualifier type: ${odd}`);
}

/** What is not there costs nothing. */
function optionalRead(target: Step, key: Step): Step {
  return (run, locals) => {
    const found = optionally(target(run, locals), key(run, locals));
    if (found.hasValue) run.spend(1);
    return found;
  };
}
