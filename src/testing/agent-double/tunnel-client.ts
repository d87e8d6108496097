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
  #nextId = randomBytes(8).readBigUInt64BE() >> 1n;

  private constructor(options: TunnelClientOptions, socket: WebSocket) {
    this.#options = options;
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.#take(decodeFrame(data)));
    socket.on('error', () => {});
    this.#ended = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        for (const timer of this.#timers) timer.cancel();
        for (const { socket: local } of this.#connections.values()) local.destroy();
        this.#connections.clear();
        resolve(reason.toString() || String(code));
      });
    });
    this.#timers.push(options.clock.every(options.pingPeriodMs ?? 5_000, () => this.#ping()));
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

  /** Sends a message as it is. */
  send(type: number, connectionId: bigint, payload: Buffer = NOTHING, done?: () => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const bytes = encodeFrame({ id: this.#nextId++, connectionId, type, deadlineMs: 15_000n, payload });
    for (let at = 0; at < bytes.length; at += FRAGMENT_BYTES) {
      const fin = at + FRAGMENT_BYTES >= bytes.length;
      this.#socket.send(bytes.subarray(at, at + FRAGMENT_BYTES), { binary: true, fin }, fin ? done : undefined);
    }
  }

  /** Tells the server which connections there are, or claims those given. */
  sendConnections(ids: readonly bigint[] = this.connectionIds): void {
    const payload = Buffer.alloc(ids.length * 8);
    for (const [index, id] of ids.entries()) payload.writeBigUInt64LE(id, index * 8);
    this.send(FrameType.syncConnections, 0n, payload);
  }

  #ping(): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping();
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
    else if (type === FrameType.error) connection.socket.destroy();
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
    const connection: Connection = { socket, paused: false, asleep: undefined };
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
      // Once at the end of the stream and once when the connection is dropped, as agents do.
      this.send(FrameType.error, connectionId, Buffer.from(state.reason));
      this.send(FrameType.error, connectionId, Buffer.from(state.reason));
    });
  }

  #write(connectionId: bigint, connection: Connection, payload: Buffer): void {
    const { socket } = connection;
    socket.write(payload, () => {
      if (!connection.paused || socket.writableLength >= RESUME_BYTES) return;
      connection.paused = false;
      this.send(FrameType.resume, connectionId);
    });
    if (this.#options.generation !== 'current') return;
    if (socket.writableLength <= PAUSE_BYTES || connection.paused) return;
    connection.paused = true;
    this.send(FrameType.pause, connectionId);
  }
}
