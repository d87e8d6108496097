import type { ValidatingAdmissionPolicy, Validation } from '../../generated/api/admissionregistration/v1.ts';
import { PolicyCompiler } from '../../resources/admissionregistration/policy-compiler.ts';
import type { PolicyErrorType } from '../metrics/admission-metrics.ts';
import { accessFunctions } from '../webhooks/expression-access.ts';
import { Activation, BUDGET, BudgetError, type Expression, type Outcome } from './activation.ts';
import { compileVariables } from './compile-variables.ts';
import { judgeConditions } from './match-conditions.ts';
import { type PolicyInput, toValues } from './policy-input.ts';

export interface Decision {
  readonly denied: boolean;
  readonly message: string;
  /** Absent where the policy failed rather than said no. */
  readonly reason?: string | undefined;
  /** Why the policy failed. Default: it did not. */
  readonly errorType?: PolicyErrorType | undefined;
}

export type AuditNote = { readonly key: string } & ({ readonly value: string } | { readonly fault: string });

export interface Verdict {
  /** One for each validation, or one for what kept them from being run. */
  readonly decisions: readonly Decision[];
  readonly notes: readonly AuditNote[];
}

interface Rule extends Expression {
  readonly validation: Validation;
  readonly message: Expression | undefined;
}

const MAX_MESSAGE_BYTES = 5 * 1024;

/** The expressions of a policy, compiled, and how they judge. Source: `admission/plugin/policy/validating/validator.go`. */
export class Validator {
  readonly #failsClosed: boolean;
  readonly #variables: ReadonlyMap<string, Expression>;
  readonly #conditions: readonly Expression[];
  readonly #rules: readonly Rule[];
  readonly #notes: readonly (Expression & { readonly key: string })[];
  readonly #failurePolicy: string | undefined;

  constructor({ spec }: ValidatingAdmissionPolicy) {
    const { paramKind, variables = [], matchConditions = [], validations = [], auditAnnotations = [] } = spec;
    const compiler = new PolicyCompiler({ hasParams: paramKind !== undefined, hasVariables: true, accessFunctions });
    this.#failurePolicy = spec.failurePolicy;
    this.#failsClosed = spec.failurePolicy !== 'Ignore';
    this.#variables = compileVariables(compiler, variables);
    this.#conditions = matchConditions.map(({ expression: source }) => ({
      source,
      program: compiler.program(source, 'condition'),
    }));
    this.#rules = validations.map((validation) => {
      const { expression: source, messageExpression } = validation;
      const message =
        messageExpression === undefined || messageExpression === ''
          ? undefined
          : { source: messageExpression, program: compiler.program(messageExpression, 'message') };
      return { source, program: compiler.program(source, 'validation'), validation, message };
    });
    this.#notes = auditAnnotations.map(({ key, valueExpression: source }) => ({
      key,
      source,
      program: compiler.program(source, 'annotation'),
    }));
  }

  validate(input: PolicyInput): Verdict {
    const conditions = judgeConditions(this.#conditions, this.#variables, input, this.#failurePolicy);
    if ('fault' in conditions) return this.#failed(conditions.fault);
    if (!conditions.matches) return { decisions: [], notes: [] };
    try {
      const decisions = this.#judge(input);
      return { decisions, notes: this.#annotate(input) };
    } catch (error) {
      if (!(error instanceof BudgetError)) throw error;
      return this.#failed(error.message, 'out_of_budget');
    }
  }

  #failed(message: string, errorType: PolicyErrorType = 'invalid_error'): Verdict {
    return { decisions: [{ denied: this.#failsClosed, message, errorType }], notes: [] };
  }

  #judge(input: PolicyInput): readonly Decision[] {
    const budget = { left: BUDGET };
    const activation = new Activation(toValues(input, { authorizer: true }), this.#variables);
    const outcomes = this.#rules.map((rule) => activation.evaluate(rule, budget));
    const messages = this.#messages(input, budget);
    return this.#rules.map((rule, at): Decision => {
      const outcome = outcomes[at] as Outcome;
      if ('fault' in outcome) return { denied: this.#failsClosed, message: outcome.fault, errorType: 'invalid_error' };
      if (messages instanceof BudgetError) {
        const message = `failed messageExpression: ${messages.message}`;
        return { denied: this.#failsClosed, message, errorType: 'out_of_budget' };
      }
      if (outcome.value === true) return { denied: false, message: '' };
      const { message = '', reason } = rule.validation;
      const text = messageOf(messages[at]) || message.trim() || `failed expression: ${rule.source.trim()}`;
      return { denied: true, message: text, reason: reason ?? 'Invalid' };
    });
  }

  /** Messages cannot ask the authorizer, and spend what the validations left. All are made, whether needed or not. */
  #messages(input: PolicyInput, budget: { left: number }): readonly (Outcome | undefined)[] | BudgetError {
    const activation = new Activation(toValues(input, { authorizer: false }), this.#variables);
    try {
      return this.#rules.map(({ message }) => message && activation.evaluate(message, budget));
    } catch (error) {
      if (!(error instanceof BudgetError)) throw error;
      return error;
    }
  }

  #annotate(input: PolicyInput): readonly AuditNote[] {
    const budget = { left: BUDGET };
    const activation = new Activation(toValues(input, { authorizer: false }), this.#variables);
    return this.#notes.flatMap((note): readonly AuditNote[] => {
      const outcome = activation.evaluate(note, budget);
      if ('fault' in outcome) return this.#failsClosed ? [{ key: note.key, fault: outcome.fault }] : [];
      const value = typeof outcome.value === 'string' ? outcome.value.trim() : '';
      return value === '' ? [] : [{ key: note.key, value }];
    });
  }
}

/** Empty where the expression failed or wrote what no message can be. */
function messageOf(outcome: Outcome | undefined): string {
  if (outcome === undefined || !('value' in outcome) || typeof outcome.value !== 'string') return '';
  const text = outcome.value.trim();
  return Buffer.byteLength(text) > MAX_MESSAGE_BYTES || text.includes('\n') ? '' : text;
}
