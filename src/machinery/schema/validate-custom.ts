import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import {
  type FieldError,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
  fieldTooMany,
  fieldTypeInvalid,
} from '../errors/field-error.ts';
import type { Correlated } from './correlated.ts';
import { hasFormat, isRecognizedFormat } from './formats.ts';
import { compileGoRegExp } from './go-reg-exp.ts';
import { isDeepEqual, isFields, ownOf } from './json-values.ts';
import { type Issue, invalidIssue } from './validate-issue.ts';
import { checkNumber } from './validate-number.ts';

export interface CustomCheck {
  /** Stands before the names of faults. Default: none, the whole object. */
  readonly path?: string | undefined;
  /** The value beside the one that it replaces: what did not change is not judged. */
  readonly correlated?: Correlated | undefined;
}

/**
 * Every fault of a custom object, or of a part of it, against its schema, with upstream's sentences.
 *
 * Source: kube-openapi `pkg/validation/validate`, apiextensions-apiserver `pkg/apiserver/validation/{validation,ratcheting}.go`.
 */
export function validateCustom(value: unknown, schema: JSONSchemaProps, check: CustomCheck = {}): FieldError[] {
  const { path = '', correlated } = check;
  return validateNode(value, schema, '', correlated).issues.map((issue) => toFieldError(issue, path));
}

/** Faults, and how many checks a value came through: of several alternatives the nearest one is told of. */
interface Result {
  readonly issues: Issue[];
  matches: number;
}

function merge(into: Result, from: Result): void {
  for (const issue of from.issues) add(into, issue);
  into.matches += from.matches;
}

/** The same sentence is told once. */
function add(into: Result, issue: Issue): void {
  if (!into.issues.some(({ message }) => message === issue.message)) into.issues.push(issue);
}

function toFieldError({ name, build, message }: Issue, base: string): FieldError {
  if (build === undefined || name === undefined) return fieldInvalid(base === '' ? '<nil>' : base, '', message);
  const own = name.replace(/^\./, '');
  const path = own === '' ? base : base === '' ? own : `${base}.${own}`;
  return build(path === '' ? '<nil>' : path);
}

type JsonType = 'null' | 'array' | 'object' | 'string' | 'boolean' | 'integer' | 'number';

/** The largest number of 64 bits that is a number of JavaScript. */
const LARGEST = 2 ** 63 - 1024;

function toNumber(value: number | bigint): number {
  return typeof value === 'bigint' ? Math.min(Number(value), LARGEST) : value;
}

/** Numbers without a fraction are integers as far as Go's 64 bits go. */
function jsonTypeOf(value: unknown): JsonType {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) < 2 ** 63 ? 'integer' : 'number';
  return typeof value === 'bigint' ? 'integer' : (typeof value as JsonType);
}

function validateNode(
  value: unknown,
  schema: JSONSchemaProps,
  path: string,
  correlated: Correlated | undefined,
): Result {
  const result = validateValue(value, schema, path, correlated);
  if (result.issues.length > 0 && correlated?.isUnchanged) return { issues: [], matches: result.matches };
  return result;
}

function validateValue(
  value: unknown,
  schema: JSONSchemaProps,
  path: string,
  correlated: Correlated | undefined,
): Result {
  const result: Result = { issues: [], matches: 0 };
  const types = typesOf(schema);
  const format = formatOf(schema, types);
  const type = jsonTypeOf(value);
  const run = (issues: readonly Issue[]): void => {
    for (const issue of issues) add(result, issue);
    result.matches++;
  };
  if (type === 'null') {
    const fault = nullFault(schema, types, path);
    if (fault !== undefined) add(result, fault);
    else result.matches++;
    for (const issue of checkEnum(value, schema, path)) add(result, issue);
    return result;
  }
  if (types.length > 0 || format !== '') {
    const fault = typeFault(type, types, format, path);
    run(fault === undefined ? [] : [fault]);
    if (fault === undefined) result.matches++;
  }
  merge(result, validateCombined(value, schema, path));
  result.matches++;
  if (typeof value === 'string') {
    run(checkString(value, schema, path));
    if (format !== '' && hasFormat(format, value) !== undefined) run(checkFormat(value, format, path));
  } else if (typeof value === 'number' || typeof value === 'bigint') {
    run(checkNumber(toNumber(value), schema, { path, type: types.length === 1 ? (types[0] ?? '') : '', format }));
    result.matches++;
  } else if (Array.isArray(value)) {
    merge(result, validateItems(value, schema, path, correlated));
    result.matches += 2;
  }
  run(checkEnum(value, schema, path));
  if (isFields(value)) {
    merge(result, validateFields(value, schema, path, correlated));
    result.matches++;
  }
  result.matches++;
  return result;
}

