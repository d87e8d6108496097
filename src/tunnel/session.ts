import { randomBytes } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { Clock, Timer } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { TunnelConnection } from './connection.ts';
import { decodeFrame, encodeFrame, FrameType, readConnectionIds } from './frames.ts';

/** What agents use in their Connect messages and expect in ours. */
const DIAL_DEADLINE_MS = 15_000n;
/** Agents ping every five seconds; one that was silent for so long is gone. Source: remotedialer (PingWaitDuration). */
const SILENCE_MS = 60_000;
/** First number of a connection, as remotedialer counts. */
const FIRST_CONNECTION = 2n;
/** Bytes of one Data message, as Go's io.Copy makes them. */
const CHUNK_BYTES = 32 * 1024;
/** Agents before 1.25 give up after ten seconds without a ping or a pong of the server. Source: remotedialer v0.2.0 (PingWaitDuration). */
const REASSURE_MS = 3_000;
/**
 * An agent that takes so little that this much waits for it, and more for each stream, which has one write under way, is
 * cut off: the rest can only be answers to what it throws at the server without listening.
 */
const MAX_UNSENT_BYTES = 16 << 20;
const MAX_UNSENT_BYTES_OF_STREAM = 1 << 20;

export interface SessionOptions {
  readonly socket: WebSocket;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly logger: Logger;
  onEnd(): void;
}

/** One WebSocket of an agent with the connections that the server has opened through it. */
export class TunnelSession {
  readonly nodeName: string;
  readonly #options: SessionOptions;
  readonly #connections = new Map<bigint, TunnelConnection>();
  /** Connections whose readers everything waits for. */
  readonly #holders = new Set<bigint>();
  /** Connections that the agent's last list did not have: a second miss in a row closes them. */
  #missing = new Set<bigint>();
  readonly #watchdog: Timer;
  #nextId = randomBytes(8).readBigUInt64BE() >> 1n;
  #nextConnection = FIRST_CONNECTION;
  #heardMs: number;
  #reassuredMs = 0;
  #ended = false;

