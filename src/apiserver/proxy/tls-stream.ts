import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

/**
 * TLS over a stream that is no socket of the system's, without loss at the end.
 *
 * Node destroys such a TLS socket as soon as the stream below it ends, with up to 64 KiB that a slow reader has not taken
 * yet. So nothing is ever kept in it: it is read at once, and a slow reader stops the stream below.
 */
export class TlsStream extends Duplex {
  readonly #secured: TLSSocket;
  readonly #transport: Duplex;

  /** @param secured - After its handshake. */
  constructor(secured: TLSSocket, transport: Duplex) {
    super({ allowHalfOpen: false });
    // It may break while nobody has it in hand: before it is taken, or after it was used.
    this.on('error', () => {});
    this.#secured = secured;
    this.#transport = transport;
    secured.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) transport.pause();
    });
    secured.once('end', () => this.push(null));
    secured.on('error', (error) => {
      if (!secured.readableEnded) this.destroy(error);
    });
    secured.once('close', () => {
      if (!secured.readableEnded) this.destroy();
    });
  }

  /** As sockets have it, which HTTP clients ask for. */
  readonly setTimeout = (timeoutMs: number, call?: () => void): this => {
    this.#secured.setTimeout(timeoutMs, call);
    return this;
  };

  override _read(): void {
    this.#transport.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // A peer that has gone is told by the reading side, behind what it said before.
    if (this.#secured.writable) this.#secured.write(chunk, () => done());
    else done();
  }

  override _final(done: () => void): void {
    if (this.#secured.writable) this.#secured.end(() => done());
    else done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#secured.destroy();
    this.#transport.destroy();
    done(error);
  }
}
