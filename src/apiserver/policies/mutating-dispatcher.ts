import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
} from '../../generated/api/admissionregistration/v1.ts';
import { internalError, StatusError, type StatusReason } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { type AdmissionAttempt, type MutationRound, refused } from '../admission/admission.ts';
import type { PolicyErrorType } from '../metrics/admission-metrics.ts';
import { cloneJson } from '../registry/clone-json.ts';
import { isSame } from '../registry/equality.ts';
import { withDefaults } from '../verbs/decode-body.ts';
import { EquivalentKinds } from '../webhooks/equivalent-kinds.ts';
import { AccessChecks } from '../webhooks/expression-access.ts';
import { VersionedObject, type VersionedPair } from '../webhooks/versioned-object.ts';
import { Mutator } from './mutator.ts';
import type { PolicyOptions } from './policies.ts';
import { type Matched, matchResources, namespaceOf } from './policy-matching.ts';
import { collectParams, paramKindFault } from './policy-params.ts';
import type { PolicyHook } from './policy-source.ts';

type Policy = MutatingAdmissionPolicy;
type Binding = MutatingAdmissionPolicyBinding;

/** A policy, a binding of it and one parameter. */
interface Invocation {
  readonly policy: Policy;
  readonly binding: Binding;
  readonly matched: Matched;
  readonly params: AnyObject | undefined;
}

interface Fault {
  readonly policy: Policy;
  readonly message: string;
  readonly reason: StatusReason;
}

/** What the first round leaves for the second. Source: `admission/plugin/policy/mutating/reinvocationcontext.go`. */
interface Rounds {
  readonly called: Set<string>;
  readonly recalled: Set<string>;
  output: AnyObject | undefined;
}

/** Lets the mutating policies that are bound change objects. Source: `admission/plugin/policy/mutating/dispatcher.go`. */
export class MutatingDispatcher {
  readonly #options: PolicyOptions;
  readonly #kinds: EquivalentKinds;
  readonly #mutators = new WeakMap<Policy, Mutator>();
  readonly #rounds = new WeakMap<AdmissionAttempt, Rounds>();

  constructor(options: PolicyOptions) {
    this.#options = options;
    this.#kinds = new EquivalentKinds(options.catalog);
  }

  /** @throws StatusError with the faults of all policies that do not let failures pass */
  async mutate(
    attempt: AdmissionAttempt,
    round: MutationRound,
    hooks: readonly PolicyHook<Policy, Binding>[],
  ): Promise<void> {
    const faults: Fault[] = [];
    const invocations = await this.#invocations(attempt, hooks, faults);
    if (invocations.length > 0) await this.#run(attempt, round, invocations, faults);
    const counted = faults.filter(({ policy }) => policy.spec.failurePolicy !== 'Ignore');
    if (counted.length > 0) throw toError(attempt, counted);
  }

  get #deps(): { reader: PolicyOptions['reader']; kinds: EquivalentKinds } {
    return { reader: this.#options.reader, kinds: this.#kinds };
  }

