import type { FieldSchema, ListShape, TypeSchema } from '../../schema/type-schema.ts';
import { setOwnField } from '../../values/own-field.ts';
import { FieldSet } from './field-set.ts';

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value that does not fit its schema; the message is structured-merge-diff's. */
export class TypedError extends Error {
  override readonly name = 'TypedError';
}

/**
 * The wire name of a list item: its keys with their defaults, or its value.
 * @throws TypedError for an item that cannot have one
 */
export function elementOf(item: unknown, list: ListShape): string {
  if (list.listType === 'set') {
    if (Array.isArray(item)) throw new TypedError('not supported: associative list with lists as elements');
    if (typeof item === 'object') {
      const what = item === null ? 'an explicit null' : 'a map type';
      throw new TypedError(`associative list without keys has an element that's ${what}`);
    }
    return `v:${JSON.stringify(item)}`;
  }
  if (!isFields(item)) {
    const what = item === null ? 'a null element' : 'non-map elements';
    throw new TypedError(`associative list with keys may not have ${what}`);
  }
  const keys: Fields = {};
  const fields = list.items.shape === 'object' ? list.items.fields : undefined;
  for (const key of [...list.mapKeys].sort()) {
    const value = item[key] ?? defaultOf(fields?.get(key));
    if (value !== undefined && value !== null) keys[key] = value;
  }
  const element = `k:${JSON.stringify(keys)}`;
  if (element !== 'k:{}') return element;
  const names = JSON.stringify(list.mapKeys).replace(/,/g, ' ');
  throw new TypedError(
    `associative list with keys has an element that omits all key fields ${names} (and doesn't have default values for any key fields)`,
  );
}

/** Go fields that are always written are never absent, so that their zero value stands for them. */
function defaultOf(field: FieldSchema | undefined): unknown {
  if (field === undefined || field.default !== undefined) return field?.default;
  if (!field.alwaysWritten || field.pointer || field.type.shape !== 'scalar') return undefined;
  switch (field.type.type) {
    case 'string':
      return '';
    case 'boolean':
      return false;
    case 'int32':
    case 'int64':
    case 'double':
      return 0;
    default:
      return undefined;
  }
}

/** Whether the value is one leaf: it is owned and replaced as a whole. */
function isLeaf(type: TypeSchema | undefined): boolean {
  switch (type?.shape) {
    case 'object':
    case 'map':
      return type.atomic;
    case 'list':
      return type.listType === 'atomic';
    case 'opaque':
      return type.granular !== true;
    case undefined:
      return false;
    default:
      return true;
  }
}

/** The type below a type: unknown parts (opaque values, fields that are preserved) are maps of anything, lists atomic. */
function childType(type: TypeSchema | undefined, key: string): TypeSchema | undefined {
  if (type?.shape === 'object') return type.fields.get(key)?.type;
  return type?.shape === 'map' ? type.values : undefined;
}

/** Whether a key names a field of a struct, which holds no place of its own. */
function isStructField(type: TypeSchema | undefined, key: string): boolean {
  return type?.shape === 'object' && type.fields.has(key);
}

/**
 * Every path that a value sets.
 *
 * Source: structured-merge-diff `typed/tofieldset.go`.
 */
export function toFieldSet(value: unknown, type: TypeSchema | undefined): FieldSet {
  const set = new FieldSet();
  collect(value, type, [], set);
  return set;
}

function collect(value: unknown, type: TypeSchema | undefined, path: readonly string[], set: FieldSet): void {
  if (isLeaf(type)) return set.insert(path);
  if (Array.isArray(value)) {
    if (type?.shape !== 'list') return set.insert(path);
    for (const [element, items] of byElement(value, type)) {
      const inner = [...path, element];
      if (items.length === 1) collect(items[0], type.items, inner, set);
      set.insert(inner);
    }
    return;
  }
  if (!isFields(value)) return set.insert(path);
  for (const [key, inner] of Object.entries(value)) {
    if (inner === undefined) continue;
    const below = [...path, `f:${key}`];
    if (inner === null) {
      set.insert(below);
      continue;
    }
    collect(inner, childType(type, key), below, set);
    const isEmptyMap = isFields(inner) && Object.keys(inner).length === 0;
    if (isEmptyMap || !isStructField(type, key)) set.insert(below);
  }
}

