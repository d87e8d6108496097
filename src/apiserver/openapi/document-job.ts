import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import { findPackedDescriptions, unpackDescriptions } from './descriptions.ts';
import { type DocumentedVersion, type DocumentSources, toApiDocument, toV3 } from './documents.ts';
import { addRemote, type RemoteSwagger } from './remote-documents.ts';

/** A document as it is kept: zipped, since it is seldom asked for and large. */
export interface Kept {
  /** SHA-512 of what is inside, in capital hexadecimal digits. */
  readonly hash: string;
  readonly zipped: Uint8Array;
}

/** Documents to build. Plain data, so that it can travel to another thread. */
export interface DocumentJob {
  /** In 3.0 each version has a document of its own; in 2.0 all of them have one. */
  readonly form: 'v3' | 'v2-json' | 'v2-protobuf';
  readonly versions: readonly DocumentedVersion[];
  /** Definitions of the custom kinds among them. */
  readonly crds: readonly CustomResourceDefinition[];
  /** In 2.0: what other servers say. */
  readonly remote?: readonly RemoteSwagger[] | undefined;
  /** From an earlier job; looked for where they are not given. */
  readonly descriptions?: Uint8Array | undefined;
}

export interface DocumentResult {
  /** In the order of the versions; one in 2.0. */
  readonly documents: readonly Kept[];
  readonly descriptions: Uint8Array | undefined;
}

/** Builds documents. All of a server take a tenth of a second, and some 50 MB while it lasts. */
export async function runDocumentJob(job: DocumentJob): Promise<DocumentResult> {
  const descriptions = job.descriptions ?? (await findPackedDescriptions());
  const sources: DocumentSources = {
    findCrd: (group, plural) => job.crds.find(({ spec }) => spec.group === group && spec.names.plural === plural),
    descriptions: unpackDescriptions(descriptions),
    dialect: job.form === 'v3' ? 'v3' : 'v2',
  };
  if (job.form === 'v3') {
    const texts = job.versions.map((version) => JSON.stringify(toV3(toApiDocument(version, sources))));
    return { documents: texts.map((text) => keep(Buffer.from(text))), descriptions };
  }
  const { toV2 } = await import('./v2.ts');
  const own = toV2(job.versions.map((version) => toApiDocument(version, sources)));
  const document = job.remote?.length ? addRemote(own, job.remote) : own;
  if (job.form === 'v2-json') return { documents: [keep(Buffer.from(JSON.stringify(document)))], descriptions };
  const { encodeV2 } = await import('./v2-protobuf.ts');
  return { documents: [keep(encodeV2(document))], descriptions };
}

function keep(bytes: Buffer): Kept {
  return { hash: createHash('sha512').update(bytes).digest('hex').toUpperCase(), zipped: gzipSync(bytes) };
}
