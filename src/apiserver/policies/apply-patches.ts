import { type CelValue, isList, isObject } from '../../machinery/cel/values.ts';
import { internalError, StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { checkTyped } from '../../machinery/patch/apply/check-typed.ts';
import { mergeTyped } from '../../machinery/patch/apply/typed.ts';
import { applyJsonPatch } from '../../machinery/patch/json-patch.ts';
import type { TypeSchema } from '../../machinery/schema/type-schema.ts';
import { toObject } from '../verbs/decode-body.ts';
import { checkTypeNames, toJson } from './patch-values.ts';

/**
 * Lays what an expression wrote over the object, as server-side apply merges it; nobody comes to own the fields.
 * @throws Error in upstream's words where it does not fit, or would replace lists and maps that are one value
 * Source: apiserver `admission/plugin/policy/mutating/patch/smd.go`.
 */
export function applyConfiguration(object: AnyObject, value: CelValue, { schema }: ResourceDefinition): AnyObject {
  if (value === null || typeof value !== 'object' || !isObject(value)) {
    throw new Error('unsupported return type from ApplyConfiguration expression');
  }
  checkTypeNames(value);
  const { apiVersion, kind } = object;
  const applied = { ...(toJson(value) as Record<string, unknown>), apiVersion, kind };
  try {
    checkTyped(applied, schema);
  } catch (error) {
    throw new Error(`error applying patch: failed to convert patch object to typed object: ${textOf(error)}`);
  }
  const atomics = findAtomics('', applied, schema);
  if (atomics.length > 0) {
    const what = `may not mutate atomic arrays, maps or structs: ${atomics.join(', ')}`;
    throw new Error(`error applying patch: invalid ApplyConfiguration: ${what}`);
  }
  try {
    return mergeTyped(object, applied, schema) as AnyObject;
  } catch (error) {
    throw new Error(`error applying patch: failed to merge patch: ${textOf(error)}`);
  }
}

/** Paths of values that can only be replaced as a whole. What keys of maps hold is not looked at, as upstream does not. */
function findAtomics(path: string, value: unknown, type: TypeSchema): readonly string[] {
  if (value === null || typeof value !== 'object') return [];
  if (Array.isArray(value)) {
    const isAtomic = type.shape === 'list' ? type.listType === 'atomic' : type.shape === 'opaque';
    const own = isAtomic ? [path] : [];
    if (type.shape !== 'list') return own;
    return [...own, ...value.flatMap((item, at) => findAtomics(`${path}[${at}]`, item, type.items))];
  }
  if (type.shape === 'opaque') return type.granular === true ? [] : [path];
  if (type.shape !== 'object' && type.shape !== 'map') return [];
  const own = type.atomic ? [path] : [];
  if (type.shape === 'map') return own;
  const fields = Object.entries(value).flatMap(([key, inner]) => {
    const field = type.fields.get(key);
    return field === undefined ? [] : findAtomics(`${path}.${key}`, inner, field.type);
  });
  return [...own, ...fields];
}

/**
 * Applies the operations that an expression wrote. One that tests in vain leaves the object as it is.
 * @throws Error in upstream's words; StatusError 500 where the result is no object of its kind
 * Source: apiserver `admission/plugin/policy/mutating/patch/json_patch.go`.
 */
export function applyOperations(object: AnyObject, value: CelValue, definition: ResourceDefinition): AnyObject {
  if (typeof value !== 'object' || value === null || !isList(value)) {
    throw new Error('type mismatch: JSONPatchType.expression should evaluate to array');
  }
  const operations = value.map(toOperation);
  let patched: AnyObject;
  try {
    patched = applyJsonPatch(object, operations);
  } catch (error) {
    const cause = error instanceof StatusError ? error.cause : error;
    const why = textOf(cause);
    if (/^testing value .* failed$/s.test(why)) return object;
    throw new Error(`JSON Patch: ${why}`);
  }
  try {
    const { object: decoded, unknown } = toObject(patched, definition);
    if (definition.origin === 'custom' || unknown.length === 0) return decoded;
    const fields = unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
    throw new Error(`strict decoding error: ${fields.join(', ')}`);
  } catch (error) {
    throw internalError(error instanceof StatusError && error.cause instanceof Error ? error.cause : error);
  }
}

function toOperation(value: CelValue): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || !isObject(value)) {
    throw new Error('type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch');
  }
  const from = value.find('from');
  const given = value.find('value');
  const operation: Record<string, unknown> = { op: value.find('op') ?? '', path: value.find('path') ?? '' };
  if (from !== undefined && from !== '') operation['from'] = from;
  if (given === undefined) return operation;
  if (given !== null && typeof given === 'object' && isObject(given)) checkTypeNames(given);
  try {
    operation['value'] = toJson(given);
  } catch (error) {
    throw new Error(`JSONPath valueExpression evaluated to a type that could not marshal to JSON: ${textOf(error)}`);
  }
  return operation;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
