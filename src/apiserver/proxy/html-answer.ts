import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { deflateRaw, gunzip, gzip, inflateRaw } from 'node:zlib';
import { rewriteHtml } from './html-links.ts';
import { MAX_PAGE_BYTES, type PageCoding } from './html-page.ts';
import { type LinkPlace, rewriteLink } from './proxied-link.ts';

/** What is unpacked of a page may be so much larger than what came. */
const MAX_UNPACKED = { maxOutputLength: 4 * MAX_PAGE_BYTES };

type Coding = (body: Buffer) => Promise<Buffer>;
const codings: Readonly<Record<PageCoding, { readonly unpack: Coding; readonly pack: Coding }>> = {
  '': { unpack: async (body) => body, pack: async (body) => body },
  gzip: { unpack: (body) => promisify(gunzip)(body, MAX_UNPACKED), pack: promisify(gzip) },
  deflate: { unpack: (body) => promisify(inflateRaw)(body, MAX_UNPACKED), pack: promisify(deflateRaw) },
};

/** The beginning of a body; where it goes on, the rest is still in the answer. */
export interface Page {
  readonly chunks: readonly Buffer[];
  readonly goesOn: boolean;
}

/**
 * The body of a page with its links through the proxy, in the coding that it has. What is no such coding after all stays as
 * it came, and so does what is too large, of which no more is read than shows that.
 *
 * Source: apimachinery `pkg/util/proxy/transport.go` (rewriteResponse).
 */
export async function rewrittenPage(answer: IncomingMessage, place: LinkPlace): Promise<Page> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_PAGE_BYTES) return { chunks, goesOn: true };
  }
  const coding = codings[(answer.headers['content-encoding'] ?? '') as PageCoding];
  try {
    const page = (await coding.unpack(Buffer.concat(chunks))).toString('latin1');
    const rewritten = rewriteHtml(page, (link) => rewriteLink(link, place));
    return { chunks: [await coding.pack(Buffer.from(rewritten, 'latin1'))], goesOn: false };
  } catch {
    return { chunks, goesOn: false };
  }
}
