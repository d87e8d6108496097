import type { JSONSchemaProps, ValidationRule } from '../../../generated/api/apiextensions/v1.ts';
import { type CelType, optionalOf } from '../../../machinery/cel/cel-type.ts';
import { type Compiled, Environment } from '../../../machinery/cel/environment.ts';
import { MAX } from '../../../machinery/cel/estimate.ts';
import { estimateCost } from '../../../machinery/cel/estimator.ts';
import { type DeclType, declAt, MAX_REQUEST_BYTES, toCelType } from '../../../machinery/cel/schema-types.ts';
import { followFieldPath } from '../field-path.ts';

const TYPE_NAME = 'selfType';

/** A rule, ready to judge values; or what is wrong with it. */
export interface CompiledRule {
  readonly rule: ValidationRule;
  readonly program: Compiled | undefined;
  /** Why there is no program. Unset for an empty rule. */
  readonly error: string | undefined;
  readonly usesOldSelf: boolean;
  /** What it may cost at most, for one value. */
  readonly maxCost: number;
  readonly message: { readonly program: Compiled; readonly maxCost: number } | undefined;
  readonly messageError: string | undefined;
  /** The field below the value that faults name, as messages write it. */
  readonly fieldPath: string | undefined;
}

/**
 * Compiles the rules of one schema, not those below it.
 * Source: apiextensions-apiserver `pkg/apiserver/schema/cel/compilation.go`.
 */
export function compileRules(schema: JSONSchemaProps, type: DeclType): readonly CompiledRule[] {
  const structs = new Map<string, ReadonlyMap<string, CelType>>();
  const self = toCelType(type, TYPE_NAME, structs);
  const environments = {
    required: new Environment({ variables: { self, oldSelf: self }, structs }),
    optional: new Environment({ variables: { self, oldSelf: optionalOf(self) }, structs }),
  };
  return (schema['x-kubernetes-validations'] ?? []).map((rule) => {
    const environment = rule.optionalOldSelf === true ? environments.optional : environments.required;
    return compileRule(rule, schema, environment, type);
  });
}

function compileRule(
  rule: ValidationRule,
  schema: JSONSchemaProps,
  environment: Environment,
  type: DeclType,
): CompiledRule {
  const failed = (error: string | undefined): CompiledRule => ({
    rule,
    program: undefined,
    error,
    usesOldSelf: false,
    maxCost: 0,
    message: undefined,
    messageError: undefined,
    fieldPath: undefined,
  });
  if ((rule.rule ?? '').trim() === '') return failed(undefined);
  const compilation = environment.compile(rule.rule);
  if ('issues' in compilation) return failed(`${compilation.stage ?? 'compilation'} failed: ${compilation.issues}`);
  const { compiled } = compilation;
  if (compiled.outputType.kind !== 'bool') return failed('cel expression must evaluate to a bool');
  const result: CompiledRule = {
    ...failed(undefined),
    program: compiled,
    usesOldSelf: compiled.references.has('oldSelf'),
    maxCost: costOf(compiled, type),
  };
  const message = compileMessage(rule, environment, type);
  if (typeof message === 'string') return { ...result, messageError: message };
  return { ...result, message, fieldPath: fieldPathOf(rule, schema) };
}

function compileMessage(
  { messageExpression }: ValidationRule,
  environment: Environment,
  type: DeclType,
): CompiledRule['message'] | string {
  if (!messageExpression) return undefined;
  const compilation = environment.compile(messageExpression);
  if ('issues' in compilation)
    return `messageExpression ${compilation.stage ?? 'compilation'} failed: ${compilation.issues}`;
  const { compiled } = compilation;
  if (compiled.outputType.kind !== 'string') return 'messageExpression must evaluate to a string';
  return { program: compiled, maxCost: costOf(compiled, type) };
}

function fieldPathOf({ fieldPath }: ValidationRule, schema: JSONSchemaProps): string | undefined {
  if (!fieldPath) return undefined;
  const found = followFieldPath(fieldPath, schema, { allowsBrackets: true });
  return typeof found === 'string' ? undefined : found.text;
}

function costOf(compiled: Compiled, type: DeclType): number {
  try {
    return estimateCost(compiled, (path) => {
      const found = declAt(type, path.slice(1));
      return found === undefined ? undefined : { min: 0, max: found.maxElements };
    }).max;
  } catch (error) {
    // Expressions that are too deep to be looked at.
    if (error instanceof RangeError) return MAX;
    throw error;
  }
}

/** How often a value of the type fits into one request at most. */
export function maxCardinality({ minSize }: DeclType): number {
  return Math.floor(MAX_REQUEST_BYTES / (minSize + 1));
}
