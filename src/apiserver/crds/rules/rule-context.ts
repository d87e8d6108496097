import type { JSONSchemaProps } from '../../../generated/api/apiextensions/v1.ts';
import { MAX } from '../../../machinery/cel/estimate.ts';
import { declTypeOf } from '../../../machinery/cel/schema-types.ts';
import { FieldError, fieldForbidden, fieldInvalid } from '../../../machinery/errors/field-error.ts';
import { ruleView } from '../crd-go-view.ts';
import type { RuleContext } from '../schema-validation.ts';
import { type CompiledRule, compileRules, maxCardinality } from './compile-rules.ts';

/** What one rule may cost, and what all rules of a schema together. */
const RULE_LIMIT = 10_000_000;
const SCHEMA_LIMIT = 100_000_000;

interface Totals {
  total: number;
  /** The most expensive rules, the first one first. */
  expensive: { readonly path: string; readonly cost: number }[];
}

/** Judges the rules of a definition's schema, and what they may cost. */
export interface RuleJudge {
  readonly root: RuleContext;
  /** What all rules together cost too much. To be asked at the end. */
  totalFaults(path: string): readonly FieldError[];
}

/**
 * Source: apiextensions-apiserver `pkg/apis/apiextensions/validation/{validation,cel_validation}.go`.
 *
 * @param options.ignoresCost - Whether single rules may cost too much, since they did before.
 */
export function judgeRules(schema: JSONSchemaProps, options: { readonly ignoresCost: boolean }): RuleJudge {
  const totals: Totals = { total: 0, expensive: [] };
  return {
    root: new Context(schema, { isRoot: true, cardinality: 1, totals, ...options }),
    totalFaults: (path) => totalFaults(totals, path),
  };
}

interface ContextParts {
  readonly isRoot: boolean;
  /** How often the schema's values may occur; undefined where nothing limits that. */
  readonly cardinality: number | undefined;
  readonly totals: Totals;
  readonly ignoresCost: boolean;
}

class Context implements RuleContext {
  readonly #schema: JSONSchemaProps | undefined;
  readonly #parts: ContextParts;

  constructor(schema: JSONSchemaProps | undefined, parts: ContextParts) {
    this.#schema = schema;
    this.#parts = parts;
  }

  child(_kind: 'property' | 'items' | 'additionalProperties', schema: JSONSchemaProps | undefined): RuleContext {
    const { cardinality } = this.#parts;
    const factor = this.#schema === undefined ? undefined : elementsOf(this.#schema);
    const below = cardinality === undefined || factor === undefined ? undefined : cardinality * factor;
    return new Context(schema, { ...this.#parts, isRoot: false, cardinality: below });
  }

  check(path: string, uncorrelatable: string | undefined): readonly FieldError[] {
    const schema = this.#schema;
    const rules = schema?.['x-kubernetes-validations'] ?? [];
    if (schema === undefined || rules.length === 0) return [];
    const place = `${path}.x-kubernetes-validations`;
    const isRoot = this.#parts.isRoot || schema['x-kubernetes-embedded-resource'] === true;
    const type = declTypeOf(schema, isRoot);
    if (type === undefined) {
      const why = 'unable to convert structural schema to CEL declarations';
      const text = `internal error: failed to construct type information for x-kubernetes-validations rules: ${why}`;
      return [new FieldError('InternalError', place, '', text)];
    }
    const cardinality = this.#parts.cardinality ?? maxCardinality(type);
    return compileRules(schema, type).flatMap((compiled, index) =>
      this.#judge(compiled, `${place}[${index}]`, cardinality, uncorrelatable),
    );
  }

  #judge(
    compiled: CompiledRule,
    place: string,
    cardinality: number,
    uncorrelatable: string | undefined,
  ): readonly FieldError[] {
    const { rule, error, message, messageError, usesOldSelf } = compiled;
    const faults = [...this.#spend(compiled.maxCost * cardinality, `${place}.rule`, 'estimated rule cost')];
    if (error !== undefined) faults.push(fieldInvalid(`${place}.rule`, ruleView(rule), error));
    if (messageError !== undefined) {
      faults.push(fieldInvalid(`${place}.messageExpression`, ruleView(rule), messageError));
    } else if (message !== undefined) {
      faults.push(...this.#spend(message.maxCost, `${place}.messageExpression`, 'estimated messageExpression cost'));
    }
    if (usesOldSelf && uncorrelatable !== undefined) {
      const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelatable}`;
      faults.push(fieldInvalid(`${place}.rule`, rule.rule, why));
    } else if (!usesOldSelf && rule.optionalOldSelf !== undefined && rule.optionalOldSelf !== null) {
      const why = 'may not be set if oldSelf is not used in rule';
      faults.push(fieldInvalid(`${place}.optionalOldSelf`, rule.optionalOldSelf, why));
    }
    return faults;
  }

  /** Adds to the total. @returns a fault where it is too much for one expression. */
  #spend(wanted: number, path: string, what: string): readonly FieldError[] {
    const cost = Math.min(wanted, MAX);
    const { totals, ignoresCost } = this.#parts;
    totals.total = Math.min(totals.total + cost, MAX);
    if (cost >= SCHEMA_LIMIT / 100) {
      totals.expensive.push({ path, cost });
      totals.expensive.sort((a, b) => b.cost - a.cost);
      totals.expensive.length = Math.min(totals.expensive.length, 4);
    }
    return cost > RULE_LIMIT && !ignoresCost ? [fieldForbidden(path, costText(what, cost, RULE_LIMIT))] : [];
  }
}

/** How many times the values below may occur in one value of the schema. */
function elementsOf(schema: JSONSchemaProps): number | undefined {
  const { maxItems, maxProperties } = schema;
  if (schema.type === 'array') return maxItems === undefined ? undefined : Math.max(0, maxItems);
  if (schema.type !== 'object' || schema.additionalProperties === undefined) return 1;
  return maxProperties === undefined ? undefined : Math.max(0, maxProperties);
}

function totalFaults({ total, expensive }: Totals, path: string): readonly FieldError[] {
  if (total <= SCHEMA_LIMIT) return [];
  const why = 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
  const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
  return [
    ...expensive.map((each) => fieldForbidden(each.path, why)),
    fieldForbidden(path, costText(what, total, SCHEMA_LIMIT)),
  ];
}

function costText(what: string, cost: number, limit: number): string {
  const times = cost / limit;
  const factor = times > 100 ? 'more than 100x' : times < 1.5 ? `${times.toFixed(6)}x` : `${times.toFixed(1)}x`;
  const advice =
    'try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared';
  return `${what} exceeds budget by factor of ${factor} (${advice})`;
}
