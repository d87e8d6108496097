/**
 * The part of SPDY/3.1 that exec and attach need. Flow control is left out: neither side of Kubernetes' streaming has
 * it. Source: SPDY Protocol draft 3.1; moby/spdystream.
 */
export const FLAG_FIN = 0x01;

const VERSION = 3;
const SYN_STREAM = 1;
const SYN_REPLY = 2;
const RST_STREAM = 3;
const PING = 6;
const GOAWAY = 7;

/** What a peer sent, as far as it matters. Header blocks are not read: a client of these protocols learns nothing from them. */
export type Frame =
  | { readonly type: 'data'; readonly stream: number; readonly data: Buffer; readonly fin: boolean }
  | { readonly type: 'reply'; readonly stream: number; readonly fin: boolean }
  | { readonly type: 'reset'; readonly stream: number; readonly status: number }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'goaway' }
  | { readonly type: 'other' };

/** Takes frames out of a stream of bytes that is cut anywhere. */
export class FrameParser {
  #pending: Buffer = Buffer.alloc(0);

  /** @returns the frames that are whole by now. */
  push(chunk: Buffer): readonly Frame[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const frames: Frame[] = [];
    let at = 0;
    while (this.#pending.length - at >= 8) {
      const end = at + 8 + this.#pending.readUIntBE(at + 5, 3);
      if (end > this.#pending.length) break;
      frames.push(parseFrame(this.#pending.subarray(at, end)));
      at = end;
    }
    this.#pending = this.#pending.subarray(at);
    return frames;
  }
}

function parseFrame(frame: Buffer): Frame {
  const fin = (frame.readUInt8(4) & FLAG_FIN) !== 0;
  if ((frame.readUInt8(0) & 0x80) === 0) {
    return { type: 'data', stream: frame.readUInt32BE(0), data: frame.subarray(8), fin };
  }
  const id = frame.length >= 12 ? frame.readUInt32BE(8) : 0;
  switch (frame.readUInt16BE(2)) {
    case SYN_REPLY:
      return { type: 'reply', stream: id & 0x7fffffff, fin };
    case RST_STREAM:
      return { type: 'reset', stream: id & 0x7fffffff, status: frame.length >= 16 ? frame.readUInt32BE(12) : 0 };
    case PING:
      return { type: 'ping', id };
    case GOAWAY:
      return { type: 'goaway' };
    default:
      return { type: 'other' };
  }
}

/** @returns the head alone and the data behind it, which is not copied. */
export function dataFrame(stream: number, data: Buffer, options: { fin: boolean }): readonly Buffer[] {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(stream, 0);
  head.writeUInt8(options.fin ? FLAG_FIN : 0, 4);
  head.writeUIntBE(data.length, 5, 3);
  return data.length === 0 ? [head] : [head, data];
}

export function pingFrame(id: number): Buffer {
  const body = Buffer.alloc(4);
  body.writeUInt32BE(id);
  return controlFrame(PING, body);
}

export function goawayFrame(): Buffer {
  return controlFrame(GOAWAY, Buffer.alloc(8));
}

function controlFrame(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x8000 | VERSION, 0);
  head.writeUInt16BE(type, 2);
  head.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([head, body]);
}

/**
 * Writes SYN_STREAM frames. Header blocks belong to one zlib stream a connection; ours is made of stored blocks, which
 * every inflater reads, so that no compressor (and no dictionary) has to be kept.
 */
export class StreamOpener {
  #begun = false;

  open(stream: number, headers: Readonly<Record<string, string>>): Buffer {
    const ids = Buffer.alloc(10);
    ids.writeUInt32BE(stream, 0);
    return controlFrame(SYN_STREAM, Buffer.concat([ids, this.#deflate(toBlock(headers))]));
  }

  #deflate(block: Buffer): Buffer {
    // CM 8, window 32 KiB, no dictionary; checked as a multiple of 31.
    const zlibHead = this.#begun ? [] : [0x78, 0x01];
    this.#begun = true;
    const stored = Buffer.alloc(5);
    stored.writeUInt16LE(block.length, 1);
    stored.writeUInt16LE(~block.length & 0xffff, 3);
    // An empty stored block behind it makes the reader hand over what it has, as a sync flush does.
    return Buffer.concat([Buffer.from(zlibHead), stored, block, Buffer.from([0, 0, 0, 0xff, 0xff])]);
  }
}

/** Name and value pairs, each text with its length. */
function toBlock(headers: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(headers);
  const count = Buffer.alloc(4);
  count.writeUInt32BE(entries.length);
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  return Buffer.concat([count, ...entries.flatMap(([name, value]) => [text(name.toLowerCase()), text(value)])]);
}
