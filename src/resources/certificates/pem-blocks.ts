/** A block of PEM with the label of its first line. */
export interface PemBlock {
  readonly type: string;
  readonly hasHeaders: boolean;
  readonly bytes: Buffer;
}

const BLOCK = /(?:^|\n)-----BEGIN ([^\n]*?)-----[ \t\r]*\n([\s\S]*?)-----END \1-----[ \t\r]*(?=\n|$)/g;
const HEADER = /^[^\n:]*:[^\n]*\n/;

/** All blocks of a text; what stands around them does not matter. Source: Go encoding/pem. */
export function readPemBlocks(bytes: Buffer): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  for (const [, type = '', content = ''] of bytes.toString('latin1').matchAll(BLOCK)) {
    let body = content;
    while (HEADER.test(body)) body = body.replace(HEADER, '');
    const text = body.replace(/\s/g, '');
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) continue;
    blocks.push({ type, hasHeaders: body !== content, bytes: Buffer.from(text, 'base64') });
  }
  return blocks;
}
