import { createHash } from 'node:crypto';
import { acceptClauses } from '../../machinery/codecs/negotiate.ts';
import type { Answer, AuthenticatedCall } from '../call.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { ResourceCatalog } from '../served-resources.ts';
import type { Kept } from './document-job.ts';
import { DocumentLibrary, type Shelfmark, unpackDocument } from './document-library.ts';
import type { RemoteDocuments, RemoteSwagger } from './remote-documents.ts';

export interface OpenApiOptions {
  readonly catalog: ResourceCatalog;
  readonly reader: ObjectReader;
  /** Documents of other servers. Default: there are none. */
  readonly remote?: RemoteDocuments | undefined;
}

const none: readonly RemoteSwagger[] = [];

const V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
const V2_PROTOBUF_OLD = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/**
 * Answers `/openapi/v3`, `/openapi/v3/...` and `/openapi/v2`; undefined for other paths.
 * Source: kube-openapi `pkg/handler3`, `pkg/handler`.
 */
export function createOpenApiPaths(options: OpenApiOptions): (call: AuthenticatedCall) => Promise<Answer> | undefined {
  const { remote } = options;
  const library = new DocumentLibrary(options.catalog, options.reader, { remote: () => remote?.v2() ?? none });
  return (call) => {
    const path = call.path.replace(/\/$/, '');
    if (path === '/openapi/v2') return answerV2(call, library);
    if (path === '/openapi/v3') return answerIndex(call, library, remote);
    if (!path.startsWith('/openapi/v3/')) return undefined;
    const elsewhere = remote?.v3(call, path.slice('/openapi/v3/'.length));
    if (elsewhere !== undefined) return elsewhere;
    const found = library.find(path.slice('/openapi/v3/'.length));
    return found === undefined ? undefined : answerV3(call, library, found);
  };
}

async function answerIndex(
  call: AuthenticatedCall,
  library: DocumentLibrary,
  remote: RemoteDocuments | undefined,
): Promise<Answer> {
  const hashes = await library.hashes();
  const urls = new Map([...hashes].map(([path, hash]) => [path, `/openapi/v3/${path}?hash=${hash}`]));
  for (const [path, url] of (await remote?.v3Index()) ?? []) urls.set(path, url);
  const paths = [...urls].map(([path, serverRelativeURL]) => [path, { serverRelativeURL }] as const);
  paths.sort(([a], [b]) => (a < b ? -1 : 1));
  const body = Buffer.from(JSON.stringify({ paths: Object.fromEntries(paths) }));
  const headers = { ETag: `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"` };
  const known = call.header('if-none-match') === headers.ETag;
  return {
    kind: 'bytes',
    status: known ? 304 : 200,
    contentType: 'application/json',
    headers,
    body: known ? Buffer.alloc(0) : body,
  };
}

async function answerV3(call: AuthenticatedCall, library: DocumentLibrary, found: Shelfmark): Promise<Answer> {
  if (chooseType(call, ['application/json']) === undefined) return notAcceptable;
  const kept = await library.v3(found);
  const asked = call.query.get('hash');
  if (asked !== null && asked !== kept.hash) {
    const headers = { Location: `${call.path}?hash=${kept.hash}` };
    return { kind: 'bytes', status: 301, contentType: 'text/plain', headers, body: Buffer.alloc(0) };
  }
  // A document under its hash never changes, so clients need not ask again.
  const lasting = { 'Cache-Control': 'public, immutable', Expires: new Date(call.startedMs + YEAR_MS).toUTCString() };
  return await toAnswer(call, kept, 'application/json', asked === null ? {} : lasting);
}

const YEAR_MS = 365 * 24 * 3600 * 1000;

async function answerV2(call: AuthenticatedCall, library: DocumentLibrary): Promise<Answer> {
  const type = chooseType(call, ['application/json', V2_PROTOBUF, V2_PROTOBUF_OLD]);
  if (type === undefined) return notAcceptable;
  if (type === 'application/json') return await toAnswer(call, await library.v2('json'), type, {});
  return await toAnswer(call, await library.v2('protobuf'), V2_PROTOBUF_OLD, {});
}

/** The first type that the client takes, by its order of preference; undefined where it takes none. */
function chooseType(call: AuthenticatedCall, types: readonly string[]): string | undefined {
  for (const { type } of acceptClauses(call.header('accept') || '*/*')) {
    const found = types.find((each) => type === each || type === '*/*' || type === 'application/*');
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Clients that read gzip get the bytes as they are kept. */
async function toAnswer(
  call: AuthenticatedCall,
  kept: Kept,
  contentType: string,
  more: Readonly<Record<string, string>>,
): Promise<Answer> {
  const etag = `"${kept.hash}"`;
  const headers = { ETag: etag, Vary: 'Accept, Accept-Encoding', ...more };
  if (call.header('if-none-match') === etag) {
    return { kind: 'bytes', status: 304, contentType, headers, body: Buffer.alloc(0) };
  }
  if (call.header('accept-encoding')?.includes('gzip') ?? false) {
    const zipped = { ...headers, 'Content-Encoding': 'gzip' };
    return {
      kind: 'bytes',
      status: 200,
      contentType,
      headers: zipped,
      body: Buffer.from(kept.zipped.buffer, kept.zipped.byteOffset, kept.zipped.length),
    };
  }
  return { kind: 'bytes', status: 200, contentType, headers, body: await unpackDocument(kept) };
}

const notAcceptable: Answer = { kind: 'bytes', status: 406, contentType: 'text/plain', body: Buffer.alloc(0) };