  async #invocations(
    attempt: AdmissionAttempt,
    hooks: readonly PolicyHook<Policy, Binding>[],
    faults: Fault[],
  ): Promise<readonly Invocation[]> {
    const found: Invocation[] = [];
    for (const { policy, bindings } of hooks) {
      const matched = await this.#match(attempt, policy, faults);
      if (matched === undefined) continue;
      for (const binding of bindings) {
        try {
          found.push(...(await this.#bind(attempt, policy, binding, matched)));
        } catch (error) {
          faults.push(misconfigured(policy, binding, error));
        }
      }
    }
    return found;
  }

  async #match(attempt: AdmissionAttempt, policy: Policy, faults: Fault[]): Promise<Matched | undefined> {
    try {
      const { matchConstraints, paramKind } = policy.spec;
      if (matchConstraints === undefined) throw new Error('policy contained no match constraints, a required field');
      const matched = await matchResources(matchConstraints, attempt, this.#deps);
      const fault = matched && paramKindFault(paramKind, this.#kinds);
      if (fault !== undefined) throw fault;
      return matched;
    } catch (error) {
      faults.push(misconfigured(policy, undefined, error));
      return undefined;
    }
  }

  async #bind(
    attempt: AdmissionAttempt,
    policy: Policy,
    binding: Binding,
    matched: Matched,
  ): Promise<readonly Invocation[]> {
    const { matchResources: narrower, paramRef } = binding.spec;
    if (narrower !== undefined && (await matchResources(narrower, attempt, this.#deps)) === undefined) return [];
    const params = await collectParams(policy.spec.paramKind, paramRef, attempt.namespace, this.#deps);
    return params.map((each) => ({ policy, binding, matched, params: each }));
  }

  async #run(
    attempt: AdmissionAttempt,
    round: MutationRound,
    invocations: readonly Invocation[],
    faults: Fault[],
  ): Promise<void> {
    const rounds = this.#roundsOf(attempt);
    if (round.isRepeated && !isSame(rounds.output, attempt.object)) recallAll(rounds);
    const namespace = await namespaceOf(attempt, this.#options.reader);
    const checks = new AccessChecks(attempt, this.#options.authorizer);
    const versioned = new VersionedObject(attempt, this.#kinds);
    let isDirty = false;
    const { metrics } = this.#options;
    for (const invocation of invocations) {
      const { policy, binding, matched, params } = invocation;
      const mutator = this.#mutatorOf(policy);
      const definition = matched.kind === attempt.kind ? attempt.definition : this.#kinds.definitionOf(matched.kind);
      const input = (pair: VersionedPair) => ({ attempt, matched, pair, definition, params, namespace, checks });
      const before = await inVersion(versioned, matched);
      const conditions = await checks.settle(() => mutator.judgeConditions(input(before)));
      if ('fault' in conditions) {
        faults.push(failed(invocation, conditions.fault));
        continue;
      }
      const key = keyOf(invocation);
      if (!conditions.matches || (round.isRepeated && !rounds.recalled.has(key))) continue;
      for (let at = 0; at < mutator.count && before.object !== undefined; at++) {
        const pair = await inVersion(versioned, matched);
        const { object } = pair;
        if (object === undefined || definition === undefined) break;
        const startedMs = metrics?.clock.nowMs() ?? 0;
        const told = (errorType: PolicyErrorType): void => {
          const seconds = metrics === undefined ? 0 : (metrics.clock.nowMs() - startedMs) / 1000;
          metrics?.mutatingPolicyCheck({ policy: nameOf(policy), binding: nameOf(binding), errorType, seconds });
        };
        try {
          const next = await checks.settle(() => mutator.mutate(at, object, input(pair), definition));
          versioned.replace(withDefaults(cloneJson(next), definition));
          isDirty = true;
          told('no_error');
        } catch (error) {
          told('invalid_error');
          if (error instanceof StatusError) throw error;
          faults.push(failed(invocation, textOf(error)));
        }
      }
      if (!isSame(before.object, versioned.current)) {
        recallAll(rounds);
        round.repeat();
      }
      if (policy.spec.reinvocationPolicy === 'IfNeeded') rounds.called.add(key);
    }
    if (isDirty) {
      recallAll(rounds);
      round.repeat();
      await versioned.settle();
    }
    rounds.output = attempt.object === undefined ? undefined : cloneJson(attempt.object);
  }

  #roundsOf(attempt: AdmissionAttempt): Rounds {
    const known = this.#rounds.get(attempt) ?? { called: new Set(), recalled: new Set(), output: undefined };
    this.#rounds.set(attempt, known);
    return known;
  }

  #mutatorOf(policy: Policy): Mutator {
    const known = this.#mutators.get(policy) ?? new Mutator(policy);
    this.#mutators.set(policy, known);
    return known;
  }
}

function recallAll({ called, recalled }: Rounds): void {
  for (const key of called) recalled.add(key);
  called.clear();
}

async function inVersion(versioned: VersionedObject, { kind }: Matched): Promise<VersionedPair> {
  try {
    return await versioned.in(kind);
  } catch (error) {
    throw internalError(error);
  }
}

function keyOf({ policy, binding, params }: Invocation): string {
  const { namespace = '', name = '' } = params?.metadata ?? {};
  return JSON.stringify([nameOf(policy), nameOf(binding), namespace, name]);
}

function misconfigured(policy: Policy, binding: Binding | undefined, error: unknown): Fault {
  const why = `failed to configure ${binding === undefined ? 'policy' : 'binding'}: ${textOf(error)}`;
  return { policy, message: denied(policy, binding, why), reason: 'Forbidden' };
}

function failed({ policy, binding }: Invocation, why: string): Fault {
  return { policy, message: denied(policy, binding, why), reason: 'Invalid' };
}

function denied(policy: Policy, binding: Binding | undefined, why: string): string {
  if (binding === undefined) return `policy ${JSON.stringify(nameOf(policy))} denied request: ${why}`;
  return `policy '${nameOf(policy)}' with binding '${nameOf(binding)}' denied request: ${why}`;
}

/** The first fault names the answer, though its code stays that of a refusal; all of them are causes. */
function toError(attempt: AdmissionAttempt, faults: readonly Fault[]): StatusError {
  const { code, details } = refused(attempt, 'admission request denied by policy');
  const { message = '', reason = 'Forbidden' } = faults[0] ?? {};
  return new StatusError({
    code,
    reason,
    message,
    details: { ...details, causes: faults.map((fault) => ({ message: fault.message })) },
  });
}

function nameOf({ metadata }: Policy | Binding): string {
  return metadata.name ?? '';
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
