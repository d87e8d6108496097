import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';
import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import {
  FieldError,
  fieldDuplicate,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
  fieldTooMany,
  fieldTypeInvalid,
} from '../errors/field-error.ts';

/**
 * Every fault of a custom object against its schema, with upstream's sentences.
 *
 * Source: kube-openapi `pkg/validation/validate`, apiextensions-apiserver `pkg/apiserver/validation/validation.go`.
 */
export function validateCustom(value: unknown, schema: JSONSchemaProps, path = ''): FieldError[] {
  if (value === null && schema.nullable === true) return [];
  const faults: FieldError[] = [];
  const typed = checkType(value, schema, path);
  if (typed !== undefined) return [typed];
  if (schema.enum !== undefined) {
    const allowed = schema.enum as unknown[];
    if (!allowed.some((each) => JSON.stringify(each) === JSON.stringify(value))) {
      faults.push(
        fieldNotSupported(
          path,
          value,
          allowed.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))),
        ),
      );
    }
  }
  if (typeof value === 'string') faults.push(...checkString(value, schema, path));
  else if (typeof value === 'number') faults.push(...checkNumber(value, schema, path));
  else if (Array.isArray(value)) faults.push(...checkArray(value, schema, path));
  else if (typeof value === 'object' && value !== null)
    faults.push(...checkObject(value as Record<string, unknown>, schema, path));
  faults.push(...checkCombined(value, schema, path));
  return faults;
}

const inBody = (path: string): string => `${path} in body`;

function jsonType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function checkType(value: unknown, schema: JSONSchemaProps, path: string): FieldError | undefined {
  const actual = jsonType(value);
  if (schema['x-kubernetes-int-or-string']) {
    if (actual === 'integer' || actual === 'string') return undefined;
    return fieldTypeInvalid(path, actual, `${inBody(path)} must be of type integer,string: "${actual}"`);
  }
  const wanted = schema.type;
  if (!wanted || actual === wanted || (wanted === 'number' && actual === 'integer')) return undefined;
  return fieldTypeInvalid(path, actual, `${inBody(path)} must be of type ${wanted}: "${actual}"`);
}

function checkString(value: string, schema: JSONSchemaProps, path: string): FieldError[] {
  const faults: FieldError[] = [];
  const { maxLength, minLength, pattern, format } = schema;
  const length = [...value].length;
  if (typeof maxLength === 'number' && length > maxLength) faults.push(fieldTooLong(path, maxLength));
  if (typeof minLength === 'number' && length < minLength)
    faults.push(fieldInvalid(path, value, `${inBody(path)} should be at least ${minLength} chars long`));
  if (pattern && !matches(pattern, value))
    faults.push(fieldInvalid(path, value, `${inBody(path)} should match '${pattern}'`));
  if (format && formats[format]?.(value) === false) {
    const shown = format === 'date-time' ? 'date-time' : format;
    faults.push(fieldTypeInvalid(path, value, `${inBody(path)} must be of type ${shown}: ${JSON.stringify(value)}`));
  }
  return faults;
}

function checkNumber(value: number, schema: JSONSchemaProps, path: string): FieldError[] {
  const faults: FieldError[] = [];
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, format } = schema;
  if (typeof maximum === 'number' && (exclusiveMaximum ? value >= maximum : value > maximum)) {
    faults.push(
      fieldInvalid(
        path,
        value,
        `${inBody(path)} should be less than ${exclusiveMaximum ? '' : 'or equal to '}${maximum}`,
      ),
    );
  }
  if (typeof minimum === 'number' && (exclusiveMinimum ? value <= minimum : value < minimum)) {
    faults.push(
      fieldInvalid(
        path,
        value,
        `${inBody(path)} should be greater than ${exclusiveMinimum ? '' : 'or equal to '}${minimum}`,
      ),
    );
  }
  if (typeof multipleOf === 'number' && !isMultiple(value, multipleOf)) {
    faults.push(fieldInvalid(path, value, `${inBody(path)} should be a multiple of ${multipleOf}`));
  }
  if (format === 'int32' && (value < -(2 ** 31) || value >= 2 ** 31)) {
    faults.push(
      new FieldError(
        'FieldValueInvalid',
        '<nil>',
        '',
        `Checked value must be of type integer with format int32 in ${path}`,
      ),
    );
  }
  return faults;
}

function isMultiple(value: number, of: number): boolean {
  const quotient = value / of;
  return Math.abs(quotient - Math.round(quotient)) < 1e-9;
}

function checkArray(value: readonly unknown[], schema: JSONSchemaProps, path: string): FieldError[] {
  const faults: FieldError[] = [];
  const { maxItems, minItems, items } = schema;
  if (typeof maxItems === 'number' && value.length > maxItems) faults.push(fieldTooMany(path, value.length, maxItems));
  if (typeof minItems === 'number' && value.length < minItems)
    faults.push(fieldInvalid(path, value.length, `${inBody(path)} should have at least ${minItems} items`));
  if (items !== undefined) {
    for (const [index, item] of value.entries())
      faults.push(...validateCustom(item, items as JSONSchemaProps, `${path}[${index}]`));
  }
  faults.push(...checkUnique(value, schema, path));
  return faults;
}

