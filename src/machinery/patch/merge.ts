import { setOwnField } from '../values/own-field.ts';

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Applies a merge patch: null removes, objects are merged, everything else replaces. Source: RFC 7396. */
export function applyMergePatch<T>(target: T, patch: unknown): T {
  if (!isFields(patch)) return patch as T;
  const result: Fields = isFields(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setOwnField(result, key, applyMergePatch(Object.hasOwn(result, key) ? result[key] : undefined, value));
  }
  return result as T;
}
