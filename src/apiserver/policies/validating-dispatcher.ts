import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../generated/api/admissionregistration/v1.ts';
import { StatusError, type StatusReason } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { type AdmissionAttempt, refused } from '../admission/admission.ts';
import type { PolicyCheck } from '../metrics/admission-metrics.ts';
import { EquivalentKinds } from '../webhooks/equivalent-kinds.ts';
import { AccessChecks } from '../webhooks/expression-access.ts';
import { VersionedObject, type VersionedPair } from '../webhooks/versioned-object.ts';
import type { PolicyOptions } from './policies.ts';
import { type Matched, matchResources, namespaceOf } from './policy-matching.ts';
import { collectParams, paramKindFault } from './policy-params.ts';
import type { PolicyHook } from './policy-source.ts';
import { type Decision, Validator, type Verdict } from './validator.ts';

type Policy = ValidatingAdmissionPolicy;
type Binding = ValidatingAdmissionPolicyBinding;

interface Denial {
  readonly policy: string;
  readonly binding: string | undefined;
  readonly message: string;
  readonly reason: string | undefined;
}

/** What is gathered of one policy and all its bindings during a request. */
interface Judgement {
  readonly attempt: AdmissionAttempt;
  readonly policy: Policy;
  readonly matched: Matched;
  readonly checks: AccessChecks;
  readonly denials: Denial[];
  readonly notes: Map<string, Set<string>>;
  pair?: VersionedPair;
}

const FAILURE_KEY = 'validation.policy.admission.k8s.io/validation_failure';
const MAX_NOTE_BYTES = 10 * 1024;

const codes: Readonly<Record<string, number>> = { Forbidden: 403, Unauthorized: 401, RequestEntityTooLarge: 413 };

/** Asks the validating policies that are bound. Source: apiserver `admission/plugin/policy/validating/dispatcher.go`. */
export class ValidatingDispatcher {
  readonly #options: PolicyOptions;
  readonly #kinds: EquivalentKinds;
  readonly #validators = new WeakMap<Policy, Validator>();

  constructor(options: PolicyOptions) {
    this.#options = options;
    this.#kinds = new EquivalentKinds(options.catalog);
  }

