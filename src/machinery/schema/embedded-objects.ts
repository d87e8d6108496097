import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { type FieldError, fieldInvalid, fieldRequired } from '../errors/field-error.ts';
import { dns1035LabelFaults, labelKeyFaults, labelValueFaults, pathSegmentFaults } from '../values/names.ts';
import { isFields, ownOf } from './json-values.ts';

/**
 * Type and metadata of the objects that stand inside of a custom object (`x-kubernetes-embedded-resource`).
 *
 * Source: apiextensions-apiserver `pkg/apiserver/schema/objectmeta/validation.go`.
 *
 * @param isRoot - Whether the value is judged as an embedded object itself, whatever its schema says.
 */
export function validateEmbedded(
  value: unknown,
  schema: JSONSchemaProps,
  { path = '', isRoot = false }: { path?: string; isRoot?: boolean } = {},
): readonly FieldError[] {
  if (Array.isArray(value)) {
    const items = schema.items as JSONSchemaProps | undefined;
    if (items === undefined) return [];
    return value.flatMap((item, at) => validateEmbedded(item, items, { path: `${path}[${at}]` }));
  }
  if (!isFields(value)) return [];
  const faults: FieldError[] = [];
  if (isRoot || schema['x-kubernetes-embedded-resource'] === true) faults.push(...validateObject(value, path));
  const { additionalProperties } = schema;
  for (const [name, inner] of Object.entries(value)) {
    const property = ownOf(schema.properties, name);
    if (property !== undefined) faults.push(...validateEmbedded(inner, property, { path: childOf(path, name) }));
    else if (isFields(additionalProperties)) {
      faults.push(...validateEmbedded(inner, additionalProperties, { path: `${path}[${name}]` }));
    }
  }
  return faults;
}

function childOf(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function validateObject(object: Readonly<Record<string, unknown>>, path: string): readonly FieldError[] {
  const faults: FieldError[] = [];
  for (const field of ['apiVersion', 'kind'] as const) {
    const place = childOf(path, field);
    const value = ownOf(object, field);
    if (value === undefined) faults.push(fieldRequired(place));
    else if (typeof value !== 'string') faults.push(fieldInvalid(place, value, 'must be a string'));
    else if (value === '') faults.push(fieldInvalid(place, value, 'must not be empty'));
    else if (field === 'apiVersion' && value.split('/').length > 2) {
      faults.push(fieldInvalid(place, value, `unexpected GroupVersion string: ${value}`));
    } else if (field === 'kind') {
      const texts = dns1035LabelFaults(value.toLowerCase());
      const mixed = 'may have mixed case, but should otherwise match: ';
      if (texts.length > 0) faults.push(fieldInvalid(place, value, `${mixed}${texts.join(',')}`));
    }
  }
  const metadata = ownOf(object, 'metadata');
  if (isFields(metadata)) faults.push(...validateMetadata(metadata, childOf(path, 'metadata')));
  return faults;
}

/** Names, labels and annotations; a missing name is no fault. */
function validateMetadata(metadata: Readonly<Record<string, unknown>>, path: string): readonly FieldError[] {
  const faults: FieldError[] = [];
  const { name, generateName, labels, annotations, finalizers } = metadata;
  for (const [field, value] of Object.entries({ generateName, name })) {
    if (typeof value !== 'string' || value === '') continue;
    for (const text of pathSegmentFaults(value)) faults.push(fieldInvalid(`${path}.${field}`, value, text));
  }
  if (isFields(labels)) {
    for (const [key, value] of Object.entries(labels)) {
      for (const text of labelKeyFaults(key)) faults.push(fieldInvalid(`${path}.labels`, key, text));
      for (const text of labelValueFaults(String(value))) faults.push(fieldInvalid(`${path}.labels`, value, text));
    }
  }
  if (isFields(annotations)) {
    for (const key of Object.keys(annotations)) {
      for (const text of labelKeyFaults(key.toLowerCase())) faults.push(fieldInvalid(`${path}.annotations`, key, text));
    }
  }
  if (Array.isArray(finalizers)) {
    for (const finalizer of finalizers as readonly unknown[]) {
      if (typeof finalizer !== 'string') continue;
      for (const text of labelKeyFaults(finalizer)) faults.push(fieldInvalid(`${path}.finalizers`, finalizer, text));
    }
  }
  return faults;
}
