import type { MatchCondition } from '../../generated/api/admissionregistration/v1.ts';
import { BOOL, DYN } from '../../machinery/cel/cel-type.ts';
import { type Compiled, Environment } from '../../machinery/cel/environment.ts';
import type { CelValue } from '../../machinery/cel/values.ts';
import {
  AUTHORIZER,
  REQUEST,
  RESOURCE_CHECK,
  requestStructs,
} from '../../resources/admissionregistration/request-types.ts';
import type { AdmissionAttempt } from '../admission/admission.ts';
import type { Authorizer } from '../call.ts';
import { toRequestFields } from './admission-review.ts';
import { AccessChecks, accessFunctions } from './expression-access.ts';
import { toDynamicValue } from './expression-values.ts';
import type { Invocation } from './invocation.ts';
import type { VersionedPair } from './versioned-object.ts';

interface Condition {
  readonly expression: string;
  readonly program: Compiled | undefined;
  readonly issues: string;
}

export type CompiledConditions = readonly Condition[];

/** What one expression may cost, and all conditions of a webhook. Source: apiserver `pkg/apis/cel/config.go`. */
const CALL_LIMIT = 1_000_000;
const BUDGET = 2_500_000;

/** Compiles conditions; what is wrong with one is told when it is asked. */
export function compileConditions(conditions: readonly MatchCondition[]): CompiledConditions {
  const environment = new Environment({
    variables: {
      object: DYN,
      oldObject: DYN,
      request: REQUEST,
      namespaceObject: DYN,
      authorizer: AUTHORIZER,
      'authorizer.requestResource': RESOURCE_CHECK,
    },
    structs: requestStructs,
    functions: accessFunctions,
  });
  return conditions.map(({ expression }) => {
    const compilation = environment.compile(expression);
    if ('issues' in compilation) return { expression, program: undefined, issues: compilation.issues };
    const { compiled } = compilation;
    const isBool = compiled.outputType.kind === BOOL.kind || compiled.outputType.kind === DYN.kind;
    return { expression, program: isBool ? compiled : undefined, issues: 'must evaluate to bool' };
  });
}

export interface ConditionInput {
  readonly invocation: Invocation;
  readonly attempt: AdmissionAttempt;
  readonly pair: VersionedPair;
  readonly authorizer: Pick<Authorizer, 'authorize'>;
}

export type ConditionOutcome =
  | { readonly result: 'match' | 'no-match' }
  | { readonly result: 'unknown'; readonly why: string };

/** One condition that does not hold is enough, whatever is wrong with the others. */
export async function judgeConditions(
  conditions: CompiledConditions,
  { invocation, attempt, pair, authorizer }: ConditionInput,
): Promise<ConditionOutcome> {
  const checks = new AccessChecks(attempt, authorizer);
  const values = new Map<string, CelValue>([
    ['authorizer', checks.own],
    ['authorizer.requestResource', checks.requestResource],
  ]);
  const sources: Readonly<Record<string, () => unknown>> = {
    object: () => pair.object,
    oldObject: () => pair.previous,
    request: () => toRequestFields('', invocation, attempt),
    namespaceObject: () => undefined,
  };
  const variable = (name: string): CelValue | undefined => {
    const source = sources[name];
    if (!values.has(name) && source !== undefined) values.set(name, toDynamicValue(source()));
    return values.get(name);
  };
  const faults: string[] = [];
  let left = BUDGET;
  for (const { expression, program, issues } of conditions) {
    if (program === undefined) {
      faults.push(`compilation error: ${issues}`);
      continue;
    }
    const { value, error, cost } = await checks.settle(() =>
      program.run(variable, { costLimit: Math.min(CALL_LIMIT, left) }),
    );
    left -= cost;
    if (left < 0) {
      const why = 'validation failed due to running out of cost budget, no further validation rules will be run';
      return { result: 'unknown', why };
    }
    if (error !== undefined) faults.push(`expression '${expression}' resulted in error: ${error.message}`);
    else if (value !== true) return { result: 'no-match' };
  }
  if (faults.length === 0) return { result: 'match' };
  return { result: 'unknown', why: faults.length === 1 ? (faults[0] as string) : `[${faults.join(', ')}]` };
}
