import { setOwnField } from '../values/own-field.ts';
import { unprocessablePatch } from './patch-error.ts';

/** Operations in one patch. Source: apiserver `handlers/patch.go` (maxJSONPatchOperations). */
export const MAX_JSON_PATCH_OPERATIONS = 10_000;

/** What all copies of one patch may add up to. Source: apiserver `pkg/server/config.go` (JSONPatchMaxCopyBytes). */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;

interface Work {
  root: unknown;
  copiedBytes: number;
}

type Container = Record<string, unknown> | unknown[];

interface Place {
  readonly container: Container;
  readonly key: string;
}

/**
 * Applies RFC 6902 operations to a copy of the document, as upstream's library does: replacing what is not there adds
 * it, testing for null accepts absence, indexes may be negative, and what stands before the first slash is ignored.
 *
 * @throws StatusError 422 where an operation is unknown, names nothing, or tests in vain; nothing is applied then.
 *
 * Source: evanphx/json-patch v4 `patch.go`.
 */
export function applyJsonPatch<T>(document: T, patch: readonly unknown[]): T {
  const holder: Work = { root: structuredClone(document) as unknown, copiedBytes: 0 };
  for (const operation of patch) {
    try {
      applyOperation(holder, (operation ?? {}) as Record<string, unknown>);
    } catch (error) {
      throw unprocessablePatch(error);
    }
  }
  return holder.root as T;
}

function applyOperation(holder: Work, operation: Record<string, unknown>): void {
  // A field that is left out is one that is null.
  const { op, value = null } = operation;
  const path = pointer(operation, 'path');
  switch (op) {
    case 'add':
      return add(place(holder.root, path), structuredClone(value));
    case 'remove':
      return remove(place(holder.root, path));
    case 'replace':
      return replace(holder, path, structuredClone(value));
    case 'move': {
      const from = place(holder.root, pointer(operation, 'from'));
      const moved = get(from);
      remove(from);
      return add(place(holder.root, path), moved ?? null);
    }
    case 'copy': {
      const copied = get(place(holder.root, pointer(operation, 'from'))) ?? null;
      holder.copiedBytes += JSON.stringify(copied).length;
      if (holder.copiedBytes > MAX_COPIED_BYTES) {
        const sizes = `${holder.copiedBytes}, exceeding the limit ${MAX_COPIED_BYTES}`;
        throw new Error(`Unable to complete the copy, the accumulated size increase of copy is ${sizes}`);
      }
      return add(place(holder.root, path), structuredClone(copied));
    }
    case 'test': {
      const found = path === '' ? holder.root : get(place(holder.root, path));
      if (!isSame(found ?? null, value)) throw new Error(`testing value ${path} failed`);
      return;
    }
    default:
      throw new Error(`Unexpected kind: ${String(op)}`);
  }
}

function pointer(operation: Record<string, unknown>, name: 'path' | 'from'): string {
  const value = operation[name];
  if (typeof value !== 'string') throw new Error(`operation missing ${name} field`);
  return value;
}

/** What holds the value that a pointer names. */
function place(root: unknown, path: string): Place {
  const [, ...parts] = path.split('/');
  const key = parts.pop();
  if (key === undefined) throw new Error(`doc is missing path: ${JSON.stringify(path)}`);
  let container = root;
  for (const part of parts) {
    if (!isContainer(container)) throw new Error(`doc is missing path: ${JSON.stringify(path)}`);
    container = get({ container, key: unescaped(part) });
  }
  if (!isContainer(container)) throw new Error(`doc is missing path: ${JSON.stringify(path)}`);
  return { container, key: unescaped(key) };
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}

function unescaped(part: string): string {
  return part.replace(/~1|~0/g, (escaped) => (escaped === '~1' ? '/' : '~'));
}

function get({ container, key }: Place): unknown {
  if (!Array.isArray(container)) return Object.hasOwn(container, key) ? container[key] : undefined;
  return container[indexOf(key, container.length, container.length - 1)];
}

function add({ container, key }: Place, value: unknown): void {
  if (!Array.isArray(container)) setOwnField(container, key, value);
  else if (key === '-') container.push(value);
  else container.splice(indexOf(key, container.length + 1, container.length), 0, value);
}

function remove({ container, key }: Place): void {
  if (Array.isArray(container)) {
    container.splice(indexOf(key, container.length, container.length - 1), 1);
    return;
  }
  if (!Object.hasOwn(container, key)) throw new Error(`Unable to remove nonexistent key: ${key}`);
  delete container[key];
}

function replace(holder: { root: unknown }, path: string, value: unknown): void {
  if (path === '') {
    if (!isContainer(value)) throw new Error('replace operation value must be object or array');
    holder.root = value;
    return;
  }
  const { container, key } = place(holder.root, path);
  if (Array.isArray(container)) container[indexOf(key, container.length, container.length - 1)] = value;
  else setOwnField(container, key, value);
}

/** @param size - What a negative index counts from. */
function indexOf(key: string, size: number, last: number): number {
  if (!/^[+-]?\d+$/.test(key)) throw new Error(`value was not a proper array index: '${key}'`);
  const number = Number(key);
  const index = number < 0 ? number + size : number;
  if (index < 0 || index > last) throw new Error(`Unable to access invalid index: ${number}`);
  return index;
}

function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (!isContainer(a) || !isContainer(b) || Array.isArray(a) !== Array.isArray(b)) return false;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => isSame(left[key], right[key]));
}
