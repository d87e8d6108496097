import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { gunzip } from 'node:zlib';
import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import { customresourcedefinitions } from '../../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { ResourceCatalog, ServedGroup, ServedResourceEntry } from '../served-resources.ts';
import type { DocumentJob, DocumentResult, Kept } from './document-job.ts';
import type { DocumentedVersion } from './documents.ts';
import type { RemoteSwagger } from './remote-documents.ts';
import { groupPath, type RootPath, resourcesPath, rootDocuments } from './root-paths.ts';

/** A document that there is. */
export interface Shelfmark {
  /** Below `/openapi/v3/`: `apis/apps/v1`. */
  readonly path: string;
  /** Of the custom kinds that it may tell of. */
  readonly group?: string | undefined;
  readonly resources: readonly ServedResourceEntry[];
  readonly roots: readonly RootPath[];
}

/** Builds documents somewhere. */
export type RunJob = (job: DocumentJob) => Promise<DocumentResult>;

export interface LibraryOptions {
  /** Default: in a thread of its own. */
  readonly runJob?: RunJob | undefined;
  /** What other servers say in 2.0; the same array for as long as nothing changes. */
  readonly remote?: (() => Promise<readonly RemoteSwagger[]> | readonly RemoteSwagger[]) | undefined;
}

type Crd = CustomResourceDefinition & KubeObject;

const none: readonly RemoteSwagger[] = [];

const unpack = promisify<Uint8Array, Buffer>(gunzip);

/** The bytes of a document. */
export async function unpackDocument({ zipped }: Kept): Promise<Buffer> {
  return await unpack(zipped);
}

/**
 * Documents, built when somebody asks, from the table of types and the definitions of custom kinds, and kept until what
 * they are made of changes.
 */
export class DocumentLibrary {
  readonly #catalog: ResourceCatalog;
  readonly #reader: ObjectReader;
  readonly #runJob: RunJob;
  readonly #remote: () => Promise<readonly RemoteSwagger[]> | readonly RemoteSwagger[];
  readonly #kept = new Map<string, { readonly madeOf: string; readonly document: Promise<Kept> }>();
  #descriptions: Uint8Array | undefined;
  #lastRemote: readonly RemoteSwagger[] | undefined;
  #remoteTurn = 0;

  constructor(catalog: ResourceCatalog, reader: ObjectReader, options: LibraryOptions = {}) {
    this.#catalog = catalog;
    this.#reader = reader;
    this.#runJob = options.runJob ?? runInThread;
    this.#remote = options.remote ?? (() => none);
  }

