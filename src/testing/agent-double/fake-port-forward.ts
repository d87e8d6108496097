import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { SpdyConnection } from './spdy-connection.ts';

/** The kubelet's side of port-forward over SPDY: each pair of streams is one connection to a port of the pod. */
export class FakePortForward {
  readonly #connection: SpdyConnection;
  readonly #sockets = new Map<number, Socket>();
  readonly #localPort: number;

  /** @param localPort - Stands for every port of every pod. */
  constructor(socket: Duplex, head: Buffer, localPort: number) {
    this.#localPort = localPort;
    this.#connection = new SpdyConnection(socket, head, {
      onStream: (stream, { streamtype }) => {
        if (streamtype === 'data') this.#open(stream);
      },
      onData: (stream, data) => void this.#sockets.get(stream)?.write(data),
      onEnd: (stream) => void this.#sockets.get(stream)?.end(),
    });
    socket.on('close', () => {
      for (const local of this.#sockets.values()) local.destroy();
    });
  }

  #open(stream: number): void {
    const local = connect(this.#localPort, '127.0.0.1');
    this.#sockets.set(stream, local);
    local.on('data', (data: Buffer) => this.#connection.write(stream, data));
    local.on('end', () => this.#connection.end(stream));
    local.on('error', () => this.#connection.reset(stream));
  }
}
