import type { MutatingAdmissionPolicy } from '../../generated/api/admissionregistration/v1.ts';
import type { CelValue } from '../../machinery/cel/values.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { PolicyCompiler } from '../../resources/admissionregistration/policy-compiler.ts';
import { accessFunctions } from '../webhooks/expression-access.ts';
import { Activation, BUDGET, type Expression } from './activation.ts';
import { applyConfiguration, applyOperations } from './apply-patches.ts';
import { compileVariables } from './compile-variables.ts';
import { type ConditionVerdict, judgeConditions } from './match-conditions.ts';
import { type PolicyInput, toValues } from './policy-input.ts';

interface Mutation extends Expression {
  apply(object: AnyObject, value: CelValue, definition: ResourceDefinition): AnyObject;
}

/** The expressions of a policy, compiled. Source: `admission/plugin/policy/mutating/{compilation,dispatcher}.go`. */
export class Mutator {
  readonly #variables: ReadonlyMap<string, Expression>;
  readonly #conditions: readonly Expression[];
  readonly #mutations: readonly Mutation[];
  readonly #failurePolicy: string | undefined;

  constructor({ spec }: MutatingAdmissionPolicy) {
    const { paramKind, variables = [], matchConditions = [], mutations = [] } = spec;
    const compiler = new PolicyCompiler({ hasParams: paramKind !== undefined, hasVariables: true, accessFunctions });
    this.#failurePolicy = spec.failurePolicy;
    this.#variables = compileVariables(compiler, variables);
    this.#conditions = matchConditions.map(({ expression: source }) => ({
      source,
      program: compiler.program(source, 'condition'),
    }));
    this.#mutations = mutations.flatMap(({ patchType, applyConfiguration: wanted, jsonPatch }): Mutation[] => {
      if (patchType === 'JSONPatch' && jsonPatch !== undefined) {
        const { expression: source = '' } = jsonPatch;
        return [{ source, program: compiler.program(source, 'jsonPatch'), apply: applyOperations }];
      }
      if (patchType !== 'ApplyConfiguration' || wanted === undefined) return [];
      const { expression: source = '' } = wanted;
      return [{ source, program: compiler.program(source, 'applyConfiguration'), apply: applyConfiguration }];
    });
  }

  judgeConditions(input: PolicyInput): ConditionVerdict {
    return judgeConditions(this.#conditions, this.#variables, input, this.#failurePolicy);
  }

  get count(): number {
    return this.#mutations.length;
  }

  /**
   * The object after one mutation, not yet defaulted. Each mutation has a budget of its own.
   * @throws Error with what is wrong
   */
  mutate(at: number, object: AnyObject, input: PolicyInput, definition: ResourceDefinition): AnyObject {
    const mutation = this.#mutations[at] as Mutation;
    if ('fault' in mutation.program) throw new Error(mutation.program.fault);
    const activation = new Activation(toValues(input, { authorizer: true }), this.#variables);
    const outcome = activation.evaluate(mutation, { left: BUDGET });
    if ('fault' in outcome) throw new Error(outcome.fault);
    return mutation.apply(object, outcome.value, definition);
  }
}
