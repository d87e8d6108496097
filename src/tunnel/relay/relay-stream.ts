import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { FrameReader } from './frames.ts';

/** A stream to a node through another server. As with a tunnel of our own, ending it closes both directions. */
export class RelayStream extends Duplex {
  readonly #socket: TLSSocket;
  readonly #frames: FrameReader;
  #ended = false;

  /** @param socket - Paused, with what follows the answers. */
  constructor(socket: TLSSocket) {
    super({ allowHalfOpen: false });
    // It may break while nobody has it in hand: before it is taken, or after it was used.
    this.on('error', () => {});
    this.#socket = socket;
    this.#frames = new FrameReader((bytes) => {
      if (!this.push(bytes)) socket.pause();
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        this.#frames.take(chunk);
      } catch (error) {
        this.destroy(error as Error);
      }
    });
    socket.once('end', () => {
      this.#ended = true;
      this.#pushEnd();
    });
    socket.on('error', (error) => this.destroy(error));
    socket.once('close', () => {
      this.#ended = true;
      this.#pushEnd();
    });
    socket.pause();
  }

  override _read(): void {
    if (this.#ended) this.#pushEnd();
    else this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #pushEnd(): void {
    if (this.readableEnded || this.destroyed) return;
    const { ended, fault = ended ? undefined : new Error('the server that holds the tunnel has gone') } = this.#frames;
    if (fault === undefined) this.push(null);
    else if (this.readableLength === 0) this.destroy(fault);
    // Breaking drops what the stream holds: an empty chunk asks to be called again after the next read.
    else this.push(EMPTY);
  }
}

const EMPTY = Buffer.alloc(0);
