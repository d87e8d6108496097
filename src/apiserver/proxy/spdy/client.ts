import type { Duplex } from 'node:stream';
import { dataFrame, type Frame, FrameParser, goawayFrame, pingFrame, StreamOpener } from './frames.ts';

export interface SpdyStreamEvents {
  onData?(data: Buffer): void;
  /** The peer sends no more on it. */
  onEnd?(): void;
}

interface OpenStream extends SpdyStreamEvents {
  replied(): void;
  failed(error: Error): void;
  ended: boolean;
}

/** Largest piece of one data frame: the length has 24 bits, but small frames let streams take turns. */
const MAX_DATA_BYTES = 32 * 1024;

/** The client's side of a SPDY connection: opens streams, writes to them, hears from them. */
export class SpdyClient {
  readonly #socket: Duplex;
  readonly #opener = new StreamOpener();
  readonly #parser = new FrameParser();
  readonly #streams = new Map<number, OpenStream>();
  readonly #onClose: (error: Error | undefined) => void;
  #nextStream = 1;
  #closed = false;

  /**
   * @param head - Bytes that came with the upgrade.
   * @param onClose - Called once, when the connection is over.
   */
  constructor(socket: Duplex, head: Buffer, onClose: (error: Error | undefined) => void) {
    this.#socket = socket;
    this.#onClose = onClose;
    socket.on('data', (chunk: Buffer) => this.#accept(chunk));
    socket.once('error', (error) => this.#finish(error));
    socket.once('end', () => this.#finish(undefined));
    socket.once('close', () => this.#finish(undefined));
    if (head.length > 0) queueMicrotask(() => this.#accept(head));
  }

  /** Resolves to the stream's number once the peer has taken it. */
  open(headers: Readonly<Record<string, string>>, events: SpdyStreamEvents = {}): Promise<number> {
    const number = this.#nextStream;
    this.#nextStream += 2;
    return new Promise((resolve, reject) => {
      this.#streams.set(number, { ...events, replied: () => resolve(number), failed: reject, ended: false });
      this.#socket.write(this.#opener.open(number, headers));
    });
  }

  /** @returns false where the connection is full: wait for {@link drained}. */
  write(stream: number, data: Buffer): boolean {
    let free = true;
    for (let at = 0; at < data.length; at += MAX_DATA_BYTES) {
      free = this.#send(dataFrame(stream, data.subarray(at, at + MAX_DATA_BYTES), { fin: false }));
    }
    return free;
  }

  /** Ends our side of a stream; the peer may go on. */
  end(stream: number): void {
    this.#send(dataFrame(stream, Buffer.alloc(0), { fin: true }));
  }

  /** Resolves once the connection takes more, or is over. */
  drained(): Promise<void> {
    const socket = this.#socket;
    if (this.#closed || !socket.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = (): void => {
        socket.off('drain', finish).off('close', finish);
        resolve();
      };
      socket.once('drain', finish).once('close', finish);
    });
  }

  /** Stops reading until {@link resume}: the peer's output has nowhere to go. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    if (this.#closed) return;
    this.#socket.end(goawayFrame());
    this.#finish(undefined);
    this.#socket.once('finish', () => this.#socket.destroy());
  }

  #send(buffers: readonly Buffer[]): boolean {
    if (this.#closed) return true;
    let free = true;
    this.#socket.cork();
    for (const buffer of buffers) free = this.#socket.write(buffer);
    this.#socket.uncork();
    return free;
  }

  #accept(chunk: Buffer): void {
    for (const frame of this.#parser.push(chunk)) this.#handle(frame);
  }

  #handle(frame: Frame): void {
    switch (frame.type) {
      case 'data':
        if (frame.data.length > 0) this.#streams.get(frame.stream)?.onData?.(frame.data);
        if (frame.fin) this.#end(frame.stream);
        return;
      case 'reply':
        this.#streams.get(frame.stream)?.replied();
        if (frame.fin) this.#end(frame.stream);
        return;
      case 'reset':
        this.#streams.get(frame.stream)?.failed(new Error(`the stream was reset with status ${frame.status}`));
        this.#end(frame.stream);
        return;
      case 'ping':
        // Odd numbers are answers to our own; the others want an echo.
        if (frame.id % 2 === 0) this.#send([pingFrame(frame.id)]);
        return;
      case 'goaway':
      case 'other':
        return;
      default:
        frame satisfies never;
    }
  }

  #end(number: number): void {
    const stream = this.#streams.get(number);
    if (stream === undefined || stream.ended) return;
    stream.ended = true;
    stream.onEnd?.();
  }

  #finish(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const [number, stream] of this.#streams) {
      stream.failed(error ?? new Error('the connection was closed'));
      this.#end(number);
    }
    this.#onClose(error);
  }
}
