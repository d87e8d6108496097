import { badRequest } from '../errors/status-error.ts';
import type { FieldSchema, ObjectShape, TypeSchema } from '../schema/type-schema.ts';
import { setOwnField } from '../values/own-field.ts';
import { internalPatchError, unprocessablePatch } from './patch-error.ts';

type Fields = Record<string, unknown>;

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const ELEMENT_ORDER = '$setElementOrder';
const DELETE_PRIMITIVES = '$deleteFromPrimitiveList';

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A patch whose result is no object of the kind; its message is upstream's. */
export class PatchResultError extends Error {
  override readonly name = 'PatchResultError';
}

/**
 * Applies a strategic merge patch: lists are merged by key where the type says so, and directives delete, replace and
 * order. Neither argument is changed.
 *
 * @throws StatusError with upstream's sentences for patches that contradict themselves.
 * @throws PatchResultError for a map in place of a list.
 *
 * Source: apimachinery `pkg/util/strategicpatch/patch.go`, with merged parallel lists and unmatched nulls ignored.
 */
export function applyStrategicMergePatch<T>(target: T, patch: unknown, shape: ObjectShape): T {
  return mergeMap(target as Fields, patch as Fields, shape) as T;
}

function mergeMap(original: Fields, given: Fields, type: TypeSchema | undefined): Fields {
  const directive = given[DIRECTIVE];
  if (directive !== undefined) return replaced(directive, given);
  const patch = { ...given };
  const result = retainKeys(original, patch);
  mergeOrdered(result, patch, type);
  for (const [name, value] of Object.entries(patch)) {
    const deletes = name.startsWith(DELETE_PRIMITIVES);
    const key = deletes ? afterPrefix(name, 'invalid patch format of primitive list') : name;
    if (value === null) {
      delete result[key];
      continue;
    }
    const known = Object.hasOwn(result, key) ? result[key] : undefined;
    const field = fieldOf(type, key);
    if (isFields(value) && isFields(known)) {
      const replaces = field?.patchStrategy.includes('replace') ?? false;
      result[key] = replaces ? value : mergeMap(known, value, field?.type);
    } else if (Array.isArray(value) && Array.isArray(known)) {
      const merges = deletes || (field?.patchStrategy.includes('merge') ?? false);
      result[key] = merges ? mergeList(known, value, field, deletes) : value;
    } else if (!deletes) {
      if (isFields(value) && field?.type.shape === 'list') throw new PatchResultError('cannot restore slice from map');
      const clean = withoutDirectives(value, typeof known !== typeof value || known === null || known === undefined);
      if (clean === undefined) delete result[key];
      else setOwnField(result, key, clean);
    }
  }
  return result;
}

function replaced(directive: unknown, patch: Fields): Fields {
  if (directive === 'delete') return {};
  if (directive !== 'replace') throw unknownDirective(directive, patch);
  const { [DIRECTIVE]: _, ...rest } = patch;
  return rest;
}

/** Lists whose order the patch gives; they are taken out of the patch. */
function mergeOrdered(result: Fields, patch: Fields, type: TypeSchema | undefined): void {
  for (const [name, order] of Object.entries(patch)) {
    if (!name.startsWith(ELEMENT_ORDER)) continue;
    delete patch[name];
    const key = afterPrefix(name, 'invalid patch format of setElementOrder list');
    const original = result[key] ?? undefined;
    const patched = patch[key] ?? undefined;
    for (const list of [order, original, patched]) {
      if (list !== undefined && !Array.isArray(list)) {
        throw internalPatchError(`expected a []interface {}, but received a ${goTypeOf(list)}`);
      }
    }
    const wanted = order as unknown[];
    const field = fieldOf(type, key);
    const mergeKey = field?.patchMergeKey;
    const stray = mergeKey === undefined ? -1 : wanted.findIndex((entry) => !isFields(entry));
    if (stray >= 0) throw internalPatchError(`value for key ${stray} is not a map`);
    checkOrder((patched ?? []) as unknown[], wanted, mergeKey);
    if (original === undefined && patched === undefined) continue;
    const merged = mergeUnordered(original as unknown[] | undefined, patched as unknown[] | undefined, field);
    const listed = partition(merged, wanted, mergeKey);
    result[key] = ordered(listed, wanted, (original ?? []) as unknown[], mergeKey);
    delete patch[key];
  }
}