  /** In the order of their paths. */
  all(): readonly Shelfmark[] {
    const { groups } = this.#catalog.resourcesSnapshot();
    const marks = [
      ...Object.entries(rootDocuments).map(([path, root]) => ({ path, resources: [], roots: [root] })),
      ...groups.flatMap(toShelfmarks),
    ];
    return marks.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  find(path: string): Shelfmark | undefined {
    return this.all().find((each) => each.path === path);
  }

  /** The hash of each document by its path. */
  async hashes(): Promise<ReadonlyMap<string, string>> {
    const marks = this.all();
    const documents = await this.#v3(marks);
    const served = new Set(marks.map(({ path }) => `v3 ${path}`));
    for (const key of this.#kept.keys()) if (key.startsWith('v3 ') && !served.has(key)) this.#kept.delete(key);
    return new Map(marks.map(({ path }, index) => [path, (documents[index] as Kept).hash]));
  }

  /** One group's version in OpenAPI 3.0. */
  async v3(mark: Shelfmark): Promise<Kept> {
    const [document] = await this.#v3([mark]);
    return document as Kept;
  }

  /** All groups in OpenAPI 2.0. */
  async v2(form: 'json' | 'protobuf'): Promise<Kept> {
    const crds = await this.#crds();
    const remote = await this.#remote();
    if (remote !== this.#lastRemote) this.#remoteTurn += 1;
    this.#lastRemote = remote;
    const marks = this.all();
    const key = `v2 ${form}`;
    const made = [String(this.#remoteTurn), ...marks.map((mark) => madeOf(mark, crds))].join('\n');
    const known = this.#kept.get(key);
    if (known?.madeOf === made) return await known.document;
    const documents = this.#build({ form: `v2-${form}`, versions: marks.map(toDocumented), crds, remote });
    return await this.#keep(
      key,
      made,
      documents.then(([document]) => document as Kept),
    );
  }

  /** What is not there yet is built in one go. */
  async #v3(marks: readonly Shelfmark[]): Promise<readonly Kept[]> {
    const crds = await this.#crds();
    const missing = marks.filter((mark) => this.#kept.get(`v3 ${mark.path}`)?.madeOf !== madeOf(mark, crds));
    if (missing.length > 0) {
      const groups = new Set<string | undefined>(missing.map(({ group }) => group));
      const own = crds.filter(({ spec }) => groups.has(spec.group));
      const documents = this.#build({ form: 'v3', versions: missing.map(toDocumented), crds: own });
      for (const [index, mark] of missing.entries()) {
        const document = documents.then((all) => all[index] as Kept);
        void this.#keep(`v3 ${mark.path}`, madeOf(mark, crds), document).catch(() => undefined);
      }
    }
    return await Promise.all(marks.map(({ path }) => this.#kept.get(`v3 ${path}`)?.document as Promise<Kept>));
  }

  async #build(job: DocumentJob): Promise<readonly Kept[]> {
    const { documents, descriptions } = await this.#runJob({ ...job, descriptions: this.#descriptions });
    this.#descriptions = descriptions;
    return documents;
  }

  async #keep(key: string, made: string, document: Promise<Kept>): Promise<Kept> {
    this.#kept.set(key, { madeOf: made, document });
    try {
      return await document;
    } catch (error) {
      if (this.#kept.get(key)?.document === document) this.#kept.delete(key);
      throw error;
    }
  }

  async #crds(): Promise<readonly Crd[]> {
    return await this.#reader.list(customresourcedefinitions as ResourceType<Crd>);
  }
}

/** Runs a job in a thread of its own, so that requests need not wait and no memory stays behind. */
async function runInThread(job: DocumentJob): Promise<DocumentResult> {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./document-worker.${ending}`, import.meta.url), { workerData: job });
  return await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the thread that builds documents ended with ${code}`)));
  });
}

function pathOf(group: string, version: string): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

/** Groups of custom kinds have no document of their own, and their versions tell of nothing else. */
function toShelfmarks({ group, versions }: ServedGroup): readonly Shelfmark[] {
  const isCustom = (resources: readonly ServedResourceEntry[]): boolean =>
    resources.every(({ definition }) => definition.origin === 'custom');
  const marks = versions.map(({ version, resources }) => {
    const roots = isCustom(resources) ? [] : [resourcesPath(group, version)];
    return { path: pathOf(group, version), group, resources, roots };
  });
  if (group === '' || versions.every(({ resources }) => isCustom(resources))) return marks;
  return [{ path: `apis/${group}`, resources: [], roots: [groupPath(group)] }, ...marks];
}

function toDocumented({ resources, roots }: Shelfmark): DocumentedVersion {
  return {
    roots,
    resources: resources.map(({ definition, verbs, subresources }) => {
      const { group, version, kind, plural, namespaced, listKind, origin } = definition;
      return {
        definition: { group, version, kind, plural, namespaced, listKind, origin },
        verbs,
        subresources: subresources.map((subresource) => ({ ...subresource })),
      };
    }),
  };
}

/** Changes whenever the document does. */
function madeOf({ group, path, resources: entries }: Shelfmark, crds: readonly Crd[]): string {
  const resources = entries.map(({ definition, verbs, subresources }) =>
    [definition.plural, definition.kind, ...verbs, ...subresources.map(({ name }) => `/${name}`)].join(),
  );
  const definitions = crds
    .filter(({ spec }) => spec.group === group)
    .map(({ metadata }) => `${metadata.uid} ${metadata.generation}`);
  return [path, ...resources, ...definitions].join(';');
}
