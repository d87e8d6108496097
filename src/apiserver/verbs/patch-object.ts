import { isDeepStrictEqual } from 'node:util';
import { fieldInvalid, quoteGo } from '../../machinery/errors/field-error.ts';
import { invalid, StatusError } from '../../machinery/errors/status-error.ts';
import { type AnyObject, parseApiVersion, toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { applyJsonPatch } from '../../machinery/patch/json-patch.ts';
import { applyMergePatch } from '../../machinery/patch/merge.ts';
import { applyStrategicMergePatch, PatchResultError } from '../../machinery/patch/strategic.ts';
import { builtinShape, typeNameOf } from '../../machinery/schema/builtin.ts';
import { decodeObject } from '../../machinery/schema/decode.ts';
import { TypeMismatchError } from '../../machinery/schema/type-mismatch.ts';
import { unstructuredFault } from '../../machinery/schema/unstructured-fault.ts';
import { wrapNumbers } from '../../machinery/schema/wrap-numbers.ts';
import type { AuthenticatedCall } from '../call.ts';
import { withDefaults } from './decode-body.ts';
import { goText } from './go-text.ts';
import type { PatchBody } from './patch-body.ts';
import { addWarning } from './scope.ts';
import type { FieldValidation } from './write-options.ts';

/**
 * The object after a JSON, merge or strategic merge patch: private, decoded and with defaults.
 * @throws StatusError 422 where the patch or its result does not fit
 */
export function patchObject(
  call: AuthenticatedCall,
  definition: ResourceDefinition,
  patch: PatchBody,
  fieldValidation: FieldValidation,
  previous: AnyObject,
): AnyObject {
  const result = applyTo(previous, patch, definition);
  // Upstream shows the result of JSON and merge patches as text, and strategic patches as Go prints maps.
  const shown = (): string => (patch.type === 'strategic' ? goText(patch.value) : toText(result));
  checkType(result, definition, shown);
  const { object, unknown } = decode(result, definition, shown, patch.type === 'strategic');
  const faults =
    fieldValidation === 'Ignore'
      ? []
      : [...patch.faults, ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`)];
  if (faults.length > 0 && fieldValidation === 'Strict') {
    throw invalidPatch(shown(), `strict decoding error: ${faults.join(', ')}`);
  }
  for (const fault of faults) addWarning(call, fault);
  return withDefaults(object, definition);
}

function applyTo(previous: AnyObject, patch: PatchBody, definition: ResourceDefinition): unknown {
  switch (patch.type) {
    case 'json':
      return applyJsonPatch(previous, patch.value as readonly unknown[]);
    case 'merge':
      return applyMergePatch(previous, patch.value);
    default:
      try {
        return applyStrategicMergePatch(previous, patch.value, definition.schema);
      } catch (error) {
        if (!(error instanceof PatchResultError)) throw error;
        throw invalidPatch(goText(patch.value), error.message);
      }
  }
}

function checkType(result: unknown, definition: ResourceDefinition, shown: () => string): void {
  const { apiVersion, kind } = (result ?? {}) as { apiVersion?: unknown; kind?: unknown };
  if (definition.origin === 'custom') return checkCustomType(result as AnyObject, definition, shown);
  for (const [field, text] of [
    ['apiVersion', apiVersion],
    ['kind', kind],
  ] as const) {
    if (text === undefined || text === null || typeof text === 'string') continue;
    const type = Array.isArray(text) ? 'array' : typeof text === 'boolean' ? 'bool' : typeof text;
    const why = `json: cannot unmarshal ${type} into Go struct field .${field} of type string`;
    throw invalidPatch(shown(), `couldn't get version/kind; json parse error: ${why}`);
  }
  const expected = toApiVersion(definition);
  const [givenVersion, givenKind] = [String(apiVersion || expected), String(kind || definition.kind)];
  if (givenVersion === expected && givenKind === definition.kind) return;
  throw invalidPatch(shown(), otherTypeFault(result, definition, givenVersion, givenKind));
}

/** Custom objects say what they are. Source: apiextensions-apiserver `customresource_handler.go` (schemaCoercingDecoder). */
function checkCustomType(result: AnyObject, definition: ResourceDefinition, shown: () => string): void {
  const { apiVersion = '', kind = '' } = (result ?? {}) as Partial<AnyObject>;
  if (!kind) throw invalidPatch(shown(), `Object 'Kind' is missing in '${JSON.stringify(result, inOrder)}'`);
  const expected = toApiVersion(definition);
  if (apiVersion === expected && kind === definition.kind) return;
  const isOtherVersion = apiVersion !== expected;
  const fault = isOtherVersion
    ? fieldInvalid('apiVersion', apiVersion, `must be ${expected}`)
    : fieldInvalid('kind', kind, `must be ${definition.kind}`);
  const { group } = parseApiVersion(apiVersion);
  throw invalid({ group, kind }, result.metadata?.name ?? '', [fault]);
}

/** Upstream reads the result as what it says it is, and then fails to convert it. */
function otherTypeFault(result: unknown, definition: ResourceDefinition, apiVersion: string, kind: string): string {
  const typeName = typeNameOf(apiVersion, kind);
  if (typeName === undefined) {
    return `no kind ${quoteGo(kind)} is registered for version ${quoteGo(apiVersion)} in scheme "pkg/api/legacyscheme/scheme.go:30"`;
  }
  try {
    decodeObject(result, builtinShape(typeName), { unknownFields: 'drop' });
  } catch (error) {
    if (error instanceof StatusError && error.cause instanceof TypeMismatchError) return error.cause.message;
  }
  const { version } = parseApiVersion(apiVersion);
  const { group } = definition;
  const own = group === '' ? 'core' : group.split('.')[0];
  return `converting (${version}.${kind}) to (${own}.${definition.kind}): unknown conversion`;
}

function decode(
  result: unknown,
  definition: ResourceDefinition,
  shown: () => string,
  isStrategic: boolean,
): ReturnType<typeof decodeObject> {
  const typed = { ...(result as object), apiVersion: toApiVersion(definition), kind: definition.kind };
  try {
    const { object, unknown } = decodeObject(typed, definition.schema, { unknownFields: 'drop' });
    object.metadata ??= {};
    return { object, unknown: inTextOrder(unknown, isStrategic) };
  } catch (error) {
    if (error instanceof StatusError && error.cause instanceof TypeMismatchError) {
      const fault = isStrategic ? unstructuredFault(typed, definition.schema) : undefined;
      if (fault !== undefined) throw invalidPatch(shown(), fault);
      const wrapped = isStrategic ? wrapNumbers(typed, definition.schema) : typed;
      if (!isDeepStrictEqual(wrapped, typed)) return decode(wrapped, definition, shown, isStrategic);
      // Strategic patches are maps, whose bytes go through JSON once more.
      const prefix =
        isStrategic && error.cause.message.startsWith('illegal base64') ? 'error decoding from json: ' : '';
      throw invalidPatch(shown(), `${prefix}${error.cause.message}`);
    }
    throw error;
  }
}

/** Upstream writes what a patch made with its keys sorted before it reads it; faults of maps it sorts as they are. */
function inTextOrder(unknown: readonly string[], isStrategic: boolean): readonly string[] {
  if (unknown.length < 2) return unknown;
  if (isStrategic) return [...unknown].sort();
  const pieces = (path: string): readonly string[] => path.split(/\.|(?=\[)/);
  return [...unknown].sort((a, b) => comparePaths(pieces(a), pieces(b)));
}

function comparePaths(a: readonly string[], b: readonly string[]): number {
  for (const [index, piece] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    if (piece === other) continue;
    const isIndex = piece.startsWith('[') && other.startsWith('[');
    if (isIndex) return Number.parseInt(piece.slice(1), 10) - Number.parseInt(other.slice(1), 10);
    return piece < other ? -1 : 1;
  }
  return a.length - b.length;
}

/** Maps are written with sorted keys. */
function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function toText(result: unknown): string {
  const { apiVersion, ...rest } = (result ?? {}) as Record<string, unknown>;
  return `${JSON.stringify({ apiVersion, ...rest })}`;
}

/** A fault that upstream gives no kind and no name. */
function invalidPatch(shown: string, why: string): StatusError {
  const text = `Invalid value: ${JSON.stringify(shown)}: ${why}`;
  return new StatusError({
    code: 422,
    reason: 'Invalid',
    message: ` "" is invalid: patch: ${text}`,
    details: { causes: [{ reason: 'FieldValueInvalid', message: text, field: 'patch' }] },
  });
}
