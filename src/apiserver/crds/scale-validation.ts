import type { CustomResourceSubresourceScale } from '../../generated/api/apiextensions/v1.ts';
import { type FieldError, fieldInvalid } from '../../machinery/errors/field-error.ts';
import { isFields, ownOf } from '../../machinery/schema/json-values.ts';

const MAX_INT32 = 2 ** 31 - 1;

type Scale = CustomResourceSubresourceScale | undefined;

/** Whether a scale can be made of an object. Source: apiextensions-apiserver `pkg/registry/customresource/validator.go`. */
export function specScaleFaults(object: unknown, scale: Scale): readonly FieldError[] {
  return scale === undefined ? [] : countFaults(object, scale.specReplicasPath ?? '');
}

export function statusScaleFaults(object: unknown, scale: Scale): readonly FieldError[] {
  if (scale === undefined) return [];
  const faults = [...countFaults(object, scale.statusReplicasPath ?? '')];
  const { labelSelectorPath } = scale;
  if (labelSelectorPath === undefined || labelSelectorPath === null) return faults;
  const found = find(object, labelSelectorPath, 'string');
  if ('error' in found) faults.push(fieldInvalid(labelSelectorPath, '', found.error));
  return faults;
}

function countFaults(object: unknown, path: string): readonly FieldError[] {
  const found = find(object, path, 'int64');
  if ('error' in found) return [fieldInvalid(path, 0, found.error)];
  const value = (found.value ?? 0) as number;
  if (value < 0) return [fieldInvalid(path, value, 'should be a non-negative integer')];
  return value > MAX_INT32 ? [fieldInvalid(path, value, `should be less than or equal to ${MAX_INT32}`)] : [];
}

/** Follows a dotted path with Go's words for what stands in the way. Source: apimachinery `unstructured/helpers.go`. */
function find(object: unknown, path: string, wanted: 'int64' | 'string'): { value?: unknown } | { error: string } {
  const names = path.replace(/^\./, '').split('.');
  const stop = (at: number, value: unknown, type: string): { error: string } => ({
    error: `.${names.slice(0, at).join('.')} accessor error: ${goText(value)} is of the type ${goType(value)}, expected ${type}`,
  });
  let value = object;
  for (const [at, name] of names.entries()) {
    if (value === null) return {};
    if (!isFields(value)) return stop(at + 1, value, 'map[string]interface{}');
    const inner = ownOf(value, name);
    if (inner === undefined) return {};
    value = inner;
  }
  const fits = wanted === 'string' ? typeof value === 'string' : Number.isSafeInteger(value);
  return fits ? { value } : stop(names.length, value, wanted);
}

function goType(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  if (typeof value === 'bigint') return 'int64';
  return typeof value === 'object' ? 'map[string]interface {}' : 'string';
}

function goText(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (!isFields(value)) return String(value);
  const parts = Object.keys(value)
    .sort()
    .map((name) => `${name}:${goText(value[name])}`);
  return `map[${parts.join(' ')}]`;
}
