import { parseJson } from '../../machinery/codecs/json/parse.ts';
import { unwrapUnknown } from '../../machinery/codecs/protobuf/envelope.ts';
import { decodeProtobuf } from '../../machinery/codecs/protobuf/message-codec.ts';
import { parseYaml } from '../../machinery/codecs/yaml/parse.ts';
import { badRequest, StatusError } from '../../machinery/errors/status-error.ts';
import { type AnyObject, parseApiVersion, toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { typeNameOf } from '../../machinery/schema/builtin.ts';
import { decodeObject } from '../../machinery/schema/decode.ts';
import type { AuthenticatedCall, Call } from '../call.ts';
import { checkBodyKind, unrecognized } from './body-kind.ts';
import { addWarning } from './scope.ts';
import type { FieldValidation } from './write-options.ts';

const JSON_TYPE = 'application/json';
const YAML_TYPE = 'application/yaml';
const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';

/**
 * Reads the object of a request: JSON, YAML or protobuf, in the version of the path, with the kind's defaults. What it
 * returns is nobody else's. Unknown and repeated fields are refused, told of or ignored, as the request wishes.
 * @throws StatusError 400, 413, 415
 *
 * Source: apiserver `pkg/endpoints/handlers/create.go`, `rest.go` (transformDecodeError).
 */
export async function decodeBody(
  call: AuthenticatedCall,
  definition: ResourceDefinition,
  fieldValidation: FieldValidation,
): Promise<AnyObject> {
  if (call.direct !== undefined) return withDefaults(toObject(call.direct.body, definition).object, definition);
  const mediaType = mediaTypeOf(call, definition);
  const bytes = await call.body();
  if (mediaType === PROTOBUF_TYPE) return withDefaults(fromProtobuf(bytes, definition), definition);
  const strict = fieldValidation !== 'Ignore';
  const parsed = parseText(mediaType, bytes, definition, {
    findDuplicates: strict,
    intoStructs: definition.origin === 'builtin',
  });
  checkBodyKind(parsed.value, definition, bytes);
  const { object, unknown } = toObject(parsed.value, definition);
  const isCustom = definition.origin === 'custom';
  const strangers = (isCustom ? inPruningOrder(unknown) : unknown).map(
    (path) => `unknown field ${JSON.stringify(path)}`,
  );
  const { duplicates } = parsed;
  if (mediaType !== YAML_TYPE) {
    const faults = isCustom
      ? [...duplicates, ...strangers]
      : [...strangers, ...duplicates].slice(0, MOST_STRICT_FAULTS);
    reportFields(call, definition, fieldValidation, faults);
  } else reportFields(call, definition, fieldValidation, [...yamlFaults(duplicates, fieldValidation), ...strangers]);
  return withDefaults(object, definition);
}

/** Repeated keys of YAML are one fault in an error, and a sentence each in warnings. */
function yamlFaults(duplicates: readonly string[], fieldValidation: FieldValidation): readonly string[] {
  if (duplicates.length === 0 || fieldValidation === 'Warn') return duplicates;
  return [`yaml: unmarshal errors:\n  ${duplicates.join('\n  ')}`];
}

/** Source: sigs.k8s.io/json (strict decoding errors are counted no further). */
const MOST_STRICT_FAULTS = 100;

/** Metadata of custom objects is read before the rest is pruned, and what was pruned is told of in order. */
function inPruningOrder(unknown: readonly string[]): readonly string[] {
  const isMeta = (path: string): boolean => path.startsWith('metadata.');
  return [...unknown.filter(isMeta), ...unknown.filter((path) => !isMeta(path)).sort()];
}

/** The kind's defaults, in place. */
export function withDefaults(object: AnyObject, definition: ResourceDefinition): AnyObject {
  definition.strategy.applyDefaults?.(object);
  return object;
}

/** Checks a value against the kind and sets `apiVersion` and `kind`. */
export function toObject(
  value: unknown,
  definition: ResourceDefinition,
): { readonly object: AnyObject; readonly unknown: readonly string[] } {
  const typed = { ...((value ?? {}) as object), apiVersion: toApiVersion(definition), kind: definition.kind };
  if (definition.origin === 'custom') checkCustomMetadata(value, definition);
  const { object, unknown } = decodeObject(typed, definition.schema, { unknownFields: 'drop' });
  object.apiVersion = typed.apiVersion;
  object.kind = typed.kind;
  object.metadata ??= {};
  return { object, unknown };
}

/** Metadata of custom objects is read by itself. */
function checkCustomMetadata(value: unknown, { kind, version }: ResourceDefinition): void {
  const metadata = (value as { readonly metadata?: unknown } | null | undefined)?.metadata ?? {};
  if (typeof metadata === 'object' && !Array.isArray(metadata)) return;
  const type = Array.isArray(metadata) ? 'array' : typeof metadata === 'boolean' ? 'bool' : typeof metadata;
  const why = `json: cannot unmarshal ${type} into Go value of type v1.ObjectMeta`;
  throw badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`);
}

/** Refuses or tells of fields that are unknown or stand twice. */
export function reportFields(
  call: AuthenticatedCall,
  definition: ResourceDefinition,
  fieldValidation: FieldValidation,
  faults: readonly string[],
): void {
  if (faults.length === 0 || fieldValidation === 'Ignore') return;
  if (fieldValidation === 'Warn') {
    for (const fault of faults) addWarning(call, fault);
    return;
  }
  const { kind, version } = definition;
  throw badRequest(
    `${kind} in version "${version}" cannot be handled as a ${kind}: strict decoding error: ${faults.join(', ')}`,
  );
}

/** The media type of a body, JSON where none is named. @throws StatusError 415 */
function mediaTypeOf(call: Call, definition: ResourceDefinition): string {
  const given = (call.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const accepted = [JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE];
  if (given === '') return JSON_TYPE;
  // Upstream promises protobuf for custom objects too, and has none.
  if (accepted.includes(given) && (given !== PROTOBUF_TYPE || definition.origin === 'builtin')) return given;
  throw unsupportedMediaType(accepted);
}

export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return new StatusError({ code: 415, reason: 'UnsupportedMediaType', message });
}

function parseText(
  mediaType: string,
  bytes: Buffer,
  definition: ResourceDefinition,
  options: { findDuplicates: boolean; intoStructs: boolean },
): { readonly value: unknown; readonly duplicates: readonly string[] } {
  try {
    if (mediaType === YAML_TYPE) return parseYaml(bytes);
    const { value, duplicates } = parseJson(bytes, options);
    return { value, duplicates: duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`) };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const why =
      mediaType === YAML_TYPE
        ? text.replace(/^error converting YAML to JSON: /, '')
        : `couldn't get version/kind; json parse error: ${text}`;
    throw unrecognized(definition, why, bytes);
  }
}

function fromProtobuf(bytes: Buffer, definition: ResourceDefinition): AnyObject {
  let envelope: ReturnType<typeof unwrapUnknown>;
  try {
    envelope = unwrapUnknown(bytes);
  } catch (error) {
    throw unrecognized(definition, error instanceof Error ? error.message : String(error), bytes);
  }
  const { apiVersion, kind } = envelope;
  checkBodyKind({ ...(apiVersion === '' ? {} : { apiVersion }), ...(kind === '' ? {} : { kind }) }, definition, bytes);
  const typeName = typeNameOf(toApiVersion(definition), definition.kind) ?? definition.schema.typeName;
  if (typeName === undefined) throw unsupportedMediaType([JSON_TYPE, YAML_TYPE]);
  try {
    return toObject(decodeProtobuf(envelope.raw, typeName), definition).object;
  } catch (error) {
    if (error instanceof StatusError) throw error;
    const { version } = parseApiVersion(apiVersion);
    const text = error instanceof Error ? error.message : String(error);
    throw badRequest(`${kind} in version "${version}" cannot be handled as a ${definition.kind}: ${text}`);
  }
}
