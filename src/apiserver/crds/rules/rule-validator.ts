import type { JSONSchemaProps, ValidationRule } from '../../../generated/api/apiextensions/v1.ts';
import { type DeclType, declTypeOf, withTypeAndName } from '../../../machinery/cel/schema-types.ts';
import { toCelValue } from '../../../machinery/cel/schema-values.ts';
import { type CelValue, CostLimitError, OptionalValue } from '../../../machinery/cel/values.ts';
import {
  type FieldError,
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  OMITTED_VALUE,
} from '../../../machinery/errors/field-error.ts';
import type { Correlated } from '../../../machinery/schema/correlated.ts';
import { isFields, ownOf } from '../../../machinery/schema/json-values.ts';
import { indexByMapKeys } from '../../../machinery/schema/list-types.ts';
import { schemaOf } from '../../../machinery/schema/read-schema.ts';
import { type CompiledRule, compileRules } from './compile-rules.ts';

/** What one expression may cost, and what all of them for one object. Source: apiserver `pkg/apis/cel/config.go`. */
const CALL_LIMIT = 1_000_000;
const OBJECT_BUDGET = 10_000_000;
const MAX_MESSAGE_BYTES = 5 * 1024;

export interface RuleFaults {
  readonly faults: readonly FieldError[];
  /** What is wrong with values that did not change. */
  readonly warnings: readonly string[];
}

/** One judgement: what is left of the budget, and what was found. */
interface Round {
  budget: number;
  readonly faults: FieldError[];
  readonly warnings: string[];
}

/** A value beside its old one; where it has none, the nearest value around it that has. */
interface Kinship {
  readonly current?: Correlated | undefined;
  readonly nearest?: Correlated | undefined;
}

const stranger: Kinship = {};

/**
 * The rules of a schema and of those below it. Compiled when the first value comes.
 *
 * Source: apiextensions-apiserver `pkg/apiserver/schema/cel/validation.go`.
 */
export class RuleValidator {
  readonly #schema: JSONSchemaProps;
  readonly #isRoot: boolean;
  #rules: readonly CompiledRule[] | undefined;
  #type: DeclType | undefined;
  readonly #properties = new Map<string, RuleValidator>();
  readonly #items: RuleValidator | undefined;
  readonly #values: RuleValidator | undefined;