/** What differs between two values. */
export interface Comparison {
  readonly added: FieldSet;
  readonly removed: FieldSet;
  readonly modified: FieldSet;
}

/** Source: structured-merge-diff `typed/compare.go`. */
export function compare(before: unknown, after: unknown, type: TypeSchema | undefined): Comparison {
  const result = { added: new FieldSet(), removed: new FieldSet(), modified: new FieldSet() };
  walkChanges(before, after, type, [], result);
  return result;
}

/** `undefined` is an absent value; `null` is a value that holds the place of an empty one. */
function walkChanges(
  before: unknown,
  after: unknown,
  type: TypeSchema | undefined,
  path: readonly string[],
  result: Comparison,
): void {
  if (before === undefined && after === undefined) return;
  // Most parts of an object are as they were. (Custom ones are walked through: they may not fit their schema.)
  const isBuiltin = type?.shape === 'object' && type.typeName !== undefined;
  if (isBuiltin && before !== undefined && after !== undefined && isSame(before, after)) return;
  const walked =
    !isLeaf(type) &&
    !(isEmptyOrNull(before) && isEmptyOrNull(after)) &&
    (walkMaps(before, after, type, path, result) || walkLists(before, after, type, path, result));
  if (before === undefined) result.added.insert(path);
  else if (after === undefined) result.removed.insert(path);
  else if (!walked && !isSame(before, after)) result.modified.insert(path);
}

function walkMaps(
  before: unknown,
  after: unknown,
  type: TypeSchema | undefined,
  path: readonly string[],
  result: Comparison,
): boolean {
  const old = before ?? {};
  const next = after ?? {};
  if (!isFields(old) || !isFields(next)) return false;
  for (const key of Object.keys(old)) {
    walkChanges(old[key], own(next, key), childType(type, key), [...path, `f:${key}`], result);
  }
  for (const key of Object.keys(next)) {
    if (Object.hasOwn(old, key)) continue;
    walkChanges(undefined, next[key], childType(type, key), [...path, `f:${key}`], result);
  }
  return true;
}

function own(fields: Fields, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}

function walkLists(
  before: unknown,
  after: unknown,
  type: TypeSchema | undefined,
  path: readonly string[],
  result: Comparison,
): boolean {
  const old = before ?? [];
  const next = after ?? [];
  if (type?.shape !== 'list' || !Array.isArray(old) || !Array.isArray(next)) return false;
  const left = byElement(old, type);
  const right = byElement(next, type);
  for (const element of new Set([...left.keys(), ...right.keys()])) {
    walkItems(left.get(element) ?? [], right.get(element) ?? [], type.items, [...path, element], result);
  }
  return true;
}

/** Items that share their keys are one leaf together. */
function walkItems(
  before: readonly unknown[],
  after: readonly unknown[],
  type: TypeSchema,
  path: readonly string[],
  result: Comparison,
): void {
  if (before.length < 2 && after.length < 2) return walkChanges(before[0], after[0], type, path, result);
  if (before.length >= 2 && after.length >= 2) {
    if (!isSame(before, after)) result.modified.insert(path);
  } else if (before.length >= 2) {
    if (after.length > 0) walkChanges(undefined, after[0], type, path, result);
    result.removed.insert(path);
  } else {
    if (before.length > 0) walkChanges(before[0], undefined, type, path, result);
    result.added.insert(path);
  }
}

function byElement(list: readonly unknown[], type: ListShape): Map<string, unknown[]> {
  const found = new Map<string, unknown[]>();
  for (const item of list) {
    const element = elementOf(item, type);
    const others = found.get(element);
    if (others === undefined) found.set(element, [item]);
    else others.push(item);
  }
  return found;
}

function isEmptyOrNull(value: unknown): boolean {
  return value === undefined || value === null || isEmptied(value);
}

