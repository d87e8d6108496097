import { badRequest } from '../errors/status-error.ts';
import type { FieldSchema, ObjectShape, TypeSchema } from '../schema/type-schema.ts';
import { internalPatchError } from './patch-error.ts';

type Fields = Record<string, unknown>;

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const ELEMENT_ORDER = '$setElementOrder/';
const DELETE_PRIMITIVES = '$deleteFromPrimitiveList/';

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Applies a strategic merge patch: lists are merged by key where the type says so, and directives delete, replace and
 * order. Neither argument is changed.
 *
 * @throws StatusError with upstream's sentences for patches that contradict themselves.
 *
 * Source: apimachinery `pkg/util/strategicpatch/patch.go`.
 */
export function applyStrategicMergePatch<T>(target: T, patch: unknown, shape: ObjectShape): T {
  return mergeMap(target as Fields, patch as Fields, shape) as T;
}

function mergeMap(target: Fields, patch: Fields, type: TypeSchema | undefined): Fields {
  const directive = patch[DIRECTIVE];
  if (directive !== undefined) {
    if (directive === 'replace') return withoutDirectives(patch);
    if (directive === 'delete') return {};
    if (directive !== 'merge') throw internalPatchError(`unknown patch type: ${directive} in map: ${toGoMap(patch)}`);
  }
  let result: Fields = { ...target };
  if (patch[RETAIN_KEYS] !== undefined) result = retainKeys(result, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key === DIRECTIVE || key === RETAIN_KEYS || key.startsWith(ELEMENT_ORDER)) continue;
    if (key.startsWith(DELETE_PRIMITIVES)) {
      deletePrimitives(result, key.slice(DELETE_PRIMITIVES.length), value);
      continue;
    }
    if (value === null) {
      delete result[key];
      continue;
    }
    const field = fieldOf(type, key);
    const order = patch[`${ELEMENT_ORDER}${key}`];
    result[key] = mergeValue(result[key], value, field, order);
  }
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(ELEMENT_ORDER)) continue;
    const name = key.slice(ELEMENT_ORDER.length);
    // An order alone sorts what is there.
    if (patch[name] === undefined && Array.isArray(result[name])) {
      result[name] = inOrder(result[name], [], order, fieldOf(type, name)?.patchMergeKey);
    }
  }
  return result;
}

function mergeValue(target: unknown, value: unknown, field: FieldSchema | undefined, order: unknown): unknown {
  if (isFields(value)) {
    const shape = field?.type;
    if (shape?.shape === 'list') throw badRequest('cannot restore slice from map');
    const replaces = field?.patchStrategy.includes('replace') ?? false;
    return replaces ? withoutDirectives(value) : mergeMap(isFields(target) ? target : {}, value, shape);
  }
  if (!Array.isArray(value)) return value;
  const merges = field?.patchStrategy.includes('merge') ?? false;
  if (!merges) return value;
  return mergeList(Array.isArray(target) ? target : [], value, field as FieldSchema, order);
}

function mergeList(target: unknown[], patch: unknown[], field: FieldSchema, order: unknown): unknown[] {
  const items = field.type.shape === 'list' ? field.type.items : undefined;
  if (
    patch.some(isFields) !== patch.every(isFields) ||
    (target.length > 0 && patch.length > 0 && isFields(target[0]) !== isFields(patch[0]))
  ) {
    throw internalPatchError(`list element types are not identical: [${toGo(target)} ${toGo(patch)}]`);
  }
  if (!patch.some(isFields) && !target.some(isFields)) {
    const merged = [...target];
    for (const value of patch) if (!merged.includes(value)) merged.push(value);
    return order === undefined ? merged : inOrder(merged, patch, order, undefined);
  }
  const key = field.patchMergeKey;
  if (key === undefined) return patch;
  const { entries, replaceAll } = readDirectives(patch as Fields[], key);
  if (replaceAll) return entries.filter((entry) => entry[DIRECTIVE] === undefined);
  const merged = [...(target as Fields[])];
  for (const entry of entries) {
    const wanted = entry[key];
    if (wanted === undefined)
      throw internalPatchError(`map: ${toGoMap(entry)} does not contain declared merge key: ${key}`);
    const at = merged.findIndex((item) => item[key] === wanted);
    const directive = entry[DIRECTIVE];
    if (directive === 'delete') {
      if (at >= 0) merged.splice(at, 1);
      continue;
    }
    if (directive !== undefined && directive !== 'merge' && directive !== 'replace') {
      throw internalPatchError(`unknown patch type: ${directive} in map: ${toGoMap(entry)}`);
    }
    if (at >= 0) merged[at] = mergeMap(merged[at] as Fields, entry, items);
    else merged.push(mergeMap({}, entry, items));
  }
  return order === undefined ? merged : inOrder(merged, entries, order, key);
}

