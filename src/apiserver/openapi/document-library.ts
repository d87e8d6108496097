import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import { customresourcedefinitions } from '../../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { ResourceCatalog, ServedVersion } from '../served-resources.ts';
import { DescriptionShelf } from './descriptions.ts';
import type { DocumentSources } from './documents.ts';

/** A document as it is kept: zipped, since it is seldom asked for and large. */
export interface Kept {
  /** SHA-512 of what is inside, in capital hexadecimal digits. */
  readonly hash: string;
  readonly zipped: Buffer;
}

/** A group's version whose document there is. */
export interface Shelfmark {
  /** Below `/openapi/v3/`: `apis/apps/v1`. */
  readonly path: string;
  readonly group: string;
  readonly version: ServedVersion;
}

type Crd = CustomResourceDefinition & KubeObject;

const pack = promisify<Buffer, Buffer>(gzip);
const unpack = promisify<Buffer, Buffer>(gunzip);

/** The bytes of a document. */
export async function unpackDocument({ zipped }: Kept): Promise<Buffer> {
  return await unpack(zipped);
}

/**
 * Documents, built when somebody asks, from the table of types and the definitions of custom kinds, and kept until what
 * they are made of changes. All of them take a tenth of a second.
 */
export class DocumentLibrary {
  readonly #catalog: ResourceCatalog;
  readonly #reader: ObjectReader;
  readonly #descriptions: DescriptionShelf;
  readonly #kept = new Map<string, { readonly madeOf: string; readonly document: Promise<Kept> }>();

  constructor(catalog: ResourceCatalog, reader: ObjectReader, descriptions = new DescriptionShelf()) {
    this.#catalog = catalog;
    this.#reader = reader;
    this.#descriptions = descriptions;
  }

  all(): readonly Shelfmark[] {
    return this.#catalog
      .resourcesSnapshot()
      .groups.flatMap(({ group, versions }) =>
        versions.map((version) => ({ group, version, path: pathOf(group, version.version) })),
      );
  }

  find(path: string): Shelfmark | undefined {
    return this.all().find((each) => each.path === path);
  }

  /** The hash of each document by its path. */
  async hashes(): Promise<ReadonlyMap<string, string>> {
    const crds = await this.#crds();
    const marks = this.all();
    const served = new Set(marks.map(({ path }) => `v3 ${path}`));
    for (const key of this.#kept.keys()) if (key.startsWith('v3 ') && !served.has(key)) this.#kept.delete(key);
    const hashes = new Map<string, string>();
    // One after the other: between two of them, others get their turn.
    for (const mark of marks) hashes.set(mark.path, (await this.#keepV3(mark, crds)).hash);
    return hashes;
  }

  /** One group's version in OpenAPI 3.0. */
  async v3(mark: Shelfmark): Promise<Kept> {
    return await this.#keepV3(mark, await this.#crds());
  }

  /** All groups in OpenAPI 2.0. */
  async v2(form: 'json' | 'protobuf'): Promise<Kept> {
    const crds = await this.#crds();
    const marks = this.all();
    return await this.#keep(`v2 ${form}`, marks.map((mark) => madeOf(mark, crds)).join('\n'), async () => {
      const [{ toApiDocument }, { toV2 }] = await Promise.all([import('./documents.ts'), import('./v2.ts')]);
      const sources = await this.#sources(crds);
      const document = toV2(marks.map(({ version }) => toApiDocument(version, sources)));
      if (form === 'json') return Buffer.from(JSON.stringify(document));
      const { encodeV2 } = await import('./v2-protobuf.ts');
      return encodeV2(document);
    });
  }

  async #keepV3(mark: Shelfmark, crds: readonly Crd[]): Promise<Kept> {
    return await this.#keep(`v3 ${mark.path}`, madeOf(mark, crds), async () => {
      const { toApiDocument, toV3 } = await import('./documents.ts');
      return Buffer.from(JSON.stringify(toV3(toApiDocument(mark.version, await this.#sources(crds)))));
    });
  }

  async #keep(key: string, made: string, build: () => Promise<Buffer>): Promise<Kept> {
    const known = this.#kept.get(key);
    if (known?.madeOf === made) return await known.document;
    const document = build().then(async (bytes) => ({
      hash: createHash('sha512').update(bytes).digest('hex').toUpperCase(),
      zipped: await pack(bytes),
    }));
    this.#kept.set(key, { madeOf: made, document });
    document.catch(() => this.#kept.delete(key));
    return await document;
  }

  async #crds(): Promise<readonly Crd[]> {
    return await this.#reader.list(customresourcedefinitions as ResourceType<Crd>);
  }

  async #sources(crds: readonly Crd[]): Promise<DocumentSources> {
    return {
      findCrd: (group, plural) => crds.find(({ spec }) => spec.group === group && spec.names.plural === plural),
      descriptions: await this.#descriptions.lend(),
    };
  }
}

function pathOf(group: string, version: string): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

/** Changes whenever the document does. */
function madeOf({ group, path, version }: Shelfmark, crds: readonly Crd[]): string {
  const resources = version.resources.map(({ definition, verbs, subresources }) =>
    [definition.plural, definition.kind, ...verbs, ...subresources.map(({ name }) => `/${name}`)].join(),
  );
  const definitions = crds
    .filter(({ spec }) => spec.group === group)
    .map(({ metadata }) => `${metadata.uid} ${metadata.generation}`);
  return [path, ...resources, ...definitions].join(';');
}
