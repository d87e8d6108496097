import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { type FieldError, fieldDuplicate, fieldInvalid } from '../errors/field-error.ts';
import { isFields, ownOf } from './json-values.ts';

/**
 * Items that stand twice in lists of the types `set` and `map`, each told of once.
 * Source: apiextensions-apiserver `pkg/apiserver/schema/listtype/validation.go`.
 */
export function validateListTypes(value: unknown, schema: JSONSchemaProps, path = ''): readonly FieldError[] {
  if (Array.isArray(value)) return validateList(value, schema, path);
  if (!isFields(value)) return [];
  const faults: FieldError[] = [];
  for (const [name, inner] of Object.entries(value)) {
    const property = ownOf(schema.properties, name);
    const { additionalProperties } = schema;
    if (property !== undefined)
      faults.push(...validateListTypes(inner, property, path === '' ? name : `${path}.${name}`));
    else if (typeof additionalProperties === 'object') {
      faults.push(...validateListTypes(inner, additionalProperties, `${path}[${name}]`));
    }
  }
  return faults;
}

function validateList(list: readonly unknown[], schema: JSONSchemaProps, path: string): readonly FieldError[] {
  const faults: FieldError[] = [];
  const type = schema['x-kubernetes-list-type'];
  if (type === 'set') faults.push(...repeatedOf(list).map((at) => fieldDuplicate(`${path}[${at}]`, list[at])));
  if (type === 'map') faults.push(...validateMap(list, schema['x-kubernetes-list-map-keys'] ?? [], path));
  const items = schema.items as JSONSchemaProps | undefined;
  if (items === undefined) return faults;
  for (const [at, item] of list.entries()) faults.push(...validateListTypes(item, items, `${path}[${at}]`));
  return faults;
}

function validateMap(list: readonly unknown[], keys: readonly string[], path: string): readonly FieldError[] {
  const stranger = list.findIndex((item) => item !== null && !isFields(item));
  if (stranger >= 0) {
    const why = 'must be an object for an array of list-type map';
    return [fieldInvalid(`${path}[${stranger}]`, list[stranger], why)];
  }
  const ids = list.map((item) => keysOf(item, keys));
  return repeatedOf(ids).map((at) => fieldDuplicate(`${path}[${at}]`, ids[at]));
}

function keysOf(item: unknown, keys: readonly string[]): Readonly<Record<string, unknown>> {
  const id: Record<string, unknown> = {};
  if (!isFields(item)) return id;
  for (const key of keys) if (Object.hasOwn(item, key)) id[key] = item[key];
  return id;
}

/** Where values come for the second time; a third time is not told of. */
function repeatedOf(values: readonly unknown[]): readonly number[] {
  const seen = new Map<string, number>();
  const repeated: number[] = [];
  for (const [at, value] of values.entries()) {
    const id = canonicalText(value);
    const times = seen.get(id) ?? 0;
    if (times === 1) repeated.push(at);
    seen.set(id, times + 1);
  }
  return repeated;
}

function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_, inner) =>
    isFields(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

/**
 * Finds the items of a list by their keys: the first item with the same keys as the one that is asked with; undefined
 * where there is none and where a key is missing or no scalar. Source: apiserver `pkg/cel/common/maplist.go`.
 */
export function indexByMapKeys(list: readonly unknown[], keys: readonly string[]): (like: unknown) => unknown {
  const index = new Map<string, unknown>();
  for (const item of list) {
    const id = scalarKeysOf(item, keys);
    if (id !== undefined && !index.has(id)) index.set(id, item);
  }
  return (like) => {
    const id = scalarKeysOf(like, keys);
    return id === undefined ? undefined : index.get(id);
  };
}

function scalarKeysOf(item: unknown, keys: readonly string[]): string | undefined {
  if (!isFields(item) || keys.length === 0) return undefined;
  const values: unknown[] = [];
  for (const key of keys) {
    const value = ownOf(item, key);
    if (value === undefined || value === null || typeof value === 'object') return undefined;
    values.push(value);
  }
  return JSON.stringify(values);
}
