import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import { customresourcedefinitions } from '../../generated/resource-types.ts';
import { StatusError } from '../../machinery/errors/status-error.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { Answer, AuthenticatedCall } from '../call.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { ResourceCatalog, ResourcesSnapshot, ServedGroup, ServedVersion } from '../served-resources.ts';
import type { FindCrd } from './documents.ts';

export interface OpenApiOptions {
  readonly catalog: ResourceCatalog;
  readonly reader: ObjectReader;
}

/** A document as it is kept: zipped, since it is seldom asked for and large. */
interface Kept {
  readonly etag: string;
  readonly zipped: Buffer;
}

const pack = promisify<Buffer, Buffer>(gzip);
const unpack = promisify<Buffer, Buffer>(gunzip);
const V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
const V2_PROTOBUF_OLD = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/**
 * Answers `/openapi/v3`, `/openapi/v3/...` and `/openapi/v2`; undefined for other paths. Documents are built when
 * somebody asks, from the table of types and the definitions of custom kinds, and kept zipped until these change.
 * Source: kube-openapi `pkg/handler3`, `pkg/handler`.
 */
export function createOpenApiPaths(options: OpenApiOptions): (call: AuthenticatedCall) => Promise<Answer> | undefined {
  const library = new DocumentLibrary(options);
  return (call) => {
    const path = call.path.replace(/\/$/, '');
    if (path === '/openapi/v2') return answerV2(call, library);
    if (path === '/openapi/v3') return answerIndex(library);
    if (!path.startsWith('/openapi/v3/')) return undefined;
    const found = library.find(path.slice('/openapi/v3/'.length));
    return found === undefined ? undefined : answerV3(call, library, found);
  };
}

interface GroupVersion {
  readonly group: ServedGroup;
  readonly version: ServedVersion;
}

class DocumentLibrary {
  readonly #options: OpenApiOptions;
  readonly #kept = new Map<string, Promise<Kept>>();
  #snapshot: ResourcesSnapshot | undefined;
  #crdsKey = '';

  constructor(options: OpenApiOptions) {
    this.#options = options;
  }

  all(): readonly (GroupVersion & { readonly path: string })[] {
    return this.#options.catalog
      .resourcesSnapshot()
      .groups.flatMap((group) =>
        group.versions.map((version) => ({ group, version, path: pathOf(group.group, version.version) })),
      );
  }

  find(path: string): GroupVersion | undefined {
    return this.all().find((each) => each.path === path);
  }

  /** The hash of a document without building it: it changes with what the document is made of. */
  async hashOf({ group, version }: GroupVersion): Promise<string> {
    const crds = await this.#crdsOf(group.group);
    const parts = [
      group.group,
      version.version,
      ...crds.map(({ metadata }) => `${metadata.uid} ${metadata.generation}`),
    ];
    const resources = version.resources.map(({ definition, subresources }) => [
      definition.plural,
      subresources.map(({ name }) => name),
    ]);
    return createHash('sha512')
      .update(JSON.stringify([parts, resources]))
      .digest('hex')
      .toUpperCase();
  }

  async v3(wanted: GroupVersion): Promise<Kept> {
    return await this.#keep(`v3 ${pathOf(wanted.group.group, wanted.version.version)}`, async () => {
      const { toApiDocument, toV3 } = await import('./documents.ts');
      const findCrd = await this.#findCrd();
      return Buffer.from(JSON.stringify(toV3(toApiDocument(wanted.group, wanted.version, findCrd))));
    });
  }

  async v2(form: 'json' | 'protobuf'): Promise<Kept> {
    return await this.#keep(`v2 ${form}`, async () => {
      const [{ toApiDocument }, { toV2 }] = await Promise.all([import('./documents.ts'), import('./v2.ts')]);
      const findCrd = await this.#findCrd();
      const document = toV2(this.all().map(({ group, version }) => toApiDocument(group, version, findCrd)));
      if (form === 'json') return Buffer.from(JSON.stringify(document));
      const { encodeV2 } = await import('./v2-protobuf.ts');
      return encodeV2(document);
    });
  }

  async #keep(key: string, build: () => Promise<Buffer>): Promise<Kept> {
    await this.#forgetStale();
    const known = this.#kept.get(key);
    if (known !== undefined) return await known;
    const made = build().then(async (bytes) => ({
      etag: `"${createHash('sha512').update(bytes).digest('hex').toUpperCase()}"`,
      zipped: await pack(bytes),
    }));
    this.#kept.set(key, made);
    made.catch(() => this.#kept.delete(key));
    return await made;
  }

  async #forgetStale(): Promise<void> {
    const snapshot = this.#options.catalog.resourcesSnapshot();
    const crdsKey = (await this.#crds()).map(({ metadata }) => `${metadata.uid} ${metadata.generation}`).join();
    if (snapshot === this.#snapshot && crdsKey === this.#crdsKey) return;
    this.#snapshot = snapshot;
    this.#crdsKey = crdsKey;
    this.#kept.clear();
  }

  async #crds(): Promise<readonly (CustomResourceDefinition & KubeObject)[]> {
    const type = customresourcedefinitions as ResourceType<CustomResourceDefinition & KubeObject>;
    return await this.#options.reader.list(type);
  }

  async #crdsOf(group: string): Promise<readonly (CustomResourceDefinition & KubeObject)[]> {
    return (await this.#crds()).filter((crd) => crd.spec.group === group);
  }

  async #findCrd(): Promise<FindCrd> {
    const crds = await this.#crds();
    return (group, plural) => crds.find(({ spec }) => spec.group === group && spec.names.plural === plural);
  }
}

