import { parseJson } from '../../machinery/codecs/json/parse.ts';
import { unwrapUnknown } from '../../machinery/codecs/protobuf/envelope.ts';
import { decodeProtobuf } from '../../machinery/codecs/protobuf/message-codec.ts';
import { parseYaml } from '../../machinery/codecs/yaml/parse.ts';
import { badRequest, StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { AuthenticatedCall } from '../call.ts';
import { unsupportedMediaType } from './decode-body.ts';
import { type DeleteOptions, goKindOf, readDeleteBody, readDeleteQuery } from './delete-options.ts';
import { addWarning } from './scope.ts';

/** The options of a deletion: from the body where there is one, else from the query. @throws StatusError 400, 415, 422 */
export async function decodeDeleteOptions(call: AuthenticatedCall): Promise<DeleteOptions> {
  if (call.direct !== undefined) {
    if (call.direct.body === undefined) return readDeleteQuery(call.query);
    tell(call, call.direct.body);
    return readDeleteBody(call.direct.body);
  }
  const bytes = await call.body();
  if (bytes.length === 0) return readDeleteQuery(call.query);
  const given = (call.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const body = parse(given === '' ? 'application/json' : given, bytes);
  checkKind(body);
  tell(call, body);
  return readDeleteBody(body);
}

/** Upstream tells of the options in the form that only the server itself has a name for. */
function tell({ trace }: AuthenticatedCall, body: unknown): void {
  if (trace?.audit === undefined || typeof body !== 'object' || body === null) return;
  const named = { ...body, kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/__internal' };
  const { kind, apiVersion, ...options } = named;
  trace.audit.requestObject({ kind, apiVersion, ...options } as unknown as AnyObject);
}

/** Tells those who leave it open what becomes of dependents, where the kind has something to say of it. */
export function warnOfPropagation(
  call: AuthenticatedCall,
  { propagationWarning }: ResourceDefinition,
  { propagationPolicy, orphanDependents }: DeleteOptions,
): void {
  if (propagationWarning === undefined || propagationPolicy !== undefined || orphanDependents !== undefined) return;
  addWarning(call, propagationWarning);
}

const NO_JSON = "couldn't get version/kind; json parse error: ";

function parse(mediaType: string, bytes: Buffer): unknown {
  try {
    switch (mediaType) {
      case 'application/json':
        return parseJson(bytes).value ?? {};
      case 'application/yaml':
        return parseYaml(bytes).value ?? {};
      case 'application/vnd.kubernetes.protobuf': {
        const { apiVersion, kind, raw } = unwrapUnknown(bytes);
        return { ...decodeProtobuf(raw, 'meta/v1.DeleteOptions'), apiVersion, kind };
      }
      default:
        throw unsupportedMediaType(['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']);
    }
  } catch (error) {
    if (error instanceof StatusError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    const shown =
      mediaType === 'application/json' ? NO_JSON + text : text.replace(/^error converting YAML to JSON: /, '');
    throw badRequest(shown, { cause: error });
  }
}

/** Options of the meta group that may be sent where a deletion's belong, and are refused by another sentence. */
const otherOptions = new Set(['ListOptions', 'GetOptions', 'CreateOptions', 'UpdateOptions', 'PatchOptions']);
const versions = new Set(['', 'v1', 'meta.k8s.io/v1']);
const SCHEME = 'k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27';

/** Source: apiserver `endpoints/handlers/delete.go`, apimachinery `meta/internalversion/register.go`. */
function checkKind(body: unknown): void {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    const type =
      'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
    throw badRequest(`${NO_JSON}json: cannot unmarshal ${goKindOf(body)} into Go value of type ${type}`);
  }
  const fields = body as Readonly<Record<string, unknown>>;
  for (const field of ['apiVersion', 'kind']) {
    const value = fields[field] ?? '';
    if (typeof value === 'string') continue;
    const text = `json: cannot unmarshal ${goKindOf(value)} into Go struct field .${field} of type string`;
    throw badRequest(NO_JSON + text);
  }
  const kind = (fields['kind'] ?? '') as string;
  const apiVersion = (fields['apiVersion'] ?? '') as string;
  if (apiVersion.split('/').length > 2) throw badRequest(`unexpected GroupVersion string: ${apiVersion}`);
  // Every group has these options of its own.
  if (kind === '' || kind === 'DeleteOptions') return;
  if (otherOptions.has(kind) && versions.has(apiVersion)) {
    throw badRequest('decoded object cannot be converted to DeleteOptions');
  }
  throw badRequest(
    `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion || 'v1')} in scheme ${JSON.stringify(SCHEME)}`,
  );
}
