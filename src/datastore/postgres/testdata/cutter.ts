/** Stands between a client and PostgreSQL and cuts the connection when a COMMIT passes. */
import { connect, createServer, type Socket } from 'node:net';

/** A simple query, as the protocol writes it: `Q`, length, text, zero. */
const COMMIT = Buffer.from([0x51, 0, 0, 0, 11, ...Buffer.from('COMMIT'), 0]);

export interface Cutter extends AsyncDisposable {
  readonly port: number;
  readonly cuts: number;
  /**
   * Cuts once: behind the next COMMIT, whose answer is then lost, or before it.
   * @param meanwhile - Runs between the loss at the server and the moment at which the client notices.
   */
  cutAtCommit(passes: boolean, meanwhile?: () => Promise<unknown>): void;
}

export async function startCutter(target: number): Promise<Cutter> {
  const state: { armed: 'passes' | 'stops' | undefined; cuts: number; meanwhile: () => Promise<unknown> } = {
    armed: undefined,
    cuts: 0,
    meanwhile: async () => {},
  };
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    let isCut = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end).on('close', () => void (isCut || end()));
    }
    client.on('data', (chunk: Buffer) => {
      if (state.armed === undefined || !chunk.includes(COMMIT)) {
        upstream.write(chunk);
        return;
      }
      const { armed } = state;
      state.armed = undefined;
      state.cuts++;
      isCut = true;
      if (armed === 'stops') {
        upstream.destroy();
        state.meanwhile().then(end, end);
      }
      // PostgreSQL finishes what it has read; only the answer goes nowhere.
      else upstream.end(chunk, () => client.destroy());
    });
    upstream.on('data', (chunk: Buffer) => {
      if (!isCut) client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    get cuts() {
      return state.cuts;
    },
    cutAtCommit(passes, meanwhile = async () => {}) {
      state.armed = passes ? 'passes' : 'stops';
      state.meanwhile = meanwhile;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