  /** @throws StatusError for the first policy that denies; all are asked first, for their warnings and notes */
  async validate(attempt: AdmissionAttempt, hooks: readonly PolicyHook<Policy, Binding>[]): Promise<void> {
    const checks = new AccessChecks(attempt, this.#options.authorizer);
    const denials: Denial[] = [];
    for (const { policy, bindings } of hooks) {
      const matched = await this.#match(attempt, policy, denials);
      if (matched === undefined) continue;
      const judgement: Judgement = { attempt, policy, matched, checks, denials, notes: new Map() };
      for (const binding of bindings) await this.#ask(judgement, binding);
      for (const [key, values] of judgement.notes) attempt.annotate(`${nameOf(policy)}/${key}`, [...values].join(', '));
    }
    if (denials[0] !== undefined) throw toError(attempt, denials[0]);
  }

  async #match(attempt: AdmissionAttempt, policy: Policy, denials: Denial[]): Promise<Matched | undefined> {
    try {
      const { matchConstraints, paramKind } = policy.spec;
      if (matchConstraints === undefined) throw new Error('policy contained no match constraints, a required field');
      const matched = await matchResources(matchConstraints, attempt, this.#deps);
      if (matched === undefined) return undefined;
      const fault = paramKindFault(paramKind, this.#kinds);
      if (fault !== undefined) throw fault;
      return matched;
    } catch (error) {
      misconfigured(denials, policy, undefined, error);
      return undefined;
    }
  }

  get #deps(): { reader: PolicyOptions['reader']; kinds: EquivalentKinds } {
    return { reader: this.#options.reader, kinds: this.#kinds };
  }

  async #ask(judgement: Judgement, binding: Binding): Promise<void> {
    const { attempt, policy, matched, denials } = judgement;
    let params: readonly (AnyObject | undefined)[];
    try {
      const { matchResources: narrower, paramRef } = binding.spec;
      const isAsked = narrower === undefined || (await matchResources(narrower, attempt, this.#deps)) !== undefined;
      if (!isAsked) return;
      params = await collectParams(policy.spec.paramKind, paramRef, attempt.namespace, this.#deps);
      if (params.length > 0) judgement.pair ??= await this.#convert(attempt, matched);
    } catch (error) {
      return misconfigured(denials, policy, binding, error);
    }
    const { pair } = judgement;
    if (pair === undefined) return;
    const namespace = await namespaceOf(attempt, this.#options.reader);
    const definition = this.#definitionOf(attempt, matched);
    const validator = this.#validatorOf(policy);
    const verdicts: Verdict[] = [];
    const { metrics } = this.#options;
    const startedMs = metrics?.clock.nowMs() ?? 0;
    for (const each of params) {
      const input = { ...judgement, pair, definition, namespace, params: each };
      verdicts.push(await judgement.checks.settle(() => validator.validate(input)));
    }
    const count = Math.max(
      1,
      verdicts.reduce((sum, { decisions }) => sum + decisions.length, 0),
    );
    const seconds = metrics === undefined ? 0 : (metrics.clock.nowMs() - startedMs) / 1000 / count;
    const told: Tell = (action, { errorType = 'no_error' }) =>
      metrics?.policyCheck({ policy: nameOf(policy), binding: nameOf(binding), errorType, action, seconds });
    for (const verdict of verdicts) heed(verdict, judgement, binding, told);
  }

  async #convert(attempt: AdmissionAttempt, { kind }: Matched): Promise<VersionedPair> {
    try {
      return await new VersionedObject(attempt, this.#kinds).in(kind);
    } catch (error) {
      throw new Error(`failed to convert object version: ${textOf(error)}`);
    }
  }

  #definitionOf(attempt: AdmissionAttempt, { kind }: Matched): AdmissionAttempt['definition'] {
    return kind === attempt.kind ? attempt.definition : this.#kinds.definitionOf(kind);
  }

  #validatorOf(policy: Policy): Validator {
    const known = this.#validators.get(policy) ?? new Validator(policy);
    this.#validators.set(policy, known);
    return known;
  }
}

function misconfigured(denials: Denial[], policy: Policy, binding: Binding | undefined, error: unknown): void {
  if (policy.spec.failurePolicy === 'Ignore') return;
  const message = `failed to configure ${binding === undefined ? 'policy' : 'binding'}: ${textOf(error)}`;
  denials.push({ policy: nameOf(policy), binding: binding && nameOf(binding), message, reason: undefined });
}

type Tell = (action: PolicyCheck['action'], decision: Pick<Decision, 'errorType'>) => void;

/** Does what a binding wants to be done about a verdict. */
function heed(
  { decisions, notes }: Verdict,
  { attempt, policy, denials, notes: all }: Judgement,
  binding: Binding,
  told: Tell,
): void {
  const [policyName, bindingName] = [nameOf(policy), nameOf(binding)];
  const deny = (message: string, reason?: string): void =>
    void denials.push({ policy: policyName, binding: bindingName, message, reason });
  for (const [index, decision] of decisions.entries()) {
    if (!decision.denied) {
      if (decision.errorType !== undefined) told('allow', decision);
      continue;
    }
    const { message, reason } = decision;
    for (const action of binding.spec.validationActions ?? []) {
      if (action === 'Deny') deny(message, reason);
      if (action === 'Deny') told('deny', decision);
      if (action === 'Audit') told('audit', decision);
      if (action === 'Audit') attempt.annotate(FAILURE_KEY, failureNote(index, decision, binding));
      if (action !== 'Warn') continue;
      told('warn', decision);
      const where = `ValidatingAdmissionPolicy '${policyName}' with binding '${bindingName}'`;
      attempt.warn(`Validation failed for ${where}: ${message}`);
    }
  }
  for (const note of notes) {
    if ('fault' in note) {
      deny(note.fault);
      continue;
    }
    const values = all.get(note.key) ?? new Set();
    all.set(note.key, values.add(Buffer.from(note.value).subarray(0, MAX_NOTE_BYTES).toString()));
  }
}

function failureNote(expressionIndex: number, { message }: Decision, binding: Binding): string {
  const { policyName: policy, validationActions } = binding.spec;
  return JSON.stringify([{ message, policy, binding: nameOf(binding), expressionIndex, validationActions }]);
}

function toError(attempt: AdmissionAttempt, { policy, binding, message, reason = 'Invalid' }: Denial): StatusError {
  const bound = binding === undefined ? '' : ` with binding '${binding}'`;
  const why = `ValidatingAdmissionPolicy '${policy}'${bound} denied request: ${message}`;
  const { message: text, details } = refused(attempt, why);
  const code = codes[reason] ?? 422;
  const withCause = { ...details, causes: [{ message: why }] };
  return new StatusError({ code, reason: reason as StatusReason, message: text, details: withCause });
}

function nameOf({ metadata }: Policy | Binding): string {
  return metadata.name ?? '';
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
