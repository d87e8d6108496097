import type { Duplex } from 'node:stream';
import { constants, createInflate, type Inflate } from 'node:zlib';
import { spdyDictionary } from './spdy-dictionary.ts';

const SYN_STREAM = 1;
const SYN_REPLY = 2;
const RST_STREAM = 3;
const PING = 6;
/** Status of a stream that its receiver does not want any more. */
const CANCEL = 5;
const MAX_DATA_BYTES = 32 * 1024;

export interface SpdyEvents {
  /** A stream was opened; its headers have names in small letters. */
  onStream(stream: number, headers: Readonly<Record<string, string>>): void;
  onData(stream: number, data: Buffer): void;
  /** The client sends no more on the stream. */
  onEnd(stream: number): void;
}

/** A server's side of SPDY/3.1, as far as kubelets' streaming needs it: takes streams, hears and answers on them. */
export class SpdyConnection {
  readonly #socket: Duplex;
  readonly #events: SpdyEvents;
  readonly #inflate: Inflate = createInflate({
    finishFlush: constants.Z_SYNC_FLUSH,
    dictionary: spdyDictionary(),
  });
  #pending = Buffer.alloc(0);
  #header = Buffer.alloc(0);
  readonly #opening: { readonly stream: number; readonly fin: boolean }[] = [];
  #replied = false;

  /** @param head - Bytes that came with the upgrade. */
  constructor(socket: Duplex, head: Buffer, events: SpdyEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#inflate.on('data', (chunk: Buffer) => this.#takeHeader(chunk));
    socket.on('data', (chunk: Buffer) => this.#accept(chunk));
    socket.on('error', () => {});
    this.#accept(head);
  }

  write(stream: number, data: Buffer): void {
    for (let at = 0; at < data.length; at += MAX_DATA_BYTES) {
      this.#data(stream, data.subarray(at, at + MAX_DATA_BYTES), 0);
    }
  }

  end(stream: number): void {
    this.#data(stream, Buffer.alloc(0), 1);
  }

  reset(stream: number): void {
    const body = Buffer.alloc(8);
    body.writeUInt32BE(stream, 0);
    body.writeUInt32BE(CANCEL, 4);
    this.#control(RST_STREAM, body);
  }

  #accept(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= 8) {
      const end = 8 + this.#pending.readUIntBE(5, 3);
      if (this.#pending.length < end) return;
      const frame = this.#pending.subarray(0, end);
      this.#pending = this.#pending.subarray(end);
      this.#take(frame);
    }
  }

  #take(frame: Buffer): void {
    const fin = (frame.readUInt8(4) & 1) !== 0;
    if ((frame.readUInt8(0) & 0x80) === 0) {
      const stream = frame.readUInt32BE(0);
      if (frame.length > 8) this.#events.onData(stream, frame.subarray(8));
      if (fin) this.#events.onEnd(stream);
      return;
    }
    const type = frame.readUInt16BE(2);
    if (type === SYN_STREAM) {
      this.#opening.push({ stream: frame.readUInt32BE(8), fin });
      this.#inflate.write(frame.subarray(18));
    } else if (type === PING) this.#control(PING, frame.subarray(8));
  }

  #takeHeader(chunk: Buffer): void {
    this.#header = Buffer.concat([this.#header, chunk]);
    for (;;) {
      const parsed = parseBlock(this.#header);
      const opened = parsed === undefined ? undefined : this.#opening.shift();
      if (parsed === undefined || opened === undefined) return;
      this.#header = this.#header.subarray(parsed.length);
      this.#reply(opened.stream);
      this.#events.onStream(opened.stream, parsed.headers);
      if (opened.fin) this.#events.onEnd(opened.stream);
    }
  }

  /** Takes the stream, with no headers: a block of none, stored in the one zlib stream of the connection. */
  #reply(stream: number): void {
    const id = Buffer.alloc(4);
    id.writeUInt32BE(stream);
    const zlibHead = this.#replied ? [] : [0x78, 0x01];
    this.#replied = true;
    this.#control(SYN_REPLY, Buffer.from([...id, ...zlibHead, 0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]));
  }

  #data(stream: number, data: Buffer, flags: number): void {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(stream, 0);
    head.writeUInt8(flags, 4);
    head.writeUIntBE(data.length, 5, 3);
    this.#write(Buffer.concat([head, data]));
  }

  #control(type: number, body: Buffer): void {
    const head = Buffer.alloc(8);
    head.writeUInt16BE(0x8003, 0);
    head.writeUInt16BE(type, 2);
    head.writeUIntBE(body.length, 5, 3);
    this.#write(Buffer.concat([head, body]));
  }

  #write(bytes: Buffer): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }
}

/** A block of names and values; undefined while it is not whole. */
function parseBlock(block: Buffer): { headers: Record<string, string>; length: number } | undefined {
  if (block.length < 4) return undefined;
  const headers: Record<string, string> = {};
  let at = 4;
  const texts: string[] = [];
  for (let left = block.readUInt32BE(0) * 2; left > 0; left--) {
    if (block.length < at + 4) return undefined;
    const length = block.readUInt32BE(at);
    if (block.length < at + 4 + length) return undefined;
    texts.push(block.subarray(at + 4, at + 4 + length).toString());
    at += 4 + length;
  }
  for (let index = 0; index + 1 < texts.length; index += 2) headers[texts[index] ?? ''] = texts[index + 1] ?? '';
  return { headers, length: at };
}