function mergeUnordered(
  original: unknown[] | undefined,
  patched: unknown[] | undefined,
  field: FieldSchema | undefined,
): unknown[] {
  if (patched === undefined) return original ?? [];
  if (original === undefined) return withoutDirectives(patched, false) as unknown[];
  const merges = field?.patchStrategy.includes('merge') ?? false;
  return merges ? mergeList(original, patched, field, false) : patched;
}

function mergeList(original: unknown[], patch: unknown[], field: FieldSchema | undefined, deletes: boolean): unknown[] {
  if (original.length === 0 && patch.length === 0) return original;
  checkElements(original, patch);
  const first = original[0] ?? patch[0];
  if (!isFields(first)) {
    if (deletes) return original.filter((value) => !patch.includes(value));
    const merged = [...new Set([...original, ...patch])];
    return ordered(partition(merged, patch, undefined), patch, original, undefined);
  }
  const key = field?.patchMergeKey;
  if (key === undefined || key === '') {
    throw internalPatchError(`cannot merge lists without merge key for ${field?.name ?? ''}`);
  }
  const special = handleDirectives(original as Fields[], patch as Fields[], key);
  const items = field?.type.shape === 'list' ? field.type.items : undefined;
  const merged = [...special.original];
  for (const entry of special.patch) {
    const wanted = keyOf(entry, key);
    const at = merged.findIndex((item) => item[key] === wanted);
    if (at >= 0) merged[at] = mergeMap(merged[at] as Fields, entry, items);
    else merged.push(entry);
  }
  return ordered(partition(merged, special.patch, key), special.patch, special.original, key);
}

/** Deletions are done, and a bare replacement makes the rest of the patch the list. */
function handleDirectives(
  original: readonly Fields[],
  patch: readonly Fields[],
  key: string,
): { original: readonly Fields[]; patch: readonly Fields[] } {
  let left = original;
  let replaces = false;
  const plain: Fields[] = [];
  for (const entry of patch) {
    const directive = entry[DIRECTIVE];
    if (directive === undefined) plain.push(entry);
    else if (directive === 'replace') replaces = true;
    else if (directive === 'delete') {
      const gone = keyOf(entry, key);
      left = left.filter((item) => item[key] !== gone);
    } else if (directive === 'merge') {
      throw internalPatchError('merging lists cannot yet be specified in the patch');
    } else throw unknownDirective(directive, entry);
  }
  return replaces ? { original: plain, patch: [] } : { original: left, patch: plain };
}

interface Parts {
  readonly named: unknown[];
  readonly others: unknown[];
}

/** Elements that a list names, and those that it does not. */
function partition(merged: readonly unknown[], by: readonly unknown[], key: string | undefined): Parts {
  const named: unknown[] = [];
  const others: unknown[] = [];
  for (const value of merged) {
    const id = key === undefined ? value : keyOf(value as Fields, key);
    const isNamed = by.some((other) => idOf(other, key) === id);
    (isNamed ? named : others).push(value);
  }
  return { named, others };
}

/** What the patch names follows its order, the rest the order of the server; both are interleaved as the server had them. */
function ordered(
  { named, others }: Parts,
  patchOrder: readonly unknown[],
  serverOrder: readonly unknown[],
  key: string | undefined,
): unknown[] {
  const left = sorted(others, serverOrder, key);
  const right = sorted(named, patchOrder, key);
  const place = (value: unknown): number => placeIn(serverOrder, value, key);
  const result: unknown[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length || j < right.length) {
    const takesLeft =
      j >= right.length ||
      (i < left.length && place(left[i]) >= 0 && place(right[j]) >= 0 && place(left[i]) < place(right[j]));
    result.push(takesLeft ? left[i++] : right[j++]);
  }
  return result;
}

/** Insertion sort, since the comparison is no order where an element is unknown and the outcome must be Go's. */
function sorted(list: readonly unknown[], order: readonly unknown[], key: string | undefined): unknown[] {
  if (key !== undefined) for (const item of [...list, ...order]) keyOf(item as Fields, key);
  const result = [...list];
  const less = (a: unknown, b: unknown): boolean => {
    const left = placeIn(order, a, key);
    const right = placeIn(order, b, key);
    return left >= 0 && right >= 0 ? left < right : true;
  };
  for (let i = 1; i < result.length; i++) {
    for (let j = i; j > 0 && less(result[j], result[j - 1]); j--) {
      [result[j], result[j - 1]] = [result[j - 1], result[j]];
    }
  }
  return result;
}

