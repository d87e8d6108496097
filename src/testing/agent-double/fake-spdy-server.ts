import type { Duplex } from 'node:stream';
import { constants, createInflate, type Inflate } from 'node:zlib';

/**
 * A kubelet's side of exec over SPDY, for tests. What it does is in the command: `cat` gives stdin back once it has
 * ended, `exit` fails with code 7, `big` writes much.
 */
export class FakeSpdyServer {
  readonly #socket: Duplex;
  readonly #inflate: Inflate = createInflate({ finishFlush: constants.Z_SYNC_FLUSH });
  readonly #streams = new Map<string, number>();
  readonly #url: string;
  #pending = Buffer.alloc(0);
  #header = Buffer.alloc(0);
  #opened: number[] = [];
  #stdin = '';
  #begun = false;

  constructor(socket: Duplex, head: Buffer, url: string) {
    this.#socket = socket;
    this.#url = url;
    this.#inflate.on('data', (chunk: Buffer) => this.#takeHeader(chunk));
    socket.on('data', (chunk: Buffer) => this.#accept(chunk));
    socket.on('error', () => {});
    this.#accept(head);
  }

  #accept(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= 8) {
      const end = 8 + this.#pending.readUIntBE(5, 3);
      if (this.#pending.length < end) return;
      const frame = this.#pending.subarray(0, end);
      this.#pending = this.#pending.subarray(end);
      if ((frame.readUInt8(0) & 0x80) === 0) this.#takeData(frame);
      else if (frame.readUInt16BE(2) === 1) {
        this.#opened.push(frame.readUInt32BE(8));
        this.#inflate.write(frame.subarray(18));
      }
    }
  }

  #takeHeader(chunk: Buffer): void {
    this.#header = Buffer.concat([this.#header, chunk]);
    for (;;) {
      const parsed = parseBlock(this.#header);
      if (parsed === undefined) return;
      this.#header = this.#header.subarray(parsed.length);
      const stream = this.#opened.shift() ?? 0;
      this.#streams.set(parsed.headers['streamtype'] ?? '', stream);
      this.#control(2, stream);
      this.#begin();
    }
  }

  #begin(): void {
    const expected = ['error', 'stdin', 'stdout', 'stderr', 'resize'].filter((name) => this.#isWanted(name));
    if (this.#begun || !expected.every((name) => this.#streams.has(name))) return;
    this.#begun = true;
    if (this.#url.includes('command=exit')) this.#finish(failure);
    else if (this.#url.includes('command=big')) {
      for (let left = 30; left > 0; left--) this.#data('stdout', Buffer.alloc(100_000, 'z'));
    }
  }

  #isWanted(stream: string): boolean {
    const parameter: Record<string, string> = {
      stdin: 'input=1',
      stdout: 'output=1',
      stderr: 'error=1',
      resize: 'tty=1',
    };
    return stream === 'error' || this.#url.includes(parameter[stream] ?? '');
  }

  #takeData(frame: Buffer): void {
    const stream = frame.readUInt32BE(0);
    if (stream === this.#streams.get('resize')) {
      const { Width, Height } = JSON.parse(frame.subarray(8).toString());
      if (Width === 80 && Height === 24) this.#finish('{"metadata":{},"status":"Success"}');
      return;
    }
    this.#stdin += frame.subarray(8).toString();
    if ((frame.readUInt8(4) & 1) === 0) return;
    this.#data('stdout', Buffer.from(`out: ${this.#stdin}`));
    this.#data('stderr', Buffer.from('err'));
    this.#finish('{"metadata":{},"status":"Success"}');
  }

  /** As kubelets do: the outcome, then all streams are reset. */
  #finish(status: string): void {
    this.#data('error', Buffer.from(status));
    for (const stream of this.#streams.values()) this.#control(3, stream, 5);
    setTimeout(() => this.#socket.end(), 5);
  }

  #data(stream: string, data: Buffer): void {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(this.#streams.get(stream) ?? 0, 0);
    head.writeUIntBE(data.length, 5, 3);
    this.#socket.write(Buffer.concat([head, data]));
  }

  #control(type: number, stream: number, status?: number): void {
    const length = status === undefined ? 4 : 8;
    const frame = Buffer.alloc(8 + length);
    frame.writeUInt16BE(0x8003, 0);
    frame.writeUInt16BE(type, 2);
    frame.writeUIntBE(length, 5, 3);
    frame.writeUInt32BE(stream, 8);
    if (status !== undefined) frame.writeUInt32BE(status, 12);
    this.#socket.write(frame);
  }
}

const failure = JSON.stringify({
  metadata: {},
  status: 'Failure',
  message: 'command terminated with non-zero exit code: exit status 7',
  reason: 'NonZeroExitCode',
  details: { causes: [{ reason: 'ExitCode', message: '7' }] },
});

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
