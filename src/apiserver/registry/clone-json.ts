import { setOwnField } from '../../machinery/values/own-field.ts';

/** A private copy of a JSON value; fields that are undefined are left out. Much quicker than `structuredClone`. */
export function cloneJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(cloneJson) as T;
  const copy: Record<string, unknown> = {};
  for (const key in value) {
    const inner = (value as Record<string, unknown>)[key];
    if (inner !== undefined) setOwnField(copy, key, typeof inner === 'object' ? cloneJson(inner) : inner);
  }
  return copy as T;
}
