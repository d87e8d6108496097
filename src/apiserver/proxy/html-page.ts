import type { IncomingMessage } from 'node:http';

/** Pages beyond that are passed on as they are. */
export const MAX_PAGE_BYTES = 8 << 20;

export type PageCoding = '' | 'gzip' | 'deflate';
const codings: ReadonlySet<string> = new Set<PageCoding>(['', 'gzip', 'deflate']);

/**
 * Whether an answer is a page whose links shall lead through the proxy: in HTML, and in a coding that is known. Of redirects
 * the Location is rewritten, and nothing else.
 */
export function isPage({ headers }: IncomingMessage): boolean {
  const [type = ''] = (headers['content-type'] ?? '').split(';');
  const isLarge = Number(headers['content-length'] ?? 0) > MAX_PAGE_BYTES;
  if (type.trim() !== 'text/html' || headers.location !== undefined || isLarge) return false;
  return codings.has(headers['content-encoding'] ?? '');
}
