import { applyPatch, type Operation } from 'rfc6902';
import { unprocessablePatch } from './patch-error.ts';

const operations = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

/** Operations in one patch. Source: apiserver `handlers/patch.go` (maxJSONPatchOperations). */
export const MAX_JSON_PATCH_OPERATIONS = 10_000;

/**
 * Applies RFC 6902 operations to a copy of the document.
 *
 * @throws StatusError 422 where an operation is unknown, names nothing, or tests in vain; nothing is applied then.
 */
export function applyJsonPatch<T>(document: T, patch: readonly unknown[]): T {
  const holder = { root: structuredClone(document) as unknown };
  for (const operation of patch) {
    if (!isOperation(operation)) throw unprocessablePatch(new Error('unknown operation'));
    if (operation.path === '') {
      holder.root = applyToRoot(holder.root, operation);
      continue;
    }
    const [error] = applyPatch(holder.root, [operation]);
    if (error) throw unprocessablePatch(error);
  }
  return holder.root as T;
}

function isOperation(value: unknown): value is Operation {
  if (typeof value !== 'object' || value === null) return false;
  const { op, path } = value as { op?: unknown; path?: unknown };
  return typeof op === 'string' && operations.has(op) && typeof path === 'string';
}

/** The empty path is the whole document, which the library cannot replace in place. */
function applyToRoot(root: unknown, operation: Operation): unknown {
  if (operation.op === 'add' || operation.op === 'replace') return structuredClone(operation.value);
  const [error] = applyPatch({ root }, [{ ...operation, path: '/root' } as Operation]);
  if (error || operation.op !== 'test')
    throw unprocessablePatch(error ?? new Error(`${operation.op} of the whole document`));
  return root;
}
