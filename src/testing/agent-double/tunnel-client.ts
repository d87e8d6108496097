import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { Clock, Timer } from '../../std/clock.ts';
import { decodeFrame, encodeFrame, type Frame, FrameType } from '../../tunnel/frames.ts';

/** `2021`: remotedialer v0.2.0, as k3s up to 1.24 has it, without pauses. `current`: with them and with lists of connections. */
export type TunnelGeneration = '2021' | 'current';

export interface TunnelClientOptions {
  /** Such as `wss://127.0.0.1:6443/v1-k3s/connect`. */
  readonly url: string;
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string } | undefined;
  readonly generation: TunnelGeneration;
  /** Local port behind an address as the node sees it; undefined: the agent does not allow it. */
  portFor(port: number, host: string): number | undefined;
  readonly clock: Clock;
  /** Default 5,000, as agents have it. */
  readonly pingPeriodMs?: number | undefined;
}

/** One write of the agent's WebSocket library; longer messages go out in fragments. Source: gorilla/websocket. */
const FRAGMENT_BYTES = 4096;
const PAUSE_BYTES = 1 << 21;
const RESUME_BYTES = PAUSE_BYTES / 8;
const SYNC_PERIOD_MS = 60_000;
/** What an agent bears before it gives the tunnel up. Source: remotedialer `types.go`, `wsconn.go`, `session.go` (startPings). */
const LIMITS = {
  // A ping that cannot be written in time breaks the connection for all later writes. Agents give it a second; tests run
  // on machines that may be busy with others for as long.
  '2021': { silenceMs: 10_000, pingMs: 3_000 },
  current: { silenceMs: 60_000, pingMs: 60_000 },
} as const;
/** Messages of one connection that older agents hold before they read nothing more, and how long. Source: remotedialer v0.2.0 `connection.go`. */
const QUEUED_MESSAGES = 1_024;
const QUEUE_LIMIT_MS = 15_000;
const NOTHING = Buffer.alloc(0);

interface Connection {
  readonly socket: Socket;
  /**
   * One flag for both directions, as agents have it: set by a Pause that is heard or sent, cleared by a Resume that is
   * heard or sent. Source: remotedialer `back_pressure.go`.
   */
  paused: boolean;
  /** What the writer sends once it is woken: only a Resume that is heard does so. */
  asleep: (() => void) | undefined;
  /** Messages of older agents that wait for the local socket, which takes one at a time. */
  readonly queue: Buffer[];
  /** The server has closed it: what waits is still written. */
  ending: boolean;
  /** Runs while nothing is read for any connection, since this one takes too little. */
  blocked: Timer | undefined;
}

/** An agent's side of a tunnel, as remotedialer's client behaves on the wire. */
export class TunnelClient {
  /** Messages of the server in order, as type and connection, for tests to look at. */
  readonly received: { readonly type: number; readonly connectionId: bigint }[] = [];
  /** What the server asked for, in order, such as `tcp/127.0.0.1:10250`. */
  readonly targets: string[] = [];
  readonly #options: TunnelClientOptions;
  readonly #socket: WebSocket;
  readonly #connections = new Map<bigint, Connection>();
  readonly #timers: Timer[] = [];
  readonly #ended: Promise<string>;
  /** Resolves when all that was sent so far has left. */
  #flushed: Promise<void> = Promise.resolve();
  #silence: Timer | undefined;
  #nextId = randomBytes(8).readBigUInt64BE() >> 1n;

