import { forbidden } from '../../machinery/errors/status-error.ts';
import type { AdmissionAttempt } from '../admission/admission.ts';
import type { Authorizer } from '../call.ts';
import type { Hook } from './configured-webhooks.ts';
import type { Invocation } from './invocation.ts';
import type { CompiledConditions } from './run-conditions.ts';
import type { VersionedObject } from './versioned-object.ts';

export interface ConditionJudge {
  /**
   * Whether all conditions of a webhook hold.
   * @throws StatusError 403 where one cannot be told, unless failures of the webhook are passed over
   */
  hold(invocation: Invocation, attempt: AdmissionAttempt, versioned: VersionedObject): Promise<boolean>;
}

/**
 * The conditions of webhooks, compiled when first needed, and the compiler loaded when a webhook first has some.
 * Source: apiserver `admission/plugin/webhook/matchconditions/matcher.go`.
 */
export class MatchConditions implements ConditionJudge {
  readonly #compiled = new WeakMap<Hook, CompiledConditions>();
  readonly #authorizer: Pick<Authorizer, 'authorize'>;

  constructor(authorizer: Pick<Authorizer, 'authorize'>) {
    this.#authorizer = authorizer;
  }

  async hold(invocation: Invocation, attempt: AdmissionAttempt, versioned: VersionedObject): Promise<boolean> {
    const { hook } = invocation;
    const { matchConditions = [], failurePolicy } = hook.webhook;
    if (matchConditions.length === 0) return true;
    const { compileConditions, judgeConditions } = await import('./run-conditions.ts');
    const compiled = this.#compiled.get(hook) ?? compileConditions(matchConditions);
    this.#compiled.set(hook, compiled);
    const pair = await versioned.shownIn(invocation.kind);
    const outcome = await judgeConditions(compiled, { invocation, attempt, pair, authorizer: this.#authorizer });
    if (outcome.result !== 'unknown') return outcome.result === 'match';
    if (failurePolicy === 'Ignore') return false;
    const { group, resource, name } = attempt;
    throw forbidden({ group, resource }, name, outcome.why);
  }
}