function typesOf(schema: JSONSchemaProps): readonly string[] {
  if (schema['x-kubernetes-int-or-string']) return ['integer', 'string'];
  return schema.type ? [schema.type] : [];
}

function formatOf({ format }: JSONSchemaProps, types: readonly string[]): string {
  if (!format) return '';
  return isRecognizedFormat(types.length === 1 ? (types[0] ?? '') : '', format) ? format : '';
}

function nullFault(schema: JSONSchemaProps, types: readonly string[], path: string): Issue | undefined {
  if (types.length === 0 || types.includes('null') || schema.nullable === true) return undefined;
  return wrongType(path, types.join(','), 'null');
}

function typeFault(type: JsonType, types: readonly string[], format: string, path: string): Issue | undefined {
  const fits = types.includes(type) || (type === 'integer' && types.includes('number')) || (type === 'number' && false);
  const loose = type === 'string' || type === 'array';
  if (format !== '' && !loose && !fits) {
    return wrongType(path, format, type === 'integer' ? 'int64' : type === 'number' ? 'float64' : '');
  }
  if (format !== '' && loose && !types.includes('number') && !types.includes('integer')) return undefined;
  return fits ? undefined : wrongType(path, types.join(','), type);
}

function wrongType(path: string, wanted: string, actual: string): Issue {
  const message = `${path} in body must be of type ${wanted}: ${JSON.stringify(actual)}`;
  return { name: path, message, build: (place) => fieldTypeInvalid(place, actual, message) };
}

function checkString(value: string, { maxLength, minLength, pattern }: JSONSchemaProps, path: string): Issue[] {
  const length = typeof maxLength === 'number' || typeof minLength === 'number' ? [...value].length : 0;
  if (typeof maxLength === 'number' && length > maxLength) {
    const message = `${path} in body should be at most ${maxLength} chars long`;
    return [{ name: path, message, build: (place) => fieldTooLong(place, maxLength) }];
  }
  if (typeof minLength === 'number' && length < minLength) {
    return [invalidIssue(path, value, `should be at least ${minLength} chars long`)];
  }
  if (!pattern) return [];
  const expression = compileGoRegExp(pattern);
  if ('error' in expression) {
    return [invalidIssue(path, value, `should match '${pattern}, but pattern is invalid: ${expression.error}'`)];
  }
  return expression.finds(value) ? [] : [invalidIssue(path, value, `should match '${pattern}'`)];
}

function checkFormat(value: string, format: string, path: string): Issue[] {
  return hasFormat(format, value) === false ? [wrongType(path, format, value)] : [];
}

function checkEnum(value: unknown, schema: JSONSchemaProps, path: string): Issue[] {
  const allowed = schema.enum as unknown[] | undefined;
  if (allowed === undefined || allowed.length === 0) return [];
  if (allowed.some((each) => equalsChoice(value, each))) return [];
  const texts = allowed.map((each) => (typeof each === 'string' ? each : JSON.stringify(each)));
  const message = `${path} in body should be one of [${texts.join(' ')}]`;
  return [{ name: path, message, build: (place) => fieldNotSupported(place, value, texts) }];
}

/** Go converts the value to the choice's own type first. Null is no value to it. */
function equalsChoice(value: unknown, choice: unknown): boolean {
  if (value === null || value === undefined || choice === null) return false;
  if (typeof value === 'bigint') return String(value) === String(choice);
  if (typeof value === 'number' && typeof choice === 'number') {
    return Number.isInteger(choice) ? Math.trunc(value) === choice : value === choice;
  }
  return isDeepEqual(value, choice);
}

function validateItems(
  list: readonly unknown[],
  { items, minItems, maxItems }: JSONSchemaProps,
  path: string,
  correlated: Correlated | undefined,
): Result {
  const result: Result = { issues: [], matches: 0 };
  const schema = items as JSONSchemaProps | undefined;
  if (isFields(schema)) {
    for (const [at, item] of list.entries()) {
      merge(result, validateNode(item, schema as JSONSchemaProps, `${path}[${at}]`, correlated?.index(at)));
    }
  }
  const size = list.length;
  if (typeof minItems === 'number' && size < minItems) {
    add(result, invalidIssue(path, size, `should have at least ${minItems} items`));
  }
  if (typeof maxItems === 'number' && size > maxItems) add(result, tooMany(path, size, maxItems, 'items'));
  return result;
}