function pathOf(group: string, version: string): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

async function answerIndex(library: DocumentLibrary): Promise<Answer> {
  const entries = await Promise.all(
    library.all().map(async (each) => {
      const serverRelativeURL = `/openapi/v3/${each.path}?hash=${await library.hashOf(each)}`;
      return [each.path, { serverRelativeURL }] as const;
    }),
  );
  const body = Buffer.from(JSON.stringify({ paths: Object.fromEntries(entries) }));
  const headers = { ETag: `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"` };
  return { kind: 'bytes', status: 200, contentType: 'application/json', headers, body };
}

async function answerV3(call: AuthenticatedCall, library: DocumentLibrary, found: GroupVersion): Promise<Answer> {
  const accepted = /application\/json|\*\/\*|application\/\*/.test(call.header('accept') ?? '*/*');
  if (!accepted) throw notAcceptable('application/json');
  const hash = await library.hashOf(found);
  const asked = call.query.get('hash');
  if (asked !== null && asked !== hash) {
    const headers = { Location: `${call.path}?hash=${hash}` };
    return { kind: 'bytes', status: 301, contentType: 'text/plain', headers, body: Buffer.alloc(0) };
  }
  const kept = await library.v3(found);
  // A document under its hash never changes, so clients need not ask again.
  const lasting = { 'Cache-Control': 'public, immutable', Expires: new Date(call.startedMs + YEAR_MS).toUTCString() };
  return await toAnswer(call, kept, 'application/json', asked === null ? {} : lasting);
}

const YEAR_MS = 365 * 24 * 3600 * 1000;

async function answerV2(call: AuthenticatedCall, library: DocumentLibrary): Promise<Answer> {
  const accept = call.header('accept') ?? '*/*';
  if (accept.includes(V2_PROTOBUF) || accept.includes(V2_PROTOBUF_OLD)) {
    return await toAnswer(call, await library.v2('protobuf'), V2_PROTOBUF_OLD, {});
  }
  if (!/application\/json|\*\/\*|application\/\*/.test(accept)) throw notAcceptable(`application/json, ${V2_PROTOBUF}`);
  return await toAnswer(call, await library.v2('json'), 'application/json', {});
}

/** Clients that read gzip get the bytes as they are kept. */
async function toAnswer(
  call: AuthenticatedCall,
  { etag, zipped }: Kept,
  contentType: string,
  more: Readonly<Record<string, string>>,
): Promise<Answer> {
  const headers = { ETag: etag, Vary: 'Accept, Accept-Encoding', ...more };
  if (call.header('if-none-match') === etag) {
    return { kind: 'bytes', status: 304, contentType, headers, body: Buffer.alloc(0) };
  }
  const readsGzip = call.header('accept-encoding')?.includes('gzip') ?? false;
  if (readsGzip) {
    return {
      kind: 'bytes',
      status: 200,
      contentType,
      headers: { ...headers, 'Content-Encoding': 'gzip' },
      body: zipped,
    };
  }
  return { kind: 'bytes', status: 200, contentType, headers, body: await unpack(zipped) };
}

function notAcceptable(types: string): StatusError {
  const message = `only the following media types are accepted: ${types}`;
  return new StatusError({ code: 406, reason: 'NotAcceptable', message });
}
