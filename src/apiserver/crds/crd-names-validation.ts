import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionNames,
  CustomResourceSubresources,
} from '../../generated/api/apiextensions/v1.ts';
import { type FieldError, fieldInvalid, fieldRequired } from '../../machinery/errors/field-error.ts';
import { dns1035LabelFaults } from '../../machinery/values/names.ts';

/** Rules of the smaller parts of a definition. Source of all: apiextensions-apiserver `pkg/apis/apiextensions/validation`. */

/** In addition to {@link validateNames}: names that a spec must have. */
export function requireNames(names: CustomResourceDefinitionNames, path: string): readonly FieldError[] {
  return (['plural', 'singular', 'kind', 'listKind'] as const)
    .filter((field) => !names[field])
    .map((field) => fieldRequired(`${path}.${field}`, ''));
}

export function validateNames(names: CustomResourceDefinitionNames | undefined, path: string): readonly FieldError[] {
  if (names === undefined || names === null) return [];
  const found: FieldError[] = [];
  const check = (field: string, value: string, text: string, prefix = ''): void => {
    const faults = dns1035LabelFaults(text);
    if (faults.length > 0) found.push(fieldInvalid(`${path}.${field}`, value, `${prefix}${faults.join(',')}`));
  };
  const mixed = 'may have mixed case, but should otherwise match: ';
  const { plural = '', singular = '', kind = '', listKind = '' } = names;
  if (plural !== '') check('plural', plural, plural);
  if (singular !== '') check('singular', singular, singular);
  if (kind !== '') check('kind', kind, kind.toLowerCase(), mixed);
  if (listKind !== '') check('listKind', listKind, listKind.toLowerCase(), mixed);
  for (const [index, name] of (names.shortNames ?? []).entries()) check(`shortNames[${index}]`, name, name);
  if (kind !== '' && kind === listKind) {
    found.push(fieldInvalid(`${path}.listKind`, listKind, 'kind and listKind may not be the same'));
  }
  for (const [index, name] of (names.categories ?? []).entries()) check(`categories[${index}]`, name, name);
  return found;
}

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

export function validateColumns(
  columns: readonly CustomResourceColumnDefinition[] | undefined,
  path: string,
): readonly FieldError[] {
  return (columns ?? []).flatMap((column, index) => validateColumn(column, `${path}[${index}]`));
}

function validateColumn(column: CustomResourceColumnDefinition, path: string): readonly FieldError[] {
  const found: FieldError[] = [];
  const { name, type, format, jsonPath } = column;
  const types = `must be one of ${columnTypes.join(',')}`;
  if (!name) found.push(fieldRequired(`${path}.name`, ''));
  if (!type) found.push(fieldRequired(`${path}.type`, types));
  else if (!columnTypes.includes(type)) found.push(fieldInvalid(`${path}.type`, type, types));
  if (format && !columnFormats.includes(format)) {
    found.push(fieldInvalid(`${path}.format`, format, `must be one of ${columnFormats.join(',')}`));
  }
  if (!jsonPath) found.push(fieldRequired(`${path}.JSONPath`, ''));
  else found.push(...simplePathFaults(jsonPath, `${path}.JSONPath`));
  return found;
}

function simplePathFaults(text: string, path: string): readonly FieldError[] {
  return text.startsWith('.') ? [] : [fieldInvalid(path, text, 'must be a simple json path starting with .')];
}

export function validateSubresources(
  subresources: CustomResourceSubresources | undefined,
  path: string,
): readonly FieldError[] {
  const scale = subresources?.scale;
  if (scale === undefined || scale === null) return [];
  const under = (field: string, text: string | undefined, roots: readonly string[], why: string): FieldError[] => {
    const place = `${path}.scale.${field}`;
    if (!text) return [fieldRequired(place, '')];
    const faults = simplePathFaults(text, place);
    if (faults.length > 0) return [...faults];
    return roots.some((root) => text.startsWith(root)) ? [] : [fieldInvalid(place, text, why)];
  };
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = scale;
  const either = 'should be a json path under either .spec or .status';
  return [
    ...under('specReplicasPath', specReplicasPath, ['.spec.'], 'should be a json path under .spec'),
    ...under('statusReplicasPath', statusReplicasPath, ['.status.'], 'should be a json path under .status'),
    ...(labelSelectorPath ? under('labelSelectorPath', labelSelectorPath, ['.spec.', '.status.'], either) : []),
  ];
}

/** The sentences about a warning of a version that is to go. */
export function deprecationFaults(deprecated: boolean, warning: string | undefined): readonly string[] {
  if (warning === undefined || warning === null) return [];
  if (!deprecated) return ['can only be set for deprecated versions'];
  const faults: string[] = [];
  if (Buffer.byteLength(warning) > 256) faults.push('must be <= 256 characters long');
  if (warning === '') faults.push('must not be an empty string');
  const bad = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(warning);
  if (bad !== null) {
    const index = Buffer.byteLength(warning.slice(0, bad.index));
    faults.push(`must only contain printable UTF-8 characters; non-printable character found at index ${index}`);
  }
  return faults;
}