/** A list entry that is nothing but `$patch: replace` makes the rest of the list replace what is there. */
function readDirectives(patch: Fields[], key: string): { entries: Fields[]; replaceAll: boolean } {
  const isBare = (entry: Fields): boolean => entry[DIRECTIVE] === 'replace' && entry[key] === undefined;
  return { entries: patch.filter((entry) => !isBare(entry)), replaceAll: patch.some(isBare) };
}

/**
 * Puts elements into the order that the patch gives; those that it does not name keep their place among their
 * neighbours.
 */
function inOrder(merged: unknown[], patched: readonly unknown[], order: unknown, key: string | undefined): unknown[] {
  if (!Array.isArray(order)) return merged;
  const idOf = (value: unknown): unknown => (key !== undefined && isFields(value) ? value[key] : value);
  const places = new Map(order.map((value, index) => [idOf(value), index] as const));
  const named = patched.filter((entry) => !isFields(entry) || entry[DIRECTIVE] !== 'delete');
  const positions = named.map((entry) => places.get(idOf(entry)));
  if (positions.some((place, index) => place === undefined || (index > 0 && place < (positions[index - 1] ?? -1)))) {
    throw internalPatchError(
      `The order in patch list:\n${toGo(named)}\n doesn't match $setElementOrder list:\n${toGo(order)}\n\n`,
    );
  }
  const listed = merged.filter((value) => places.has(idOf(value)));
  listed.sort((a, b) => (places.get(idOf(a)) as number) - (places.get(idOf(b)) as number));
  const result: unknown[] = [];
  let next = 0;
  for (const value of merged) {
    if (places.has(idOf(value))) result.push(listed[next++]);
    else result.push(value);
  }
  return result;
}

function retainKeys(target: Fields, patch: Fields): Fields {
  const keep = patch[RETAIN_KEYS];
  if (!Array.isArray(keep)) throw badRequest('invalid patch format of retainKeys');
  for (const [key, value] of Object.entries(patch)) {
    if (key === RETAIN_KEYS || key === DIRECTIVE || value === null) continue;
    if (!keep.includes(key)) throw badRequest('invalid patch format of retainKeys');
  }
  return Object.fromEntries(Object.entries(target).filter(([key]) => keep.includes(key)));
}

function deletePrimitives(result: Fields, key: string, values: unknown): void {
  const list = result[key];
  if (Array.isArray(list) && Array.isArray(values)) result[key] = list.filter((value) => !values.includes(value));
}

function fieldOf(type: TypeSchema | undefined, key: string): FieldSchema | undefined {
  if (type?.shape === 'object') return type.fields.get(key);
  if (type?.shape !== 'map') return undefined;
  return {
    name: key,
    type: type.values,
    nullable: false,
    required: false,
    alwaysWritten: false,
    pointer: false,
    patchStrategy: [],
  };
}

function withoutDirectives(value: Fields): Fields {
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== DIRECTIVE && key !== RETAIN_KEYS));
}

/** A map as Go prints it: keys sorted, no quotes. */
function toGoMap(value: Fields): string {
  return `map[${Object.keys(value)
    .sort()
    .map((key) => `${key}:${toGo(value[key])}`)
    .join(' ')}]`;
}

function toGo(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toGo).join(' ')}]`;
  if (isFields(value)) return toGoMap(value);
  return value === null || value === undefined ? '<nil>' : String(value);
}