  private constructor(schema: JSONSchemaProps, isRoot: boolean) {
    this.#schema = schema;
    this.#isRoot = isRoot;
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      const validator = RuleValidator.of(property);
      if (validator !== undefined) this.#properties.set(name, validator);
    }
    this.#items = RuleValidator.of(schemaOf(schema.items));
    this.#values = RuleValidator.of(schemaOf(schema.additionalProperties));
  }

  /** Undefined where neither the schema nor those below it have rules. */
  static of(schema: JSONSchemaProps | undefined, isRoot = false): RuleValidator | undefined {
    if (schema === undefined || !hasRules(schema)) return undefined;
    return new RuleValidator(schema, isRoot || schema['x-kubernetes-embedded-resource'] === true);
  }

  /**
   * @param old - Undefined where there was no such value before.
   * @param options.path - Where the value stands. Default: it is the whole object.
   */
  validate(
    value: unknown,
    old: unknown,
    { path = '', correlated }: { path?: string; correlated?: Correlated | undefined } = {},
  ): RuleFaults {
    const round: Round = { budget: OBJECT_BUDGET, faults: [], warnings: [] };
    this.#walk(value, old, path, { current: correlated }, round);
    return round;
  }

  #walk(value: unknown, old: unknown, path: string, kinship: Kinship, round: Round): void {
    if (value === null || value === undefined) return;
    this.#judge(value, old ?? undefined, path, kinship, round);
    if (round.budget < 0) return;
    if (Array.isArray(value)) this.#walkList(value, old, path, kinship, round);
    else if (isFields(value)) this.#walkFields(value, isFields(old) ? old : {}, path, kinship, round);
  }

  #walkList(list: readonly unknown[], old: unknown, path: string, kinship: Kinship, round: Round): void {
    const items = this.#items;
    if (items === undefined) return;
    const keys = this.#schema['x-kubernetes-list-map-keys'] ?? [];
    const isKeyed = this.#schema['x-kubernetes-list-type'] === 'map' && Array.isArray(old);
    const find = isKeyed ? indexByMapKeys(old, keys) : () => undefined;
    for (const [at, item] of list.entries()) {
      const { current } = kinship;
      const below = current === undefined ? kinship : { current: current.index(at), nearest: current };
      items.#walk(item, find(item), `${path}[${at}]`, below, round);
      if (round.budget < 0) return;
    }
  }

  #walkFields(
    object: Readonly<Record<string, unknown>>,
    old: Readonly<Record<string, unknown>>,
    path: string,
    kinship: Kinship,
    round: Round,
  ): void {
    for (const [name, inner] of Object.entries(object)) {
      const property = this.#properties.get(name);
      const validator = property ?? (ownOf(this.#schema.properties, name) === undefined ? this.#values : undefined);
      if (validator === undefined) continue;
      const place = property === undefined ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
      validator.#walk(inner, ownOf(old, name), place, kinOf(kinship, name), round);
      if (round.budget < 0) return;
    }
  }

  #compiled(): readonly CompiledRule[] {
    this.#type ??= declTypeOf(this.#schema, this.#isRoot);
    this.#rules ??= this.#type === undefined ? [] : compileRules(this.#schema, this.#type);
    return this.#rules;
  }

  #judge(value: unknown, old: unknown, path: string, kinship: Kinship, round: Round): void {
    if ((this.#schema['x-kubernetes-validations'] ?? []).length === 0) return;
    const place = path === '' ? '<nil>' : path;
    const { type = '' } = this.#schema;
    const stop = (why: string): void => {
      round.faults.push(fieldInvalid(place, type, why));
      round.budget = -1;
    };
    const outOfBudget = 'validation failed due to running out of cost budget, no further validation rules will be run';
    if (round.budget <= 0) return stop(outOfBudget);
    const variables = this.#variables(value, old);
    for (const compiled of this.#compiled()) {
      const { rule, program, error, usesOldSelf } = compiled;
      if (error !== undefined) {
        round.faults.push(fieldInvalid(place, type, `rule compile error: ${error}`));
        continue;
      }
      const isOptional = rule.optionalOldSelf === true;
      if (program === undefined || (usesOldSelf && old === undefined && !isOptional)) continue;
      const resolve = variables(isOptional);
      const result = program.run(resolve, { costLimit: CALL_LIMIT });
      if (result.cost > round.budget) return stop(outOfBudget);
      round.budget -= result.cost;
      if (result.error instanceof CostLimitError) {
        const why = 'no further validation rules will be run due to call cost exceeds limit for rule';
        return stop(`'${result.error.message}': ${why}: ${ruleText(rule)}`);
      }
      if (result.error !== undefined) {
        const { message } = result.error;
        const why = message.startsWith('no such overload')
          ? `'${message}': call arguments did not match a supported operator, function or macro signature for rule: ${ruleText(rule)}`
          : `${message} evaluating rule: ${ruleText(rule)}`;
        round.faults.push(fieldInvalid(place, type, why));
      } else if (result.value !== true) {
        this.#report(compiled, value, path, kinship, round, resolve);
        if (round.budget < 0) return;
      }
    }
  }

  /** Converts values when a rule first asks for them. */
  #variables(value: unknown, old: unknown): (isOptional: boolean) => (name: string) => CelValue | undefined {
    const schema = this.#isRoot ? withTypeAndName(this.#schema) : this.#schema;
    let self: CelValue | undefined;
    let before: CelValue | undefined;
    return (isOptional) => (name) => {
      if (name === 'self') {
        self ??= toCelValue(value, schema);
        return self;
      }
      if (name !== 'oldSelf') return undefined;
      if (old === undefined) return isOptional ? OptionalValue.none : undefined;
      before ??= toCelValue(old, schema);
      return isOptional ? OptionalValue.of(before) : before;
    };
  }

  #report(
    compiled: CompiledRule,
    value: unknown,
    path: string,
    kinship: Kinship,
    round: Round,
    resolve: (name: string) => CelValue | undefined,
  ): void {
    const { rule, message, fieldPath, usesOldSelf } = compiled;
    const { type = '' } = this.#schema;
    const below = fieldPath === undefined ? path : path === '' ? fieldPath : `${path}.${fieldPath}`;
    const place = below === '' ? '<nil>' : below;
    const add = (fault: FieldError): void => {
      if (!usesOldSelf && isUnchanged(kinship)) round.warnings.push(fault.toString());
      else round.faults.push(fault);
    };
    let detail: string | undefined;
    if (message !== undefined) {
      const result = message.program.run(resolve, { costLimit: CALL_LIMIT });
      const limit = result.error instanceof CostLimitError;
      if (result.cost > round.budget || limit) {
        const why = limit
          ? `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${JSON.stringify(rule.messageExpression)}`
          : 'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run';
        add(fieldInvalid(place, type, why));
        round.budget = -1;
        return;
      }
      round.budget -= result.cost;
      detail = usableMessage(result.value);
    }
    const shown = type === 'object' || type === 'array' ? OMITTED_VALUE : value;
    add(faultFor(rule, place, shown, detail ?? defaultMessage(rule)));
  }
}

function hasRules(schema: JSONSchemaProps): boolean {
  if ((schema['x-kubernetes-validations'] ?? []).length > 0) return true;
  const inner = [
    schemaOf(schema.items),
    schemaOf(schema.additionalProperties),
    ...Object.values(schema.properties ?? {}),
  ];
  return inner.some((each) => each !== undefined && hasRules(each));
}

/** The kinship of a field. What the server itself writes, kind and version, is kin to nothing. */
function kinOf(kinship: Kinship, name: string): Kinship {
  const { current, nearest } = kinship;
  if (current === undefined) return kinship;
  if (nearest === undefined && (name === 'apiVersion' || name === 'kind')) return stranger;
  return { current: current.key(name), nearest: current };
}

function isUnchanged({ current, nearest }: Kinship): boolean {
  return (current ?? nearest)?.isUnchanged ?? false;
}

/** What an expression says, if it is fit to be shown. */
function usableMessage(value: CelValue | undefined): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  const fits = text !== '' && Buffer.byteLength(text) <= MAX_MESSAGE_BYTES && !text.includes('\n');
  return fits ? text : undefined;
}

function ruleText({ message, rule }: ValidationRule): string {
  return (message ? message : (rule ?? '')).trim();
}

function defaultMessage(rule: ValidationRule): string {
  return rule.message ? rule.message.trim() : `failed rule: ${ruleText(rule)}`;
}

function faultFor({ reason }: ValidationRule, place: string, value: unknown, detail: string): FieldError {
  switch (reason) {
    case 'FieldValueForbidden':
      return fieldForbidden(place, detail);
    case 'FieldValueRequired':
      return fieldRequired(place, detail);
    case 'FieldValueDuplicate':
      return fieldDuplicate(place, value);
    default:
      return fieldInvalid(place, value, detail);
  }
}