function checkUnique(value: readonly unknown[], schema: JSONSchemaProps, path: string): FieldError[] {
  const kind = schema['x-kubernetes-list-type'];
  if (kind !== 'set' && kind !== 'map') return [];
  const faults: FieldError[] = [];
  const seen = new Set<string>();
  value.forEach((item, index) => {
    const keys = schema['x-kubernetes-list-map-keys'] ?? [];
    const id =
      kind === 'set'
        ? item
        : Object.fromEntries(keys.map((key) => [key, (item as Record<string, unknown> | null)?.[key]]));
    const text = JSON.stringify(id);
    if (seen.has(text)) faults.push(fieldDuplicate(`${path}[${index}]`, id));
    seen.add(text);
  });
  return faults;
}

function checkObject(value: Record<string, unknown>, schema: JSONSchemaProps, path: string): FieldError[] {
  const faults: FieldError[] = [];
  const { required, properties, additionalProperties, maxProperties, minProperties } = schema;
  const below = (name: string): string => (path === '' ? name : `${path}.${name}`);
  const size = Object.keys(value).length;
  if (typeof maxProperties === 'number' && size > maxProperties) faults.push(fieldTooMany(path, size, maxProperties));
  if (typeof minProperties === 'number' && size < minProperties)
    faults.push(fieldInvalid(path, size, `${inBody(path)} should have at least ${minProperties} properties`));
  for (const name of required ?? []) if (value[name] === undefined) faults.push(fieldRequired(below(name)));
  for (const [name, inner] of Object.entries(value)) {
    if (inner === undefined) continue;
    const property = properties?.[name];
    if (property !== undefined) {
      // Metadata has rules of its own, the same for every kind.
      if (path !== '' || name !== 'metadata') faults.push(...validateCustom(inner, property, below(name)));
    } else if (typeof additionalProperties === 'object')
      faults.push(...validateCustom(inner, additionalProperties, below(name)));
  }
  return faults;
}

function checkCombined(value: unknown, schema: JSONSchemaProps, path: string): FieldError[] {
  const faults: FieldError[] = [];
  const whole = (text: string): FieldError => new FieldError('FieldValueInvalid', '<nil>', '', text);
  const quoted = JSON.stringify(path);
  const { allOf, anyOf, oneOf, not } = schema;
  if (anyOf !== undefined && !schema['x-kubernetes-int-or-string']) {
    const results = anyOf.map((each) => validateCustom(value, each, path));
    if (!results.some((result) => result.length === 0))
      faults.push(whole(`${quoted} must validate at least one schema (anyOf)`), ...(results[0] ?? []));
  }
  if (oneOf !== undefined) {
    const results = oneOf.map((each) => validateCustom(value, each, path));
    const valid = results.filter((result) => result.length === 0).length;
    if (valid === 0)
      faults.push(
        whole(`${quoted} must validate one and only one schema (oneOf). Found none valid`),
        ...(results[0] ?? []),
      );
    if (valid > 1)
      faults.push(whole(`${quoted} must validate one and only one schema (oneOf). Found ${valid} valid alternatives`));
  }
  if (allOf !== undefined) {
    const results = allOf.flatMap((each) => validateCustom(value, each, path));
    if (results.length > 0) faults.push(...results, whole(`${quoted} must validate all the schemas (allOf)`));
  }
  if (not !== undefined && validateCustom(value, not, path).length === 0)
    faults.push(whole(`${quoted} must not validate the schema (not)`));
  return faults;
}

const compiled = new Map<string, RE2JS>();

/** Go's regular expressions: RE2, found anywhere in the text. Loaded with the first pattern. */
function matches(pattern: string, text: string): boolean {
  let expression = compiled.get(pattern);
  if (expression === undefined) {
    const { RE2JS: Re2 } = createRequire(import.meta.url)('re2js') as typeof import('re2js');
    expression = Re2.compile(pattern);
    if (compiled.size < 1000) compiled.set(pattern, expression);
  }
  return expression.matcher(text).find();
}

/** Formats that upstream checks; others are only documentation. Source: apiextensions `pkg/apis/apiextensions/validation/formats.go`. */
const formats: Readonly<Record<string, (text: string) => boolean>> = {
  'date-time': (text) =>
    /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/.test(text) &&
    !Number.isNaN(Date.parse(text)),
  date: (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)),
  ipv4: (text) => /^((25[0-5]|2[0-4]\d|1?\d?\d)(\.|$)){4}$/.test(text) && !text.endsWith('.'),
  ipv6: (text) => text.includes(':') && /^[0-9a-fA-F:.]+$/.test(text),
  cidr: (text) => /^[0-9a-fA-F:.]+\/\d{1,3}$/.test(text),
  mac: (text) => /^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$/.test(text),
  uuid: (text) => /^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$/.test(text),
  byte: (text) => /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text),
  email: (text) => /^[^@\s]+@[^@\s]+$/.test(text),
  uri: (text) => URL.canParse(text),
  hostname: (text) => /^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$/.test(text),
  duration: (text) => /^-?((\d+(\.\d+)?)(ns|us|µs|ms|s|m|h|d|w))+$|^0$/.test(text),
};
