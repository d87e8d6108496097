import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, afterEach, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { TunnelClient, type TunnelGeneration } from '../testing/agent-double/tunnel-client.ts';
import { decodeFrame, FrameType } from './frames.ts';
import type { NodeReach } from './reach.ts';
import { TunnelError, TunnelServer } from './tunnel-server.ts';

const signal = new AbortController().signal;
const MEGABYTE = 1 << 20;

/** Plays the kubelet: says what a test wants of each connection. */
let onConnection: (socket: Socket) => void = () => {};
const kubelet = createServer((socket) => {
  socket.on('error', () => {});
  onConnection(socket);
});
let tunnels: TunnelServer;
const front = createHttpServer();
const clients: TunnelClient[] = [];

const listen = async (server: Server | ReturnType<typeof createHttpServer>): Promise<number> => {
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
};

async function join(generation: TunnelGeneration = 'current', nodeName = 'n1'): Promise<TunnelClient> {
  const { port } = front.address() as AddressInfo;
  const client = await TunnelClient.open({
    url: `ws://127.0.0.1:${port}/${nodeName}`,
    generation,
    portFor: (wanted) => (wanted === 10_250 ? (kubelet.address() as AddressInfo).port : undefined),
    clock: systemClock,
  });
  clients.push(client);
  await until(() => tunnels.has(nodeName));
  return client;
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let left = 2_000; !isTrue(); left--) {
    if (left === 0) throw new Error('it does not become true');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A stream that may break when its test is over and nobody listens any more. */
const dial = async (caller = signal): Promise<Duplex> =>
  (await tunnels.dial('n1', 'n1', 10_250, caller)).on('error', () => {});

before(async () => {
  await listen(kubelet);
  await listen(front);
  tunnels = new TunnelServer({ clock: systemClock, logger: silentLogger });
  front.on('upgrade', (request, socket, head) =>
    tunnels.handleUpgrade(request, socket, head, (request.url ?? '').slice(1)),
  );
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await until(() => !tunnels.has('n1'));
});

after(() => {
  tunnels.close();
  kubelet.close();
  front.close();
  front.closeAllConnections();
});

for (const generation of ['2021', 'current'] as const) {
  describe(`a tunnel of a ${generation} agent`, () => {
    it('carries bytes both ways, written at once, and numbers its first connection 2', async () => {
      onConnection = (socket) => socket.pipe(socket);
      const client = await join(generation);
      const stream = await dial();
      stream.write('hello');
      assert.equal(String((await once(stream, 'data'))[0]), 'hello');
      assert.deepEqual(client.connectionIds, [2n]);
      stream.destroy();
      await until(() => client.connectionIds.length === 0);
    });

    it('delivers everything before the end, whatever its size', async () => {
      const body = Buffer.alloc(3 * MEGABYTE + 17, 'abcdefghij');
      onConnection = (socket) => socket.end(body);
      await join(generation);
      const stream = await dial();
      assert.equal(await text(stream), body.toString());
    });

    it('carries much to a kubelet that begins to read late', async () => {
      const total = 12 * MEGABYTE;
      let got = 0;
      let accepted: Socket | undefined;
      onConnection = (socket) => {
        accepted = socket;
        socket.on('error', () => {});
        socket.on('data', (data) => {
          got += data.length;
        });
        socket.pause();
      };
      await join(generation);
      const stream = await dial();
      for (let left = total; left > 0; left -= MEGABYTE) stream.write(Buffer.alloc(MEGABYTE));
      await until(() => accepted !== undefined);
      accepted?.resume();
      await until(() => got === total);
      stream.destroy();
    });

    it('brings the answer of a kubelet that reads slowly and writes meanwhile', async () => {
      const total = 24 * MEGABYTE;
      let got = 0;
      onConnection = (socket) => {
        socket.on('data', (data) => {
          const before = got;
          got += data.length;
          if (got === total) socket.end('done');
          else if (Math.floor(got / MEGABYTE) > Math.floor(before / MEGABYTE)) {
            socket.write('.');
            socket.pause();
            setTimeout(() => socket.resume(), 10);
          }
        });
      };
      await join(generation);
      const stream = await dial();
      for (let left = total; left > 0; left -= MEGABYTE) stream.write(Buffer.alloc(MEGABYTE));
      assert.match(await text(stream), /^\.+done$/);
    });

    it('stays open for others while one reader does not read', async () => {
      onConnection = (socket) => {
        socket.once('data', (data) => {
          if (String(data) === 'flood') socket.write(Buffer.alloc(4 * MEGABYTE));
          else socket.end(data);
        });
      };
      await join(generation);
      const slow = await dial();
      slow.write('flood');
      await until(() => slow.readableLength > 0 || slow.listenerCount('readable') > 0 || slow.readable);
      const quick = await dial();
      quick.write('ping');
      assert.equal(await text(quick), 'ping');
      let bytes = 0;
      slow.on('data', (data: Buffer) => {
        bytes += data.length;
      });
      await until(() => bytes === 4 * MEGABYTE);
      slow.destroy();
    });
  });
}

describe('a tunnel', () => {
  it('asks a peer to pause beyond two megabytes, and to go on once they are read', async () => {
    onConnection = (socket) => socket.end(Buffer.alloc(8 * MEGABYTE));
    const client = await join();
    const stream = await dial();
    const types = (): number[] => client.received.map(({ type }) => type).filter((type) => type !== FrameType.connect);
    await until(() => types().includes(FrameType.pause));
    let bytes = 0;
    stream.on('data', (data: Buffer) => {
      bytes += data.length;
    });
    await until(() => bytes === 8 * MEGABYTE);
    assert.ok(types().includes(FrameType.resume));
  });

  it("ends a stream with the agent's reason where the dial fails", async () => {
    const client = await TunnelClient.open({
      url: `ws://127.0.0.1:${(front.address() as AddressInfo).port}/n1`,
      generation: 'current',
      portFor: () => 1,
      clock: systemClock,
    });
    clients.push(client);
    const stream = await dial();
    const [error] = (await once(stream, 'error').catch((reason) => [reason])) as [Error];
    assert.match(error.message, /ECONNREFUSED/);
  });

  it('refuses what agents do not allow, and asks no agent for it', async () => {
    const client = await join();
    await assert.rejects(tunnels.dial('n1', '10.42.0.3', 80, signal), TunnelError);
    await assert.rejects(tunnels.dial('n2', 'n2', 10_250, signal), /node n2 has no tunnel/);
    assert.deepEqual(client.received, []);
  });

  const pod = { addresses: ['10.200.0.2'], servesCluster: true, networks: ['10.42.0.0/16'] };
  const reaches: Record<string, [NodeReach | undefined, host: string, port: number, target: string | undefined]> = {
    'the kubelet by the name of its node': [undefined, 'n9', 10_250, 'tcp/127.0.0.1:10250'],
    'the kubelet by an address of its node': [pod, '10.200.0.2', 10_250, 'tcp/127.0.0.1:10250'],
    'the kubelet at a port of its own': [{ ...pod, kubeletPort: 9000 }, 'n9', 9000, 'tcp/127.0.0.1:9000'],
    'the streams of the container runtime': [undefined, 'n9', 10_010, 'tcp/127.0.0.1:10010'],
    'a pod, where the agent serves the cluster': [pod, '10.42.0.3', 10_250, 'tcp/10.42.0.3:10250'],
    'no pod at the port of the kubelet': [{ ...pod, servesCluster: false }, '10.42.0.3', 10_250, undefined],
    'no other port of the node': [undefined, 'n9', 22, undefined],
    'no name': [pod, 'example.com', 443, undefined],
  };
  for (const [title, [reach, host, port, target]] of Object.entries(reaches)) {
    it(`reaches ${title}`, async () => {
      const server = new TunnelServer({ clock: systemClock, logger: silentLogger, reachOf: () => reach });
      const http = createHttpServer().on('upgrade', (request, socket, head) =>
        server.handleUpgrade(request, socket, head, 'n9'),
      );
      const socket = new WebSocket(`ws://127.0.0.1:${await listen(http)}/`);
      try {
        await once(socket, 'open');
        const asked = once(socket, 'message') as Promise<[Buffer]>;
        const dialled = server.dial('n9', host, port, signal);
        if (target === undefined) await assert.rejects(dialled, TunnelError);
        else assert.equal(decodeFrame((await asked)[0]).payload.toString(), target);
        await dialled.then((stream) => stream.destroy()).catch(() => {});
      } finally {
        socket.terminate();
        server.close();
        http.close();
      }
    });
  }

  it('harms nobody with a stream that breaks while no one has it in hand', async () => {
    onConnection = () => {};
    const client = await join();
    const stream = await dial();
    await client.close();
    if (!stream.closed) await once(stream, 'close').catch(() => {});
    assert.match(stream.errored?.message ?? '', /tunnel disconnect/);
  });

  it('breaks its streams when it ends', async () => {
    onConnection = () => {};
    const client = await join();
    const stream = await dial();
    const broken = once(stream, 'error').catch((error) => [error]);
    await client.close();
    assert.match(((await broken)[0] as Error).message, /tunnel disconnect/);
    await assert.rejects(dial(), TunnelError);
  });

  it('ends when the agent sends text or asks to connect', async () => {
    const client = await join();
    client.send(FrameType.connect, 9n, Buffer.from('tcp/127.0.0.1:22'));
    await client.ended;
    await until(() => !tunnels.has('n1'));
  });

  it('closes what the agent no longer has, but only at the second time', async () => {
    onConnection = () => {};
    const client = await join();
    const stream = await dial();
    const state = { closed: false };
    stream.on('error', () => {});
    stream.on('close', () => {
      state.closed = true;
    });
    await until(() => client.connectionIds.length === 1);
    client.sendConnections([]);
    client.sendConnections();
    client.sendConnections([]);
    // The server answers this once it has taken the lists before it.
    client.send(FrameType.data, 99n);
    await until(() => client.received.some(({ connectionId }) => connectionId === 99n));
    assert.equal(state.closed, false);
    client.sendConnections([]);
    await until(() => state.closed);
  });

  it('tells when a node comes and when its last tunnel has gone', async () => {
    const told: string[] = [];
    const stop = tunnels.onChange((nodeName) => told.push(`${nodeName} ${tunnels.has(nodeName)}`));
    const first = await join('2021', 'n3');
    await first.close();
    await until(() => told.length === 2);
    assert.deepEqual(told, ['n3 true', 'n3 false']);
    stop();
  });

  it('forgets a stream whose caller has gone', async () => {
    onConnection = () => {};
    const client = await join();
    const abort = new AbortController();
    await dial(abort.signal);
    await until(() => client.connectionIds.length === 1);
    abort.abort();
    await until(() => client.connectionIds.length === 0);
  });
});
