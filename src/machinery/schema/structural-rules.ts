import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { type FieldError, fieldForbidden, fieldInvalid, fieldRequired } from '../errors/field-error.ts';
import { compileGoRegExp } from './go-reg-exp.ts';
import { isDeepEqual, ownOf } from './json-values.ts';
import { schemaOf } from './read-schema.ts';

type Level = 'root' | 'item' | 'field';

/**
 * What keeps a schema from being structural: types everywhere, and conditions that only restrict what is declared outside
 * of them. In upstream's order: by text.
 *
 * Source: apiextensions-apiserver `pkg/apiserver/schema/{validation,complete}.go`.
 */
export function validateStructural(schema: JSONSchemaProps, path: string): readonly FieldError[] {
  const faults = [...validateNode(schema, 'root', path), ...validateComplete(schema, schema, path, path)];
  return faults
    .map((fault) => ({ fault, text: fault.toString() }))
    .sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
    .map(({ fault }) => fault);
}

/**
 * Why upstream cannot even read a schema as a structural one: the first thing in it that such schemas do not know.
 * Source: apiextensions-apiserver `pkg/apiserver/schema/convert.go` (NewStructural).
 */
export function structuralObstacle(schema: JSONSchemaProps): string | undefined {
  const unsupported = unsupportedField(schema);
  if (unsupported !== undefined) return `OpenAPIV3Schema '${unsupported}' is not supported`;
  for (const inner of [schema.not, ...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) {
    const obstacle = inner === undefined ? undefined : structuralObstacle(inner);
    if (obstacle !== undefined) return obstacle;
  }
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    return "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined";
  }
  const { items, additionalProperties } = schema;
  if (Array.isArray(items) && items.length > 0) return "OpenAPIV3Schema 'items' must be a schema, but is an array";
  const below = [items, ...Object.values(schema.properties ?? {}), additionalProperties];
  for (const inner of below) {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) continue;
    const obstacle = structuralObstacle(inner as JSONSchemaProps);
    if (obstacle !== undefined) return obstacle;
  }
  return undefined;
}

function unsupportedField(schema: JSONSchemaProps): string | undefined {
  if (schema.id) return 'id';
  if (schema.$schema) return 'schema';
  if (schema.$ref) return '$ref';
  if (sizeOf(schema.patternProperties) > 0) return 'patternProperties';
  if (sizeOf(schema.dependencies) > 0) return 'dependencies';
  if (schema.additionalItems !== undefined && schema.additionalItems !== null) return 'additionalItems';
  return sizeOf(schema.definitions) > 0 ? 'definitions' : undefined;
}

function sizeOf(map: object | undefined | null): number {
  return Object.keys(map ?? {}).length;
}

function validateNode(schema: JSONSchemaProps | undefined, level: Level, path: string): readonly FieldError[] {
  if (schema === undefined) return [];
  const items = schemaOf(schema.items);
  const { type, properties, additionalProperties } = schema;
  const faults: FieldError[] = [];
  if (type === 'array' && items === undefined) faults.push(fieldRequired(`${path}.items`, 'must be specified'));
  faults.push(...validateNode(items, 'item', `${path}.items`));
  for (const [name, property] of Object.entries(properties ?? {})) {
    faults.push(...validateNode(property, 'field', `${path}.properties[${name}]`));
  }
  if (additionalProperties !== undefined && additionalProperties !== null) {
    const place = `${path}.additionalProperties`;
    if (level === 'root') faults.push(fieldForbidden(place, 'must not be used at the root'));
    faults.push(...validateNode(schemaOf(additionalProperties), 'field', place));
  }
  faults.push(...validateExtensions(schema, path));
  const exempt = { anyOf: isIntOrString(schema.anyOf), firstAllOf: isIntOrString(schema.allOf?.[0]?.anyOf) };
  faults.push(...validateConditions(schema, path, exempt));
  faults.push(...validateType(schema, level, path));
  faults.push(...validateMeta(schema, level, path));
  return faults;
}

