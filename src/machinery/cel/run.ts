import { type CelValue, CostLimitError } from './values.ts';

/** One run of a program. */
export class Run {
  readonly variables: (name: string) => CelValue | undefined;
  readonly #limit: number;
  cost = 0;

  constructor(variables: (name: string) => CelValue | undefined, limit: number) {
    this.variables = variables;
    this.#limit = limit;
  }

  spend(cost: number): void {
    this.cost += cost;
    if (this.cost > this.#limit) throw new CostLimitError();
  }
}

/** Local variables, innermost first. */
export interface Locals {
  readonly name: string;
  value: CelValue;
  readonly outer: Locals | undefined;
}

export type Step = (run: Run, locals: Locals | undefined) => CelValue;

/** What creating a value costs. Source: cel-go `common/cost.go`. */
export const LIST_COST = 10;
export const MAP_COST = 30;
export const STRUCT_COST = 40;