function tooMany(path: string, size: number, max: number, what: string): Issue {
  const message = `${path} in body should have at most ${max} ${what}`;
  return { name: path, message, build: (place) => fieldTooMany(place, size, max) };
}

function validateFields(
  object: Readonly<Record<string, unknown>>,
  schema: JSONSchemaProps,
  path: string,
  correlated: Correlated | undefined,
): Result {
  const result: Result = { issues: [], matches: 0 };
  const { minProperties, maxProperties, properties, additionalProperties, required } = schema;
  const names = Object.keys(object).filter((name) => object[name] !== undefined);
  if (typeof minProperties === 'number' && names.length < minProperties) {
    add(result, invalidIssue(path, names.length, `should have at least ${minProperties} properties`));
  }
  if (typeof maxProperties === 'number' && names.length > maxProperties) {
    add(result, tooMany(path, names.length, maxProperties, 'properties'));
  }
  for (const name of names) {
    if (ownOf(properties, name) !== undefined) continue;
    if (additionalProperties === false) {
      const message = `${path}.${name} in body is a forbidden property`;
      add(result, { name: path, message, build: (place) => fieldInvalid(place, name, message) });
    } else if (isFields(additionalProperties)) {
      merge(result, validateNode(object[name], additionalProperties, `${path}.${name}`, correlated?.key(name)));
    }
  }
  for (const [name, property] of Object.entries(properties ?? {})) {
    const inner = ownOf(object, name);
    if (inner === undefined) continue;
    // What the server itself puts there, in its own version, is always judged.
    const isType = path === '' && (name === 'kind' || name === 'apiVersion');
    const below = isType ? undefined : correlated?.key(name);
    merge(result, validateNode(inner, property, path === '' ? name : `${path}.${name}`, below));
  }
  for (const name of required ?? []) {
    if (ownOf(object, name) !== undefined) continue;
    const place = `${path}.${name}`;
    add(result, { name: place, message: `${place} in body is required`, build: (at) => fieldRequired(at) });
  }
  return result;
}

function validateCombined(value: unknown, schema: JSONSchemaProps, path: string): Result {
  const result: Result = { issues: [], matches: 0 };
  const { allOf, anyOf, oneOf, not } = schema;
  const whole = (text: string): void => add(result, { message: `${JSON.stringify(path)} ${text}` });
  if (anyOf?.length) {
    const { valid, nearest, first } = tryAll(anyOf, value, path, { stopsAtFirst: true });
    if (valid === 0) whole('must validate at least one schema (anyOf)');
    merge(result, first ?? nearest);
  }
  if (oneOf?.length) {
    const { valid, nearest, first } = tryAll(oneOf, value, path, { stopsAtFirst: false });
    if (valid === 1 && first !== undefined) merge(result, first);
    else {
      const found = valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`;
      whole(`must validate one and only one schema (oneOf). ${found}`);
      if (valid === 0) merge(result, nearest);
    }
  }
  if (allOf?.length) {
    const results = allOf.map((each) => validateValue(value, each, path, undefined));
    for (const each of results) merge(result, each);
    const valid = results.filter(({ issues }) => issues.length === 0).length;
    if (valid !== results.length)
      whole(`must validate all the schemas (allOf)${valid === 0 ? '. None validated' : ''}`);
  }
  if (isFields(not) && validateValue(value, not as JSONSchemaProps, path, undefined).issues.length === 0) {
    whole('must not validate the schema (not)');
  }
  result.matches++;
  return result;
}

/** Tries alternatives; `nearest` is the failure that came furthest, the first one of equals. */
function tryAll(
  schemas: readonly JSONSchemaProps[],
  value: unknown,
  path: string,
  { stopsAtFirst }: { stopsAtFirst: boolean },
): { valid: number; nearest: Result; first: Result | undefined } {
  let valid = 0;
  let nearest: Result | undefined;
  let first: Result | undefined;
  for (const schema of schemas) {
    const result = validateValue(value, schema, path, undefined);
    if (result.issues.length === 0) {
      valid++;
      first ??= result;
      if (stopsAtFirst) break;
    } else if (nearest === undefined || result.matches > nearest.matches) nearest = result;
  }
  return { valid, nearest: nearest ?? { issues: [], matches: 0 }, first };
}
