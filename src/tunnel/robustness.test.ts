/** What a tunnel has to bear: many streams, slow readers, agents that come and go, lie, flood or fall silent. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, afterEach, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { type Clock, systemClock, type Timer } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { TunnelClient, type TunnelGeneration } from '../testing/agent-double/tunnel-client.ts';
import { Random } from '../testing/fuzz/random.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { encodeFrame, FrameType } from './frames.ts';
import { TunnelServer } from './tunnel-server.ts';

const signal = new AbortController().signal;
const MEGABYTE = 1 << 20;

/** Timers of the server that run at this moment. */
const running = new Set<Timer>();
const track = (start: (finish: () => void) => Timer): Timer => {
  const started = start(() => running.delete(timer));
  const timer: Timer = {
    cancel() {
      running.delete(timer);
      started.cancel();
    },
  };
  running.add(timer);
  return timer;
};
/** Whether long waits are cut short. */
let isHurried = false;
const clock: Clock = {
  ...systemClock,
  after: (delayMs, run) =>
    track((finish) =>
      systemClock.after(isHurried && delayMs > 1_000 ? delayMs / 20 : delayMs, () => {
        finish();
        run();
      }),
    ),
  every: (periodMs, run) => track(() => systemClock.every(periodMs, run)),
};

let onConnection: (socket: Socket) => void = () => {};
const kubelet = createServer((socket) => {
  socket.on('error', () => {});
  onConnection(socket);
});
const front = createHttpServer();
const clients: TunnelClient[] = [];
const raw: WebSocket[] = [];
let tunnels: TunnelServer;

const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;
const urlOf = (nodeName: string): string => `ws://127.0.0.1:${portOf(front)}/${nodeName}`;

async function join(nodeName: string, generation: TunnelGeneration = 'current'): Promise<TunnelClient> {
  const client = await TunnelClient.open({
    url: urlOf(nodeName),
    generation,
    portFor: (wanted) => (wanted === 10_250 ? portOf(kubelet) : undefined),
    clock: systemClock,
  });
  clients.push(client);
  await until(() => tunnels.has(nodeName));
  return client;
}

/** An agent of which the test writes every byte. */
async function joinRaw(nodeName: string): Promise<WebSocket> {
  const socket = new WebSocket(urlOf(nodeName)).on('error', () => {});
  raw.push(socket);
  await once(socket, 'open');
  await until(() => tunnels.has(nodeName));
  return socket;
}

const dial = async (nodeName = 'n1'): Promise<Duplex> =>
  (await tunnels.dial(nodeName, nodeName, 10_250, signal)).on('error', () => {});

async function until(isTrue: () => boolean): Promise<void> {
  for (let left = 4_000; !isTrue(); left--) {
    if (left === 0) throw new Error('it does not become true');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

before(async () => {
  for (const server of [kubelet, front]) await once(server.listen(0, '127.0.0.1'), 'listening');
  tunnels = new TunnelServer({ clock, logger: silentLogger });
  front.on('upgrade', (request, socket, head) =>
    tunnels.handleUpgrade(request, socket, head, (request.url ?? '').slice(1)),
  );
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const socket of raw.splice(0)) socket.terminate();
  await until(() => !['n1', 'n2'].some((name) => tunnels.has(name)));
});

after(() => {
  tunnels.close();
  kubelet.close();
  front.close();
  front.closeAllConnections();
});

describe('a tunnel under load', () => {
  it('carries a thousand streams at once, and ends each of them', async () => {
    onConnection = (socket) => socket.pipe(socket);
    const client = await join('n1');
    const streams = await Promise.all(Array.from({ length: 1_000 }, () => dial()));
    for (const [index, stream] of streams.entries()) stream.write(`stream ${index}`);
    const heard = await Promise.all(streams.map(async (stream) => String((await once(stream, 'data'))[0])));
    assert.deepEqual(
      heard,
      streams.map((_stream, index) => `stream ${index}`),
    );
    assert.equal(client.connectionIds.length, 1_000);
    for (const stream of streams) stream.destroy();
    await until(() => client.connectionIds.length === 0);
  });

  for (const generation of ['2021', 'current'] as const)
    it(`holds the flood of a ${generation} agent back where the reader is slow, and loses none of it`, async () => {
      const total = 64 * MEGABYTE;
      const state = { written: 0, read: 0, ahead: 0 };
      onConnection = (socket) => {
        const chunk = Buffer.alloc(64 * 1024, 7);
        const more = (): void => {
          while (state.written < total) {
            state.written += chunk.length;
            if (!socket.write(chunk)) {
              socket.once('drain', more);
              return;
            }
          }
          socket.end();
        };
        more();
      };
      await join('n1', generation);
      const stream = await dial();
      for await (const chunk of stream) {
        state.read += (chunk as Buffer).length;
        state.ahead = Math.max(state.ahead, state.written - state.read);
        if (state.read % (4 * MEGABYTE) < 32 * 1024) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      assert.equal(state.read, total);
      assert.ok(state.ahead < 32 * MEGABYTE, `${state.ahead} bytes were under way at once`);
    });

  it('takes agents that come and go two hundred times, and keeps nothing of them', async () => {
    onConnection = (socket) => socket.pipe(socket);
    const told: string[] = [];
    const stop = tunnels.onChange((nodeName) => told.push(nodeName));
    const before = running.size;
    for (let cycle = 0; cycle < 200; cycle++) {
      const client = await join('n1', cycle % 2 === 0 ? 'current' : '2021');
      const stream = await dial();
      stream.write('x');
      await once(stream, 'data');
      // Half of them go without a word, with a stream open.
      if (cycle % 4 < 2) stream.destroy();
      await client.close();
      clients.length = 0;
      await until(() => !tunnels.has('n1'));
    }
    stop();
    assert.equal(told.length, 400);
    assert.equal(running.size, before);
    const left = await new Promise<number>((resolve) => front.getConnections((_error, count) => resolve(count)));
    assert.equal(left, 0);
    assert.deepEqual([front.listenerCount('upgrade'), front.listenerCount('error')], [1, 0]);
  });

  it('takes a hundred agents that come at once', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `storm-${index}`);
    await Promise.all(names.map((name) => join(name)));
    assert.ok(names.every((name) => tunnels.has(name)));
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await until(() => !names.some((name) => tunnels.has(name)));
  });
});