function placeIn(list: readonly unknown[], value: unknown, key: string | undefined): number {
  const id = idOf(value, key);
  return list.findIndex((other) => idOf(other, key) === id);
}

function idOf(value: unknown, key: string | undefined): unknown {
  return key === undefined ? value : isFields(value) ? value[key] : undefined;
}

function keyOf(entry: Fields, key: string): unknown {
  const value = entry[key];
  if (value === undefined) throw internalPatchError(`map: ${toGo(entry)} does not contain declared merge key: ${key}`);
  return value;
}

/** The patch must be in the order that it gives, and give the place of all its elements. */
function checkOrder(patched: readonly unknown[], order: readonly unknown[], key: string | undefined): void {
  if (order.length === 0 || patched.length === 0) return;
  const named =
    key === undefined ? patched : patched.filter((entry) => !(isFields(entry) && entry[DIRECTIVE] === 'delete'));
  let patchAt = 0;
  let orderAt = 0;
  while (patchAt < named.length && orderAt < order.length) {
    const entry = named[patchAt];
    if (isFields(entry) && entry[DIRECTIVE] !== undefined) {
      patchAt++;
      continue;
    }
    const same =
      key === undefined
        ? entry === order[orderAt]
        : keyOf(entry as Fields, key) === keyOf(order[orderAt] as Fields, key);
    if (same) patchAt++;
    orderAt++;
  }
  if (patchAt >= named.length) return;
  throw internalPatchError(
    `The order in patch list:\n${toGo(patched)}\n doesn't match ${ELEMENT_ORDER} list:\n${toGo(order)}\n`,
  );
}

function checkElements(original: readonly unknown[], patch: readonly unknown[]): void {
  let type: string | undefined;
  for (const value of [...original, ...patch]) {
    const own = goTypeOf(value);
    if (type === undefined && Array.isArray(value)) {
      throw unprocessablePatch(new Error('lists of lists are not supported'));
    }
    if (type !== undefined && type !== own) {
      throw internalPatchError(`list element types are not identical: [${toGo(original)} ${toGo(patch)}]`);
    }
    type = own;
  }
}

/** @returns a copy of the original with only what the patch retains; the directive is taken out of the patch. */
function retainKeys(original: Fields, patch: Fields): Fields {
  const keep = patch[RETAIN_KEYS];
  if (keep === undefined) return { ...original };
  delete patch[RETAIN_KEYS];
  const malformed = badRequest('invalid patch format of retainKeys');
  if (!Array.isArray(keep)) throw malformed;
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || key.startsWith(DELETE_PRIMITIVES) || key.startsWith(ELEMENT_ORDER)) continue;
    if (!keep.includes(key)) throw malformed;
  }
  return Object.fromEntries(Object.entries(original).filter(([key]) => keep.includes(key)));
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

/** A value as it is stored: maps with a directive go, and where it is all new, nulls too. @returns undefined for nothing. */
function withoutDirectives(value: unknown, dropsNulls: boolean): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => withoutDirectives(item, dropsNulls)).filter((item) => item !== undefined);
  }
  if (!isFields(value)) return value;
  if (value[DIRECTIVE] !== undefined) return undefined;
  const result: Fields = {};
  for (const [key, inner] of Object.entries(value)) {
    if (inner === null && dropsNulls) continue;
    const clean = withoutDirectives(inner, dropsNulls);
    if (clean !== undefined) result[key] = clean;
  }
  return result;
}

function afterPrefix(name: string, fault: string): string {
  const at = name.indexOf('/');
  if (at < 0) throw badRequest(fault);
  return name.slice(at + 1);
}

function unknownDirective(directive: unknown, entry: Fields): Error {
  const shown = typeof directive === 'string' ? directive : `%!s(${goTypeOf(directive)}=${toGo(directive)})`;
  return internalPatchError(`unknown patch type: ${shown} in map: ${toGo(entry)}`);
}

function goTypeOf(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (isFields(value)) return 'map[string]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  if (typeof value === 'bigint') return 'int64';
  if (typeof value === 'boolean') return 'bool';
  return value === null ? '%!s(<nil>)' : 'string';
}

/** A value as Go prints it: keys sorted, no quotes. */
function toGo(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toGo).join(' ')}]`;
  if (isFields(value)) {
    return `map[${Object.keys(value)
      .sort()
      .map((key) => `${key}:${toGo(value[key])}`)
      .join(' ')}]`;
  }
  return value === null || value === undefined ? '<nil>' : String(value);
}
