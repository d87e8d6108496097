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

/**
 * The body of a page with its links through the proxy, in the coding that it has. What is too large, or no such coding after
 * all, stays as it came.
 *
 * Source: apimachinery `pkg/util/proxy/transport.go` (rewriteResponse).
 */
export async function rewrittenPage(answer: IncomingMessage, place: LinkPlace): Promise<readonly Buffer[]> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  const coding = codings[(answer.headers['content-encoding'] ?? '') as PageCoding];
  if (bytes > MAX_PAGE_BYTES) return chunks;
  try {
    const page = (await coding.unpack(Buffer.concat(chunks))).toString('latin1');
    return [
      await coding.pack(
        Buffer.from(
          rewriteHtml(page, (link) => rewriteLink(link, place)),
          'latin1',
        ),
      ),
    ];
  } catch {
    return chunks;
  }
}
