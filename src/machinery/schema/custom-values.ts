import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { isFields, ownOf } from './json-values.ts';
import { schemaOf } from './read-schema.ts';

type Mutable = Record<string, unknown>;

const metaFields = new Set(['apiVersion', 'kind', 'metadata']);

/**
 * Drops in place the fields that a schema does not know.
 *
 * Source: apiextensions-apiserver `pkg/apiserver/schema/pruning/algorithm.go`.
 *
 * @param embedded - Whether the value is a whole object, whose type and metadata stay whatever the schema says.
 */
export function pruneCustom(value: unknown, schema: JSONSchemaProps | undefined, embedded: boolean): void {
  if (schema?.['x-kubernetes-preserve-unknown-fields']) {
    pruneKnown(value, schema, embedded);
    return;
  }
  if (Array.isArray(value)) {
    for (const item of value) pruneInner(item, schemaOf(schema?.items));
    return;
  }
  if (!isFields(value)) return;
  const object = value as Mutable;
  for (const [name, inner] of Object.entries(object)) {
    if (embedded && metaFields.has(name)) continue;
    const property = ownOf(schema?.properties, name);
    const others = schema?.additionalProperties;
    if (property !== undefined) pruneInner(inner, property);
    else if (others !== undefined) pruneInner(inner, schemaOf(others));
    else delete object[name];
  }
}

function pruneInner(value: unknown, schema: JSONSchemaProps | undefined): void {
  pruneCustom(value, schema, schema?.['x-kubernetes-embedded-resource'] === true);
}

/** Where unknown fields stay, those that are known are pruned by their own schemas. */
function pruneKnown(value: unknown, schema: JSONSchemaProps, embedded: boolean): void {
  if (Array.isArray(value)) {
    const items = schemaOf(schema.items);
    if (items === undefined) return;
    for (const item of value) pruneKnown(item, items, items['x-kubernetes-embedded-resource'] === true);
    return;
  }
  if (!isFields(value)) return;
  for (const [name, inner] of Object.entries(value)) {
    if (embedded && metaFields.has(name)) continue;
    const property = ownOf(schema.properties, name);
    if (property !== undefined) pruneInner(inner, property);
    else if (schema.additionalProperties !== undefined) pruneInner(inner, schemaOf(schema.additionalProperties));
  }
}

/** The schema of one field of an object or map. */
function fieldSchema(schema: JSONSchemaProps | undefined, name: string): JSONSchemaProps | undefined {
  return ownOf(schema?.properties, name) ?? schemaOf(schema?.additionalProperties);
}

function hasDefault(schema: JSONSchemaProps): boolean {
  return schema.default !== undefined && schema.default !== null;
}

/**
 * Drops in place the nulls of fields that may not be null and that no default will replace.
 * Source: apiextensions-apiserver `pkg/apiserver/schema/defaulting/prunenulls.go`.
 */
export function pruneNulls(value: unknown, schema: JSONSchemaProps | undefined): void {
  if (Array.isArray(value)) {
    for (const item of value) pruneNulls(item, schemaOf(schema?.items));
    return;
  }
  if (!isFields(value)) return;
  for (const [name, inner] of Object.entries(value)) {
    const own = fieldSchema(schema, name);
    if (inner === null && own !== undefined && !own.nullable && !hasDefault(own)) delete (value as Mutable)[name];
    else pruneNulls(inner, own);
  }
}

/**
 * Fills defaults in place, where a value is absent or null without being allowed to be.
 * Source: apiextensions-apiserver `pkg/apiserver/schema/defaulting/algorithm.go`.
 */
export function fillDefaults(value: unknown, schema: JSONSchemaProps | undefined): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    const items = schemaOf(schema.items);
    for (const [at, item] of value.entries()) {
      if (item === null && items !== undefined && !items.nullable) value[at] = copyOf(items.default);
      fillDefaults(value[at], items);
    }
    return;
  }
  if (!isFields(value)) return;
  const object = value as Mutable;
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (!hasDefault(property)) continue;
    const current = ownOf(object, name);
    if (current === undefined || (current === null && !property.nullable)) object[name] = copyOf(property.default);
  }
  const others = schemaOf(schema.additionalProperties);
  for (const name of Object.keys(object)) {
    const property = ownOf(schema.properties, name);
    if (property === undefined && others !== undefined && object[name] === null && !others.nullable) {
      object[name] = copyOf(others.default);
    }
    fillDefaults(object[name], property ?? others);
  }
}

function copyOf(value: unknown): unknown {
  return value === undefined ? null : structuredClone(value);
}