function validateExtensions(schema: JSONSchemaProps, path: string): readonly FieldError[] {
  if (!schema['x-kubernetes-int-or-string']) return [];
  const why = 'must be false if x-kubernetes-int-or-string is true';
  return (['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const)
    .filter((name) => schema[name])
    .map((name) => fieldInvalid(`${path}.${name}`, true, why));
}

const emptyTexts: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

function validateType(schema: JSONSchemaProps, level: Level, path: string): readonly FieldError[] {
  const { type = '' } = schema;
  const place = `${path}.type`;
  const faults: FieldError[] = [];
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  if (embedded && type !== 'object') {
    const why = 'must be object if x-kubernetes-embedded-resource is true';
    faults.push(type === '' ? fieldRequired(place, why) : fieldInvalid(place, type, why));
  } else if (type === '' && !schema['x-kubernetes-int-or-string'] && !schema['x-kubernetes-preserve-unknown-fields']) {
    faults.push(fieldRequired(place, emptyTexts[level]));
  }
  if (embedded && schema.additionalProperties !== undefined && schema.additionalProperties !== null) {
    const why = 'must not be used if x-kubernetes-embedded-resource is set';
    faults.push(fieldForbidden(`${path}.additionalProperties`, why));
  }
  if (level === 'root' && type !== '' && type !== 'object') {
    faults.push(fieldInvalid(place, type, 'must be object at the root'));
  }
  return faults;
}

function validateMeta(schema: JSONSchemaProps, level: Level, path: string): readonly FieldError[] {
  const faults: FieldError[] = [];
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  const judged = level === 'root' || embedded;
  for (const name of ['kind', 'apiVersion'] as const) {
    const property = ownOf(schema.properties, name);
    if (property === undefined || !judged || property.type === 'string') continue;
    faults.push(fieldInvalid(`${path}.properties[${name}].type`, property.type ?? '', 'must be string'));
  }
  const metadata = ownOf(schema.properties, 'metadata');
  const place = `${path}.properties[metadata]`;
  if (metadata !== undefined && judged && metadata.type !== 'object') {
    faults.push(fieldInvalid(`${place}.type`, metadata.type ?? '', 'must be object'));
  }
  if (metadata !== undefined && level === 'root' && !restrictsNamesOnly(metadata)) {
    const why = 'must not specify anything other than name and generateName, but metadata is implicitly specified';
    faults.push(fieldForbidden(place, why));
  }
  if (embedded && !schema['x-kubernetes-preserve-unknown-fields'] && sizeOf(schema.properties) === 0) {
    const why =
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
    faults.push(fieldRequired(`${path}.properties`, why));
  }
  return faults;
}

function restrictsNamesOnly(metadata: JSONSchemaProps): boolean {
  const { properties, type: _type, default: _default, ...rest } = metadata;
  if (!Object.keys(properties ?? {}).every((name) => name === 'name' || name === 'generateName')) return false;
  return Object.values(rest).every((value) => isZero(value));
}

/** What Go takes for a field that is not set. */
export function isZero(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return true;
  return Array.isArray(value) && value.length === 0;
}

const intOrString: readonly JSONSchemaProps[] = [{ type: 'integer' }, { type: 'string' }];

function isIntOrString(choices: readonly JSONSchemaProps[] | undefined): boolean {
  return isDeepEqual(choices, intOrString);
}

interface Exemptions {
  readonly anyOf: boolean;
  readonly firstAllOf: boolean;
}

const none: Exemptions = { anyOf: false, firstAllOf: false };

function validateConditions(schema: JSONSchemaProps, path: string, exempt: Exemptions): readonly FieldError[] {
  const faults: FieldError[] = [];
  const { allOf, anyOf, oneOf, not, pattern } = schema;
  if (!exempt.anyOf) {
    for (const [at, each] of (anyOf ?? []).entries())
      faults.push(...validateNested(each, `${path}.anyOf[${at}]`, none));
  }
  for (const [at, each] of (allOf ?? []).entries()) {
    faults.push(...validateNested(each, `${path}.allOf[${at}]`, { ...none, anyOf: exempt.firstAllOf && at === 0 }));
  }
  for (const [at, each] of (oneOf ?? []).entries()) faults.push(...validateNested(each, `${path}.oneOf[${at}]`, none));
  if (not) faults.push(...validateNested(not, `${path}.not`, none));
  if (pattern) {
    const expression = compileGoRegExp(pattern);
    if ('error' in expression) {
      const why = `must be a valid regular expression, but isn't: ${expression.error}`;
      faults.push(fieldInvalid(`${path}.pattern`, pattern, why));
    }
  }
  return faults;
}

/** What conditions may not say, since only the schema around them declares. */
const declarations: readonly (readonly [keyof JSONSchemaProps, string])[] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
];

function validateNested(schema: JSONSchemaProps, path: string, exempt: Exemptions): readonly FieldError[] {
  const faults: FieldError[] = [...validateConditions(schema, path, exempt)];
  const items = schemaOf(schema.items);
  if (items !== undefined) faults.push(...validateNested(items, `${path}.items`, none));
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    faults.push(...validateNested(property, `${path}.properties[${name}]`, none));
  }
  for (const [name, why] of declarations) {
    const value = schema[name];
    const isSet = name === 'default' ? value !== undefined && value !== null : !isZero(value);
    if (isSet) faults.push(fieldForbidden(`${path}.${name}`, why));
  }
  if (ownOf(schema.properties, 'metadata') !== undefined) {
    faults.push(fieldForbidden(`${path}.properties[metadata]`, 'must not be specified in a nested context'));
  }
  return faults;
}

/** Every field and item of a condition is declared by the schema that it restricts. */
function validateComplete(
  conditions: JSONSchemaProps,
  declared: JSONSchemaProps,
  place: string,
  path: string,
): readonly FieldError[] {
  const faults: FieldError[] = [];
  const { not, allOf, anyOf, oneOf } = conditions;
  if (not) faults.push(...validateNestedComplete(not, declared, place, `${path}.not`));
  for (const [word, list] of Object.entries({ allOf, anyOf, oneOf })) {
    for (const [at, each] of (list ?? []).entries()) {
      faults.push(...validateNestedComplete(each, declared, place, `${path}.${word}[${at}]`));
    }
  }
  return faults;
}

function validateNestedComplete(
  conditions: JSONSchemaProps,
  declared: JSONSchemaProps | undefined,
  place: string,
  path: string,
): readonly FieldError[] {
  if (declared === undefined) return [fieldRequired(place, `because it is defined in ${path}`)];
  const faults = [...validateComplete(conditions, declared, place, path)];
  const items = schemaOf(conditions.items);
  if (items !== undefined) {
    faults.push(...validateNestedComplete(items, schemaOf(declared.items), `${place}.items`, `${path}.items`));
  }
  for (const [name, property] of Object.entries(conditions.properties ?? {})) {
    const inner = ownOf(declared.properties, name);
    const at = `${place}.properties[${name}]`;
    const from = `${path}.properties[${name}]`;
    if (inner === undefined) faults.push(fieldRequired(at, `because it is defined in ${from}`));
    else faults.push(...validateNestedComplete(property, inner, at, from));
  }
  return faults;
}