describe('a tunnel of an agent that misbehaves', () => {
  it('survives two thousand malformed messages, or ends, without harm to others', async () => {
    onConnection = (socket) => socket.pipe(socket);
    await join('n2');
    const steady = await dial('n2');
    const random = new Random(42);
    for (let left = 2_000; left > 0; ) {
      const agent = await joinRaw('n1');
      const stream = await dial();
      const isOver = { now: false };
      agent.once('close', () => {
        isOver.now = true;
      });
      while (left > 0 && !isOver.now) {
        left -= 1;
        agent.send(malformed(random), { binary: !random.once(200) });
        if (random.once(20)) await new Promise((resolve) => setImmediate(resolve));
      }
      agent.terminate();
      await until(() => !tunnels.has('n1'));
      assert.ok(stream.destroyed || stream.readableEnded || stream.readable);
      stream.destroy();
    }
    steady.write('still here');
    assert.equal(String((await once(steady, 'data'))[0]), 'still here');
  });

  it('cuts off an agent that floods streams which are not there, and does not read the answers', async () => {
    const longName = 'n'.repeat(250);
    const agent = await joinRaw(longName);
    // Nothing is read any more: the answers pile up at the server.
    (agent as unknown as { _socket: Socket })._socket.pause();
    const payload = Buffer.alloc(0);
    const bytes = encodeFrame({ id: 1n, connectionId: 77n, type: FrameType.data, deadlineMs: 0n, payload });
    for (let sent = 0; sent < 120_000; sent++) agent.send(bytes);
    await until(() => !tunnels.has(longName));
  });

  it('cuts off an agent that pings without end, and does not read the answers', async () => {
    const agent = await joinRaw('n1');
    (agent as unknown as { _socket: Socket })._socket.pause();
    const payload = Buffer.alloc(125);
    for (let sent = 0; sent < 400_000 && tunnels.has('n1'); sent++) {
      agent.ping(payload);
      if (sent % 2_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => !tunnels.has('n1'));
  });

  it('keeps no more than a few tunnels of one machine, the newest ones', async () => {
    for (let left = 60; left > 0; left--) await joinRaw('n1');
    const isOpen = (socket: WebSocket): boolean => socket.readyState === WebSocket.OPEN;
    await until(() => raw.filter(isOpen).length < 20);
    assert.ok(raw.slice(-10).every(isOpen));
  });

  it('cuts off a stream of countless tiny messages that nobody reads', async () => {
    isHurried = true;
    const agent = await joinRaw('n1');
    const stream = await dial();
    const broken = once(stream, 'error').catch((error) => [error]);
    const payload = Buffer.alloc(1);
    const one = encodeFrame({ id: 1n, connectionId: 2n, type: FrameType.data, deadlineMs: 0n, payload });
    for (let sent = 0; sent < 60_000; sent++) agent.send(one);
    assert.match(((await broken)[0] as Error).message, /too slow/);
    isHurried = false;
  });

  it('cuts off one stream, and no other, where an old agent floods a reader that never reads', async () => {
    isHurried = true;
    onConnection = (socket) => {
      socket.once('data', (data) => {
        if (String(data) === 'flood') socket.write(Buffer.alloc(40 * MEGABYTE));
        else socket.end(data);
      });
    };
    await join('n1', '2021');
    const stream = await dial();
    const broken = once(stream, 'error').catch((error) => [error]);
    stream.write('flood');
    assert.match(((await broken)[0] as Error).message, /too slow/);
    const other = await dial();
    other.write('still here');
    assert.equal(await text(other), 'still here');
    isHurried = false;
  });

  it('opens no connection that an agent asks for', async () => {
    const agent = await joinRaw('n1');
    const target = Buffer.from('tcp/127.0.0.1:22');
    agent.send(encodeFrame({ id: 1n, connectionId: 9n, type: FrameType.connect, deadlineMs: 0n, payload: target }));
    await once(agent, 'close');
    assert.equal(tunnels.has('n1'), false);
  });

  it('is named by its certificate, whatever its headers say', async () => {
    const headers = { 'X-API-Tunnel-ID': 'n2', 'X-API-Tunnel-Token': 'x', 'k3s-Node-Name': 'n2' };
    const socket = new WebSocket(urlOf('n1'), { headers });
    raw.push(socket);
    await once(socket, 'open');
    await until(() => tunnels.has('n1'));
    // Messages by which servers tell each other of agents count for nothing.
    const payload = Buffer.from('n2/1');
    socket.send(encodeFrame({ id: 1n, connectionId: 0n, type: FrameType.addClient, deadlineMs: 0n, payload }));
    socket.ping();
    await once(socket, 'pong');
    assert.deepEqual([tunnels.has('n1'), tunnels.has('n2')], [true, false]);
  });
});

describe('the end of a stream', () => {
  it('brings everything before a close of the kubelet, and closes the other way', async () => {
    onConnection = (socket) => {
      socket.write(Buffer.alloc(MEGABYTE, 'a'));
      socket.end('the end');
    };
    const client = await join('n1');
    const stream = await dial();
    assert.match(await text(stream), /^a+the end$/);
    await until(() => client.connectionIds.length === 0);
    stream.write('too late', () => {});
  });

  it('tells the kubelet when the caller ends, since there is no half of a connection', async () => {
    const closed = new Promise<number>((resolve) => {
      onConnection = (socket) => {
        let bytes = 0;
        socket.on('data', (data) => {
          bytes += data.length;
        });
        socket.once('close', () => resolve(bytes));
      };
    });
    await join('n1');
    const stream = await dial();
    stream.end(Buffer.alloc(MEGABYTE));
    assert.equal(await closed, MEGABYTE);
  });
});

describe('a silent agent', () => {
  it('is given up after a minute, and is not while it pings', async () => {
    const manual = new ManualClock();
    const server = new TunnelServer({ clock: manual, logger: silentLogger });
    const http = createHttpServer().on('upgrade', (request, socket, head) =>
      server.handleUpgrade(request, socket, head, 'n1'),
    );
    await once(http.listen(0, '127.0.0.1'), 'listening');
    const socket = new WebSocket(`ws://127.0.0.1:${portOf(http)}/`).on('error', () => {});
    try {
      await once(socket, 'open');
      await until(() => server.has('n1'));
      manual.advance(50_000);
      socket.ping();
      await once(socket, 'pong');
      manual.advance(50_000);
      assert.ok(server.has('n1'));
      const stream = await server.dial('n1', 'n1', 10_250, signal);
      const broken = once(stream, 'error').catch((error) => [error]);
      manual.advance(61_000);
      assert.equal(server.has('n1'), false);
      assert.match(((await broken)[0] as Error).message, /tunnel disconnect/);
      await assert.rejects(server.dial('n1', 'n1', 10_250, signal), /agent is not connected/);
    } finally {
      socket.terminate();
      server.close();
      http.close();
    }
  });
});

/** Noise, cut frames, frames of unknown kinds and streams, huge numbers. */
function malformed(random: Random): Buffer {
  if (random.once(3)) return Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)));
  const payload = Buffer.from(Array.from({ length: random.below(30) }, () => random.below(256)));
  const bytes = encodeFrame({
    id: BigInt(random.below(1_000)),
    connectionId: random.pick([0n, 2n, 3n, -1n, 2n ** 62n]),
    type: random.pick([0, 1, 1, 1, 3, 4, 5, 6, 6, 7, 7, 8, 9, 99, -3]),
    deadlineMs: random.pick([0n, 15_000n, -(2n ** 62n)]),
    payload,
  });
  return random.once(4) ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes;
}
