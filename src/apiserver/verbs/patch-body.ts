import { parseJson } from '../../machinery/codecs/json/parse.ts';
import { parseYaml } from '../../machinery/codecs/yaml/parse.ts';
import { badRequest, StatusError } from '../../machinery/errors/status-error.ts';
import { parseApiVersion, toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { MAX_JSON_PATCH_OPERATIONS } from '../../machinery/patch/json-patch.ts';
import type { AuthenticatedCall } from '../call.ts';
import { unsupportedMediaType } from './decode-body.ts';
import type { FieldValidation } from './write-options.ts';

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

const mediaTypes: Readonly<Record<string, PatchType>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

/** A patch as it was sent, read but not applied. */
export interface PatchBody {
  readonly type: PatchType;
  /** Operations of a JSON patch, an object else. */
  readonly value: unknown;
  /** Sentences on fields that stand twice, or that a JSON patch does not know. */
  readonly faults: readonly string[];
}

/** The kind of patch that the Content-Type names. @throws StatusError 415 */
export function patchTypeOf(call: AuthenticatedCall, definition: ResourceDefinition): PatchType {
  const given = (call.header('content-type') ?? '').split(';')[0]?.trim() ?? '';
  const type = mediaTypes[given];
  if (definition.origin === 'custom') {
    if (type !== undefined && type !== 'strategic') return type;
    throw unsupportedMediaType(Object.keys(mediaTypes).filter((name) => mediaTypes[name] !== 'strategic'));
  }
  if (type !== undefined) return type;
  const message = '415: Unsupported Media Type';
  throw new StatusError({ code: 415, reason: 'UnsupportedMediaType', message, details: {} });
}

/**
 * Reads the patch.
 * @param fieldValidation - JSON patches are read more loosely where nobody wants to hear of their faults.
 * @throws StatusError 400, 413
 */
export async function readPatch(
  call: AuthenticatedCall,
  type: PatchType,
  fieldValidation: FieldValidation,
): Promise<PatchBody> {
  const audit = call.trace?.audit;
  if (call.direct !== undefined) {
    audit?.requestPatch(JSON.stringify(call.direct.body) ?? '');
    return { type, value: call.direct.body, faults: [] };
  }
  const bytes = await call.body();
  audit?.requestPatch(bytes);
  if (type === 'apply') return readApply(bytes);
  const prefix = type === 'strategic' ? '' : 'error decoding patch: ';
  const { value, duplicates } = parse(bytes, prefix);
  const twice = duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`);
  if (type === 'json') {
    checkOperations(value, fieldValidation);
    return {
      type,
      value: value ?? [],
      faults: [...unknownParts(value), ...twice].map((fault) => `json patch ${fault}`),
    };
  }
  if (value === null && type === 'merge') throw badRequest('Invalid JSON Patch');
  // To Go, no map is an empty one.
  if (value === null) return { type, value: {}, faults: [] };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest(
      `${prefix}json: cannot unmarshal ${jsonTypeOf(value)} into Go value of type map[string]interface {}`,
    );
  }
  return { type, value, faults: twice };
}

function parse(bytes: Buffer, prefix: string): { value: unknown; duplicates: readonly string[] } {
  try {
    return parseJson(bytes, { findDuplicates: true });
  } catch (error) {
    throw badRequest(`${prefix}${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function checkOperations(value: unknown, fieldValidation: FieldValidation): void {
  const isLoose = fieldValidation === 'Ignore';
  const prefix = isLoose ? '' : 'error decoding patch: ';
  const fail = (found: unknown, type: string): never => {
    throw badRequest(`${prefix}json: cannot unmarshal ${jsonTypeOf(found)} into Go ${type}`);
  };
  if (value === null) return;
  if (!Array.isArray(value))
    return fail(value, `value of type ${isLoose ? 'jsonpatch.Patch' : '[]handlers.jsonPatchOp'}`);
  if (value.length > MAX_JSON_PATCH_OPERATIONS) {
    const message = `The allowed maximum operations in a JSON patch is ${MAX_JSON_PATCH_OPERATIONS}, got ${value.length}`;
    throw new StatusError({ code: 413, reason: 'RequestEntityTooLarge', message });
  }
  for (const operation of value as unknown[]) {
    if (operation === null) continue;
    if (typeof operation !== 'object' || Array.isArray(operation)) {
      return fail(operation, `value of type ${isLoose ? 'jsonpatch.Operation' : 'handlers.jsonPatchOp'}`);
    }
    if (isLoose) continue;
    for (const field of ['op', 'path', 'from']) {
      const text = (operation as Readonly<Record<string, unknown>>)[field] ?? '';
      if (typeof text !== 'string') return fail(text, `struct field jsonPatchOp.${field} of type string`);
    }
  }
}

const operationFields = new Set(['op', 'path', 'from', 'value']);

function unknownParts(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((operation: unknown, index) => {
    if (typeof operation !== 'object' || operation === null) return [];
    const unknown = Object.keys(operation).filter((field) => !operationFields.has(field));
    return unknown.map((field) => `unknown field ${JSON.stringify(`[${index}].${field}`)}`);
  });
}

function readApply(bytes: Buffer): PatchBody {
  let parsed: ReturnType<typeof parseYaml>;
  try {
    parsed = parseYaml(bytes);
  } catch (error) {
    throw badRequest(`error decoding YAML: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  const value = parsed.value ?? {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    const text = `json: cannot unmarshal ${jsonTypeOf(value)} into Go value of type map[string]interface {}`;
    throw badRequest(`error decoding YAML: error unmarshaling JSON: while decoding JSON: ${text}`);
  }
  return { type: 'apply', value, faults: parsed.duplicates };
}

/** @throws StatusError 400 where an applied configuration is of another kind than the path's */
export function checkAppliedKind(value: unknown, definition: ResourceDefinition): void {
  const { apiVersion, kind } = textsOf(value as Readonly<Record<string, unknown>>);
  if (apiVersion === toApiVersion(definition) && kind === definition.kind) return;
  const { group, version } = parseApiVersion(apiVersion);
  throw badRequest(`invalid object type: ${group}/${version}, Kind=${kind}`);
}

/** What is no text counts as absent. Source: apimachinery `unstructured` (GetAPIVersion, GetKind). */
function textsOf({ apiVersion, kind }: Readonly<Record<string, unknown>>): { apiVersion: string; kind: string } {
  return {
    apiVersion: typeof apiVersion === 'string' ? apiVersion : '',
    kind: typeof kind === 'string' ? kind : '',
  };
}

function jsonTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : value === null ? 'null' : typeof value;
}
