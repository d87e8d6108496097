import { CelError, type CelObject, type CelValue } from '../../machinery/cel/values.ts';
import type { PolicyProgram } from '../../resources/admissionregistration/policy-compiler.ts';

/** Source of the limits: apiserver `pkg/apis/cel/config.go`. */
export const CALL_LIMIT = 1_000_000;
export const BUDGET = 10_000_000;
export const CONDITION_BUDGET = 2_500_000;

/** An expression as its policy writes it, and its program. */
export interface Expression {
  readonly source: string;
  readonly program: PolicyProgram;
}

/** What an expression came to. */
export type Outcome = { readonly value: CelValue } | { readonly fault: string };

/** Thrown where expressions cost more than all of them may; those that are left are not run. */
export class BudgetError extends Error {
  override readonly name = 'BudgetError';
  constructor() {
    super('validation failed due to running out of cost budget, no further validation rules will be run');
  }
}

/** What is left to spend. */
export interface Budget {
  left: number;
}

/**
 * What expressions of one policy read during one run: the request's values, and variables that are evaluated when they
 * are first asked for. Source: apiserver `pkg/admission/plugin/cel/{activation,composition}.go`.
 */
export class Activation {
  readonly #values: (name: string) => CelValue | undefined;
  readonly #variables: CelObject;
  #variableCost = 0;

  constructor(values: (name: string) => CelValue | undefined, variables: ReadonlyMap<string, Expression>) {
    this.#values = values;
    const known = new Map<string, CelValue | CelError>();
    this.#variables = {
      celObject: true,
      typeName: 'kubernetes.variables',
      source: variables,
      names: () => [...variables.keys()],
      find: (name) => {
        const expression = variables.get(name);
        if (expression === undefined) return undefined;
        if (!known.has(name)) known.set(name, this.#evaluateVariable(name, expression));
        const value = known.get(name) as CelValue | CelError;
        if (value instanceof CelError) throw value;
        return value;
      },
    };
  }

  /** @throws BudgetError */
  evaluate({ source, program }: Expression, budget: Budget): Outcome {
    if ('fault' in program) return { fault: `compilation error: ${program.fault}` };
    const { value, error, cost } = program.compiled.run(this.#read, { costLimit: CALL_LIMIT });
    const spent = cost + this.#variableCost;
    this.#variableCost = 0;
    if (spent > budget.left) throw new BudgetError();
    budget.left -= spent;
    if (value === undefined) return { fault: `expression '${source}' resulted in error: ${error?.message ?? ''}` };
    return { value };
  }

  #evaluateVariable(name: string, { program }: Expression): CelValue | CelError {
    const quoted = JSON.stringify(name);
    if ('fault' in program) return new CelError(`composited variable ${quoted} fails to compile: ${program.fault}`);
    const { value, error, cost } = program.compiled.run(this.#read, { costLimit: CALL_LIMIT });
    this.#variableCost += cost;
    if (value !== undefined) return value;
    return new CelError(`composited variable ${quoted} fails to evaluate: ${error?.message ?? ''}`);
  }

  readonly #read = (name: string): CelValue | undefined =>
    name === 'variables' ? this.#variables : this.#values(name);
}
