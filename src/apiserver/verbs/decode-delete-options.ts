import { parseJson } from '../../machinery/codecs/json/parse.ts';
import { unwrapUnknown } from '../../machinery/codecs/protobuf/envelope.ts';
import { decodeProtobuf } from '../../machinery/codecs/protobuf/message-codec.ts';
import { parseYaml } from '../../machinery/codecs/yaml/parse.ts';
import { badRequest, StatusError } from '../../machinery/errors/status-error.ts';
import type { AuthenticatedCall } from '../call.ts';
import { unsupportedMediaType } from './decode-body.ts';
import { type DeleteOptions, readDeleteBody, readDeleteQuery } from './delete-options.ts';

/** The options of a deletion: from the body where there is one, else from the query. @throws StatusError 400, 415, 422 */
export async function decodeDeleteOptions(call: AuthenticatedCall): Promise<DeleteOptions> {
  if (call.direct !== undefined) {
    return call.direct.body === undefined ? readDeleteQuery(call.query) : readDeleteBody(call.direct.body);
  }
  const bytes = await call.body();
  if (bytes.length === 0) return readDeleteQuery(call.query);
  const given = (call.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const body = parse(given === '' ? 'application/json' : given, bytes);
  checkKind(body);
  return readDeleteBody(body);
}

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
    throw badRequest(`couldn't get version/kind; json parse error: ${text}`, { cause: error });
  }
}

function checkKind(body: unknown): void {
  const { kind, apiVersion } = (body ?? {}) as { kind?: unknown; apiVersion?: unknown };
  if (kind === undefined || kind === '' || kind === 'DeleteOptions') return;
  throw badRequest(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion ?? 'v1')}`);
}