  private constructor(options: TunnelClientOptions, socket: WebSocket) {
    this.#options = options;
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.#take(decodeFrame(data)));
    socket.on('error', () => {});
    socket.on('pong', () => this.#watch());
    this.#watch();
    this.#ended = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.#silence?.cancel();
        for (const timer of this.#timers) timer.cancel();
        for (const { socket: local } of this.#connections.values()) local.destroy();
        this.#connections.clear();
        resolve(reason.toString() || String(code));
      });
    });
    this.#timers.push(options.clock.every(options.pingPeriodMs ?? 5_000, () => void this.#ping()));
    if (options.generation === 'current')
      this.#timers.push(options.clock.every(SYNC_PERIOD_MS, () => this.sendConnections()));
  }

  /** Opens the tunnel. @throws Error with the server's status where it refuses. */
  static async open(options: TunnelClientOptions): Promise<TunnelClient> {
    const socket = new WebSocket(options.url, { perMessageDeflate: false, ...options.tls });
    const client = new TunnelClient(options, socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  /** Why the tunnel ended, once it has. */
  get ended(): Promise<string> {
    return this.#ended;
  }

  get connectionIds(): bigint[] {
    return [...this.#connections.keys()];
  }

  close(): Promise<string> {
    this.#socket.close();
    return this.#ended;
  }

  /** Pulls the plug: the server hears no goodbye. */
  abort(): Promise<string> {
    this.#socket.terminate();
    return this.#ended;
  }

  /** Sends a message as it is. */
  send(type: number, connectionId: bigint, payload: Buffer = NOTHING, done?: () => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const bytes = encodeFrame({ id: this.#nextId++, connectionId, type, deadlineMs: 15_000n, payload });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#flushed = promise;
    const finish = (): void => {
      resolve();
      done?.();
    };
    for (let at = 0; at < bytes.length; at += FRAGMENT_BYTES) {
      const fin = at + FRAGMENT_BYTES >= bytes.length;
      this.#socket.send(bytes.subarray(at, at + FRAGMENT_BYTES), { binary: true, fin }, fin ? finish : undefined);
    }
  }

  /** Tells the server which connections there are, or claims those given. */
  sendConnections(ids: readonly bigint[] = this.connectionIds): void {
    const payload = Buffer.alloc(ids.length * 8);
    for (const [index, id] of ids.entries()) payload.writeBigUInt64LE(id, index * 8);
    this.send(FrameType.syncConnections, 0n, payload);
  }

  /** Waits for its turn behind what is being written, and then has to get out in time. */
  async #ping(): Promise<void> {
    for (let turn: Promise<void> | undefined; turn !== this.#flushed; ) {
      turn = this.#flushed;
      await turn;
    }
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const limit = this.#options.clock.after(LIMITS[this.#options.generation].pingMs, () => this.#socket.terminate());
    this.#socket.ping('', undefined, () => limit.cancel());
  }

  /** Gives the tunnel up where the server is silent; only pings and pongs count. */
  #watch(): void {
    this.#silence?.cancel();
    const { silenceMs } = LIMITS[this.#options.generation];
    this.#silence = this.#options.clock.after(silenceMs, () => this.#socket.terminate());
  }

  #take(frame: Frame): void {
    const { type, connectionId, payload } = frame;
    this.received.push({ type, connectionId });
    if (type === FrameType.connect) {
      this.#connect(connectionId, payload.toString());
      return;
    }
    const connection = this.#connections.get(connectionId);
    if (connection === undefined) {
      if (type === FrameType.data)
        this.send(FrameType.error, connectionId, Buffer.from(`connection not found client/0/${connectionId}`));
      return;
    }
    if (type === FrameType.data) this.#write(connectionId, connection, payload);
    else if (type === FrameType.error) this.#finish(connection);
    else if (this.#options.generation === 'current' && type === FrameType.pause) {
      connection.paused = true;
    } else if (this.#options.generation === 'current' && type === FrameType.resume) {
      connection.paused = false;
      const { asleep } = connection;
      connection.asleep = undefined;
      asleep?.();
    }
  }

  /** A target that the agent does not allow ends the whole session. */
  #connect(connectionId: bigint, target: string): void {
    this.targets.push(target);
    const [, host = '', port] = /^tcp\/(.+):(\d+)$/.exec(target) ?? [];
    const local = port === undefined ? undefined : this.#options.portFor(Number(port), host);
    if (local === undefined) {
      this.#socket.close(1011, 'connect not allowed');
      return;
    }
    const socket = connect({ host: '127.0.0.1', port: local });
    const connection: Connection = {
      socket,
      paused: false,
      asleep: undefined,
      queue: [],
      ending: false,
      blocked: undefined,
    };
    this.#connections.set(connectionId, connection);
    const state: { reason: string } = { reason: 'EOF' };
    socket.on('data', (data: Buffer) => {
      socket.pause();
      const write = (): void => this.send(FrameType.data, connectionId, data, () => socket.resume());
      if (connection.paused) connection.asleep = write;
      else write();
    });
    socket.on('error', (error) => {
      state.reason = error.message;
    });
    socket.on('close', () => {
      this.#connections.delete(connectionId);
      this.#unblock(connection);
      // Once at the end of the stream and once when the connection is dropped, as agents do.
      this.send(FrameType.error, connectionId, Buffer.from(state.reason));
      this.send(FrameType.error, connectionId, Buffer.from(state.reason));
    });
  }

  #write(connectionId: bigint, connection: Connection, payload: Buffer): void {
    if (this.#options.generation === '2021') {
      this.#enqueue(connection, payload);
      return;
    }
    const { socket } = connection;
    socket.write(payload, () => {
      if (!connection.paused || socket.writableLength >= RESUME_BYTES) return;
      connection.paused = false;
      this.send(FrameType.resume, connectionId);
    });
    if (socket.writableLength <= PAUSE_BYTES || connection.paused) return;
    connection.paused = true;
    this.send(FrameType.pause, connectionId);
  }

  /** Holds so many messages; with more, nothing is read for any connection until there is room, or for too long. */
  #enqueue(connection: Connection, payload: Buffer): void {
    const { queue, socket } = connection;
    queue.push(payload);
    if (queue.length === 1) this.#drain(connection);
    if (queue.length <= QUEUED_MESSAGES || connection.blocked !== undefined) return;
    this.#socket.pause();
    const limit = (): void => void socket.destroy(new Error('backed up reader'));
    connection.blocked = this.#options.clock.after(QUEUE_LIMIT_MS, limit);
  }

  #drain(connection: Connection): void {
    const { queue, socket } = connection;
    const [next] = queue;
    if (next === undefined) {
      if (connection.ending) socket.destroySoon();
      return;
    }
    socket.write(next, () => {
      queue.shift();
      if (queue.length <= QUEUED_MESSAGES) this.#unblock(connection);
      this.#drain(connection);
    });
  }

  #finish(connection: Connection): void {
    connection.ending = true;
    if (connection.queue.length === 0) connection.socket.destroySoon();
  }

  #unblock(connection: Connection): void {
    if (connection.blocked === undefined) return;
    connection.blocked.cancel();
    connection.blocked = undefined;
    this.#socket.resume();
  }
}
