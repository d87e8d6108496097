import type { JSONSchemaProps, ValidationRule } from '../../generated/api/apiextensions/v1.ts';
import {
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from '../../machinery/errors/field-error.ts';
import { ownOf } from '../../machinery/schema/json-values.ts';
import { schemaOf } from '../../machinery/schema/read-schema.ts';
import { structuralObstacle } from '../../machinery/schema/structural-rules.ts';
import { itemsView } from './crd-go-view.ts';
import { followFieldPath } from './field-path.ts';
import { atomicSetFaults, mapKeyFaults } from './list-type-validation.ts';

export const SCHEMA_TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

export interface SchemaCheck {
  readonly requiresKnownTypes: boolean;
  readonly requiresAtomicSets: boolean;
  readonly requiresMapKeys: boolean;
}

/** Compiles the rules of schemas. One context belongs to one schema and gives those of the schemas below. */
export interface RuleContext {
  child(
    kind: 'property' | 'items' | 'additionalProperties',
    schema: JSONSchemaProps | undefined,
    name?: string,
  ): RuleContext;
  /** Faults of the rules of this schema. `uncorrelatable`: the path above which old values have no counterpart. */
  check(path: string, uncorrelatable: string | undefined): readonly FieldError[];
}

/** What holds at a place because of where it is. */
interface Surroundings {
  readonly forbidsDefaults?: string | undefined;
  readonly insideMeta: boolean;
  readonly uncorrelatable?: string | undefined;
}

interface Found {
  readonly schema: FieldError[];
  readonly rules: FieldError[];
}

/**
 * Faults of a schema, those of its rules last. Rules are only looked at where nothing else is wrong at or below them.
 *
 * Source: apiextensions-apiserver `validation.go` (ValidateCustomResourceDefinitionOpenAPISchema).
 *
 * @param rules - Undefined where rules are not to be judged.
 */
export function validateSchema(
  schema: JSONSchemaProps,
  path: string,
  check: SchemaCheck,
  rules: RuleContext | undefined,
): readonly FieldError[] {
  const found = validateNode(schema, { path, around: { insideMeta: false }, isRoot: true, check, rules });
  return [...found.schema, ...found.rules];
}

interface Node {
  readonly path: string;
  readonly around: Surroundings;
  readonly isRoot: boolean;
  readonly check: SchemaCheck;
  readonly rules: RuleContext | undefined;
}

function validateNode(schema: JSONSchemaProps, node: Node): Found {
  const { path, around, check } = node;
  const found: Found = { schema: [...validateForm(schema, node)], rules: [] };
  const descend = (inner: JSONSchemaProps | undefined, below: Partial<Node> & { path: string }): void => {
    if (inner === undefined) return;
    const child = validateNode(inner, { ...node, isRoot: false, rules: undefined, ...below });
    found.schema.push(...child.schema);
    found.rules.push(...child.rules);
  };
  validateProperties(schema, node, found.schema, descend);
  descend(schemaOf(schema.not), { path: `${path}.not` });
  for (const word of ['allOf', 'oneOf', 'anyOf'] as const) {
    for (const [at, each] of (schema[word] ?? []).entries()) descend(each, { path: `${path}.${word}[${at}]` });
  }
  for (const [name, inner] of Object.entries(schema.definitions ?? {})) {
    descend(inner, { path: `${path}.definitions[${name}]` });
  }
  validateItems(schema, node, descend);
  for (const [name, inner] of Object.entries(schema.dependencies ?? {})) {
    descend(schemaOf(inner), { path: `${path}.dependencies[${name}]` });
  }
  found.schema.push(...validateExtensions(schema, path, check));
  for (const [at, rule] of (schema['x-kubernetes-validations'] ?? []).entries()) {
    found.schema.push(...validateRuleForm(rule, schema, `${path}.x-kubernetes-validations[${at}]`));
  }
  if (found.schema.length === 0 && node.rules !== undefined) {
    found.rules.push(...node.rules.check(path, around.uncorrelatable));
  }
  return found;
}

type Descend = (inner: JSONSchemaProps | undefined, below: Partial<Node> & { path: string }) => void;

/** What no schema of a definition may say. */
function validateForm(schema: JSONSchemaProps, { path, around, check }: Node): readonly FieldError[] {
  const faults: FieldError[] = [];
  const { type, items } = schema;
  if (check.requiresKnownTypes && type && !SCHEMA_TYPES.includes(type)) {
    faults.push(fieldNotSupported(`${path}.type`, type, SCHEMA_TYPES));
  }
  const forbid = (field: string, why: string): number => faults.push(fieldForbidden(`${path}.${field}`, why));
  if (schema.default !== undefined && around.forbidsDefaults !== undefined) {
    forbid('default', `must not be set ${around.forbidsDefaults}`);
  }
  if (schema.id) forbid('id', 'id is not supported');
  if (schema.additionalItems !== undefined) forbid('additionalItems', 'additionalItems is not supported');
  if (hasEntries(schema.patternProperties)) forbid('patternProperties', 'patternProperties is not supported');
  if (hasEntries(schema.definitions)) forbid('definitions', 'definitions is not supported');
  if (schema.dependencies !== undefined) forbid('dependencies', 'dependencies is not supported');
  if (schema.$ref !== undefined) forbid('$ref', '$ref is not supported');
  if (type === 'null') forbid('type', 'type cannot be set to null, use nullable as an alternative');
  if (Array.isArray(items) && items.length > 0) forbid('items', 'items must be a schema object and not an array');
  if (around.insideMeta && schema['x-kubernetes-embedded-resource']) {
    forbid('x-kubernetes-embedded-resource', 'must not be used inside of resource meta');
  }
  if (schema.uniqueItems === true) {
    forbid('uniqueItems', 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic');
  }
  return faults;
}

function hasEntries(map: object | undefined): boolean {
  return Object.keys(map ?? {}).length > 0;
}

const metaFields = new Set(['metadata', 'kind', 'apiVersion']);

function validateProperties(schema: JSONSchemaProps, node: Node, faults: FieldError[], descend: Descend): void {
  const { path, around, isRoot, rules } = node;
  const { properties, additionalProperties } = schema;
  if (additionalProperties !== undefined) {
    const place = `${path}.additionalProperties`;
    if (hasEntries(properties) && additionalProperties !== true) {
      faults.push(fieldForbidden(place, 'additionalProperties and properties are mutual exclusive'));
    }
    const inner = schemaOf(additionalProperties);
    const below = around.insideMeta
      ? { ...around, forbidsDefaults: 'inside additionalProperties applying to object metadata' }
      : around;
    descend(inner, { path: place, around: below, rules: rules?.child('additionalProperties', inner) });
  }
  const mapType = schema['x-kubernetes-map-type'];
  const isCorrelatable = mapType === undefined || mapType === 'granular' || mapType === 'atomic';
  for (const [name, property] of Object.entries(properties ?? {})) {
    let below = isCorrelatable ? around : withUncorrelatable(around, path);
    if ((isRoot || schema['x-kubernetes-embedded-resource']) && metaFields.has(name)) {
      below = { ...below, insideMeta: true, ...(isRoot ? { forbidsDefaults: `in top-level ${name}` } : {}) };
    }
    const child = rules?.child('property', property, name);
    descend(property, { path: `${path}.properties[${name}]`, around: below, rules: child });
  }
}

/** The highest place above which old values cannot be found is the one that is told of. */
function withUncorrelatable(around: Surroundings, path: string): Surroundings {
  return around.uncorrelatable === undefined ? { ...around, uncorrelatable: path } : around;
}

function validateItems(schema: JSONSchemaProps, { path, around, rules }: Node, descend: Descend): void {
  const items = schema.items as JSONSchemaProps | readonly JSONSchemaProps[] | undefined;
  if (items === undefined) return;
  const below = schema['x-kubernetes-list-type'] === 'map' ? around : withUncorrelatable(around, path);
  if (!Array.isArray(items)) {
    const inner = items as JSONSchemaProps;
    descend(inner, { path: `${path}.items`, around: below, rules: rules?.child('items', inner) });
    return;
  }
  for (const [at, inner] of (items as readonly JSONSchemaProps[]).entries()) {
    descend(inner, { path: `${path}.items[${at}]`, around: below, rules: rules?.child('items', inner) });
  }
}

/** The form of Kubernetes' own extensions. */
function validateExtensions(schema: JSONSchemaProps, path: string, check: SchemaCheck): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    const place = `${path}.x-kubernetes-preserve-unknown-fields`;
    faults.push(fieldInvalid(place, false, 'must be true or undefined'));
  }
  const wantsType = (wanted: string, extension: string): void => {
    const why = `must be ${wanted} if ${extension} is specified`;
    const place = `${path}.type`;
    faults.push(schema.type ? fieldInvalid(place, schema.type, why) : fieldRequired(place, why));
  };
  const mapType = schema['x-kubernetes-map-type'];
  const listType = schema['x-kubernetes-list-type'];
  if (mapType !== undefined && schema.type !== 'object') wantsType('object', 'x-kubernetes-map-type');
  if (mapType !== undefined && !['atomic', 'granular'].includes(mapType)) {
    faults.push(fieldNotSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']));
  }
  if (listType !== undefined && schema.type !== 'array') wantsType('array', 'x-kubernetes-list-type');
  else if (check.requiresAtomicSets) faults.push(...atomicSetFaults(schema, path));
  if (listType !== undefined && !['atomic', 'set', 'map'].includes(listType)) {
    faults.push(fieldNotSupported(`${path}.x-kubernetes-list-type`, listType, ['atomic', 'set', 'map']));
  }
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (keys.length > 0 && listType !== 'map') {
    const place = `${path}.x-kubernetes-list-type`;
    const why = 'must be map if x-kubernetes-list-map-keys is non-empty';
    faults.push(listType === undefined ? fieldRequired(place, why) : fieldInvalid(place, listType, why));
  }
  if (listType === 'map') faults.push(...validateMapList(schema, keys, path));
  if (check.requiresMapKeys) faults.push(...mapKeyFaults(schema, path));
  return faults;
}

function validateMapList(schema: JSONSchemaProps, keys: readonly string[], path: string): readonly FieldError[] {
  const faults: FieldError[] = [];
  const place = `${path}.x-kubernetes-list-map-keys`;
  if (keys.length === 0) faults.push(fieldRequired(place, 'must not be empty if x-kubernetes-list-type is map'));
  const { items } = schema;
  if (items === undefined) {
    faults.push(fieldRequired(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map'));
    return faults;
  }
  const item = schemaOf(items);
  if (item === undefined) {
    const why = 'must only have a single schema if x-kubernetes-list-type is map';
    faults.push(fieldInvalid(`${path}.items`, itemsView(items), why));
    return faults;
  }
  if (item.type !== 'object') {
    const why = "must be object if parent array's x-kubernetes-list-type is map";
    faults.push(fieldInvalid(`${path}.items.type`, item.type ?? '', why));
    return faults;
  }
  for (const [at, key] of keys.entries()) {
    const property = ownOf(item.properties, key);
    if (property === undefined) faults.push(fieldInvalid(place, keys, 'entries must all be names of item properties'));
    else if (property.type === 'array' || property.type === 'object') {
      const why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
      faults.push(fieldInvalid(`${path}.items.properties[${key}].type`, item.type, why));
    }
    if (keys.indexOf(key) < at) faults.push(fieldInvalid(place, keys, 'must not contain duplicate entries'));
  }
  return faults;
}

const REASONS = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];
const lineBreak = /[\n\r]/;

/** What can be said of a rule without compiling it. */
function validateRuleForm(rule: ValidationRule, schema: JSONSchemaProps, path: string): readonly FieldError[] {
  const { message = '', messageExpression = '', fieldPath = '', reason } = rule;
  const text = (rule.rule ?? '').trim();
  const shown = message.trim();
  const faults: FieldError[] = [];
  if (text === '') faults.push(fieldRequired(`${path}.rule`, 'rule is not specified'));
  else if (message !== '' && shown === '') {
    faults.push(fieldInvalid(`${path}.message`, message, 'must be non-empty if specified'));
  } else if (lineBreak.test(shown)) {
    faults.push(fieldInvalid(`${path}.message`, message, 'must not contain line breaks'));
  } else if (lineBreak.test(text) && shown === '') {
    faults.push(fieldRequired(`${path}.message`, 'message must be specified if rule contains line breaks'));
  }
  if (messageExpression !== '' && messageExpression.trim() === '') {
    faults.push(fieldRequired(`${path}.messageExpression`, 'messageExpression must be non-empty if specified'));
  }
  if (reason !== undefined && reason !== null && !REASONS.includes(reason)) {
    faults.push(fieldNotSupported(`${path}.reason`, reason, REASONS));
  }
  if (fieldPath !== '') {
    const place = `${path}.fieldPath`;
    if (fieldPath.trim() === '') faults.push(fieldInvalid(place, fieldPath, 'must be non-empty if specified'));
    if (lineBreak.test(fieldPath)) faults.push(fieldInvalid(place, fieldPath, 'must not contain line breaks'));
    const isJudged = structuralObstacle(schema) === undefined;
    if (isJudged && typeof followFieldPath(fieldPath, schema, { allowsBrackets: true }) === 'string') {
      faults.push(fieldInvalid(place, fieldPath, 'must be a valid path'));
    }
  }
  return faults;
}