  constructor(options: SessionOptions) {
    const { socket, clock } = options;
    this.nodeName = options.nodeName;
    this.#options = options;
    this.#heardMs = clock.nowMs();
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      this.#heardMs = clock.nowMs();
      if (!isBinary) this.#fail(new Error('a text message'));
      else this.#take(data);
    });
    // The library answers pings; they are the sign of life.
    socket.on('ping', () => {
      this.#heardMs = clock.nowMs();
      if (this.#isFull) this.#fail(new Error('the agent does not read'));
    });
    socket.on('close', () => this.#end(new Error('tunnel disconnect')));
    socket.on('error', (error) => this.#fail(error));
    this.#watchdog = clock.every(SILENCE_MS / 4, () => {
      if (clock.nowMs() - this.#heardMs > SILENCE_MS) this.#fail(new Error(`silent for ${SILENCE_MS / 1000} s`));
    });
  }

  /** Milliseconds since the agent was last heard. */
  get silentMs(): number {
    return this.#options.clock.nowMs() - this.#heardMs;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Opens a connection; data may be written at once, and a failed dial ends it with the agent's reason. */
  connect(target: string): TunnelConnection {
    if (this.#ended) throw new Error('tunnel disconnect');
    const id = this.#nextConnection++;
    const connection = new TunnelConnection(target, {
      send: (kind, payload, done) => this.#sendAll(FrameType[kind], id, payload, done),
      end: (reason) => {
        this.#connections.delete(id);
        this.#send(FrameType.error, id, Buffer.from(reason));
      },
      after: (delayMs, run) => this.#options.clock.after(delayMs, run),
      hold: () => {
        this.#holders.add(id);
        this.#options.socket.pause();
        this.#reassure();
      },
      release: () => {
        if (this.#holders.delete(id) && this.#holders.size === 0) this.#options.socket.resume();
      },
    });
    this.#connections.set(id, connection);
    this.#send(FrameType.connect, id, Buffer.from(target));
    return connection;
  }

  close(): void {
    this.#options.socket.close(1001);
    this.#end(new Error('tunnel disconnect'));
  }

  #take(bytes: Buffer): void {
    try {
      const { type, connectionId, payload } = decodeFrame(bytes);
      const connection = this.#connections.get(connectionId);
      switch (type) {
        case FrameType.data:
          if (connection === undefined)
            this.#send(
              FrameType.error,
              connectionId,
              Buffer.from(`connection not found ${this.nodeName}/${connectionId}`),
            );
          else connection.accept(payload);
          return;
        case FrameType.error: {
          if (connection === undefined) return;
          this.#connections.delete(connectionId);
          const reason = payload.toString('utf8');
          connection.finish(reason === 'EOF' || reason === '' ? undefined : new Error(reason));
          this.#send(FrameType.error, connectionId, payload);
          return;
        }
        case FrameType.pause:
          connection?.pauseSending();
          return;
        case FrameType.resume:
          connection?.resumeSending();
          return;
        case FrameType.syncConnections:
          this.#sync(readConnectionIds(payload));
          return;
        case FrameType.connect:
          throw new Error('an agent may not open connections');
        default:
          // Messages between servers; agents do not send them, and newer ones may send more.
          return;
      }
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** Closes what the agent no longer has. A connection that was just opened may miss from one list. */
  #sync(known: ReadonlySet<bigint>): void {
    const missing = new Set<bigint>();
    for (const [id, connection] of this.#connections) {
      if (known.has(id)) continue;
      if (!this.#missing.has(id)) {
        missing.add(id);
        continue;
      }
      this.#connections.delete(id);
      connection.finish(new Error('the agent has dropped the connection'));
    }
    this.#missing = missing;
  }

  #sendAll(type: number, connectionId: bigint, payload: Buffer, done?: (error?: Error | null) => void): void {
    for (let at = 0; at + CHUNK_BYTES < payload.length; at += CHUNK_BYTES) {
      this.#send(type, connectionId, payload.subarray(at, at + CHUNK_BYTES));
    }
    const rest = payload.length === 0 ? 0 : Math.floor((payload.length - 1) / CHUNK_BYTES) * CHUNK_BYTES;
    this.#send(type, connectionId, payload.subarray(rest), done);
  }

  #send(type: number, connectionId: bigint, payload: Buffer, done?: (error?: Error | null) => void): void {
    if (this.#ended) {
      done?.(new Error('tunnel disconnect'));
      return;
    }
    if (this.#isFull) {
      this.#fail(new Error('the agent does not read'));
      done?.(new Error('tunnel disconnect'));
      return;
    }
    const bytes = encodeFrame({ id: this.#nextId++, connectionId, type, deadlineMs: DIAL_DEADLINE_MS, payload });
    // The callback runs when the bytes have left: that is the back-pressure of the socket.
    this.#options.socket.send(bytes, { binary: true }, (error) => done?.(error ?? null));
  }

  get #isFull(): boolean {
    const limit = MAX_UNSENT_BYTES + this.#connections.size * MAX_UNSENT_BYTES_OF_STREAM;
    return this.#options.socket.bufferedAmount > limit;
  }

  /** The agent's pings wait behind what is not read: it is told without being asked that the server is there. */
  #reassure(): void {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs - this.#reassuredMs < REASSURE_MS) return;
    this.#reassuredMs = nowMs;
    this.#options.socket.pong();
  }

  #fail(error: Error): void {
    if (this.#ended) return;
    this.#options.logger.warn('a tunnel failed', { nodeName: this.nodeName, error });
    this.#options.socket.terminate();
    this.#end(error);
  }

  #end(reason: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watchdog.cancel();
    for (const connection of this.#connections.values())
      connection.finish(new Error('tunnel disconnect', { cause: reason }));
    this.#connections.clear();
    this.#options.onEnd();
  }
}