/** Whether two JSON values are alike; null and absent are. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => isSame(item, b[index]));
  if (!isFields(a) || !isFields(b)) return (a ?? null) === null && (b ?? null) === null;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key]));
}

/** Lays one value over another: what the second sets wins. Source: `typed/merge.go`. */
export function mergeTyped(base: unknown, over: unknown, type: TypeSchema | undefined): unknown {
  if (over === undefined) return base;
  if (base === undefined || base === null || isLeaf(type)) return over;
  // Nothing laid over something leaves it, unless that is empty itself.
  if (over === null) return isEmptied(base) || typeof base !== 'object' ? over : base;
  if (isFields(base) && isFields(over)) {
    const result: Fields = { ...base };
    for (const [key, value] of Object.entries(over)) {
      const mine = Object.hasOwn(base, key) ? base[key] : undefined;
      setOwnField(result, key, mergeTyped(mine, value, childType(type, key)));
    }
    return result;
  }
  if (Array.isArray(base) && Array.isArray(over) && type?.shape === 'list') return mergeLists(base, over, type);
  return over;
}

/**
 * Items of both lists, merged by key. Items that both have follow the order of the second list; items of the first
 * alone stay before what they stood before.
 *
 * Source: `typed/merge.go` (mergeListItems).
 */
function mergeLists(base: readonly unknown[], over: readonly unknown[], type: ListShape): unknown[] {
  const left = base.map((item) => [elementOf(item, type), item] as const);
  const right = over.map((item) => [elementOf(item, type), item] as const);
  const inLeft = new Map<string, unknown>(left);
  // Items that stand twice are not merged but replaced.
  if (inLeft.size < left.length) {
    const seen = new Set<string>();
    for (const [element] of left) {
      if (seen.has(element)) inLeft.set(element, undefined);
      seen.add(element);
    }
  }
  const inRight = new Map(right);
  const shared = right.map(([element]) => element).filter((element) => inLeft.has(element));
  const merged = new Set<string>();
  const result: unknown[] = [];
  let leftAt = 0;
  let rightAt = 0;
  let sharedAt = 0;
  const take = (element: string): void => {
    result.push(mergeTyped(inLeft.get(element), inRight.get(element), type.items));
    merged.add(element);
    rightAt++;
    if (shared[sharedAt] === element) sharedAt++;
  };
  while (leftAt < left.length || rightAt < right.length) {
    const mine = left[leftAt]?.[0];
    const theirs = right[rightAt]?.[0];
    if (mine !== undefined && theirs !== undefined) {
      if (mine === theirs) {
        take(theirs);
        leftAt++;
        continue;
      }
      if (inRight.has(mine) && shared[sharedAt] !== undefined && shared[sharedAt] !== mine) {
        leftAt++;
        continue;
      }
    }
    if (mine !== undefined) {
      if (!inRight.has(mine)) {
        result.push(left[leftAt]?.[1]);
        leftAt++;
        continue;
      }
      if (merged.has(mine)) leftAt++;
    }
    if (theirs !== undefined) take(theirs);
    else if (mine !== undefined && !merged.has(mine)) leftAt++;
  }
  return result;
}

/**
 * The value without the paths of a set. What loses its last part stays, empty.
 *
 * Source: `typed/remove.go`.
 */
export function removePaths(
  value: unknown,
  set: FieldSet,
  type: TypeSchema | undefined,
  path: readonly string[] = [],
): unknown {
  if (isLeaf(type)) return emptied(value);
  if (Array.isArray(value)) {
    if (type?.shape !== 'list') return emptied(value);
    const kept: unknown[] = [];
    for (const item of value) {
      const inner = [...path, elementOf(item, type)];
      if (set.has(inner)) continue;
      kept.push(set.hasBelow(inner) ? removePaths(item, set, type.items, inner) : item);
    }
    return kept;
  }
  if (!isFields(value)) return value;
  const result: Fields = {};
  for (const [key, inner] of Object.entries(value)) {
    const below = [...path, `f:${key}`];
    if (set.has(below)) continue;
    setOwnField(result, key, set.hasBelow(below) ? removePaths(inner, set, childType(type, key), below) : inner);
  }
  return result;
}

/** Of what is one leaf nothing is left where a part of it goes. */
function emptied(value: unknown): unknown {
  if (Array.isArray(value)) return [];
  return isFields(value) ? {} : value;
}

function isEmptied(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : isFields(value) && Object.keys(value).length === 0;
}
