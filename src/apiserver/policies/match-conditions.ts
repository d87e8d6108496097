import { Activation, BudgetError, CONDITION_BUDGET, type Expression } from './activation.ts';
import { type PolicyInput, toValues } from './policy-input.ts';

export type ConditionVerdict = { readonly matches: boolean } | { readonly fault: string };

/**
 * Whether all conditions of a policy hold. One that does not is enough, whatever is wrong with the others.
 * Source: apiserver `admission/plugin/webhook/matchconditions/matcher.go`.
 */
export function judgeConditions(
  conditions: readonly Expression[],
  variables: ReadonlyMap<string, Expression>,
  input: PolicyInput,
  failurePolicy: string | undefined,
): ConditionVerdict {
  if (conditions.length === 0) return { matches: true };
  const { group, version, resource } = input.attempt;
  const seen = {
    ...input,
    matched: { ...input.matched, resource: { group, version, resource } },
    namespace: undefined,
  };
  const activation = new Activation(toValues(seen, { authorizer: true }), variables);
  const budget = { left: CONDITION_BUDGET };
  const faults: string[] = [];
  let fails = false;
  try {
    for (const condition of conditions) {
      const outcome = activation.evaluate(condition, budget);
      if ('fault' in outcome) faults.push(outcome.fault);
      else if (outcome.value === false) fails = true;
    }
  } catch (error) {
    if (!(error instanceof BudgetError)) throw error;
    return failurePolicy === 'Ignore' ? { matches: false } : { fault: error.message };
  }
  if (fails) return { matches: false };
  if (faults.length === 0) return { matches: true };
  if (failurePolicy === 'Ignore') return { matches: false };
  const distinct = [...new Set(faults)];
  return { fault: distinct.length === 1 ? (distinct[0] as string) : `[${distinct.join(', ')}]` };
}
