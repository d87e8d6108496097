import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type NodeReach, planDial, UnreachableError } from './reach.ts';
import { TunnelSession } from './session.ts';

/** Larger than any message of an agent: 32 KiB of data and a header. */
const MAX_MESSAGE_BYTES = 1 << 20;

/** An agent has one to each server, and for a while those that it has lost and that are not missed yet. */
const MAX_SESSIONS_OF_NODE = 16;

/** A node that cannot be reached; the message says why. */
export class TunnelError extends Error {
  override readonly name = 'TunnelError';
}

export interface TunnelServerOptions {
  /** Tells how far a node reaches. Left out or undefined: to its kubelet at the usual port. */
  readonly reachOf?: ((nodeName: string) => NodeReach | undefined) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The tunnels of all agents. The server dials nothing by itself: what no agent has a tunnel for cannot be reached. */
export class TunnelServer {
  readonly #options: TunnelServerOptions;
  readonly #sessions = new Map<string, TunnelSession[]>();
  readonly #listeners = new Set<(nodeName: string) => void>();
  readonly #upgrader = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES });

  constructor(options: TunnelServerOptions) {
    this.#options = options;
  }

  /** Takes over a `/connect` request of a node that has proved who it is. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, nodeName: string): void {
    this.#upgrader.handleUpgrade(request, socket, head, (webSocket) => {
      const { clock, logger } = this.#options;
      const session = new TunnelSession({
        socket: webSocket,
        nodeName,
        clock,
        logger,
        onEnd: () => this.#remove(session),
      });
      const others = this.#sessions.get(nodeName) ?? [];
      this.#sessions.set(nodeName, [...others, session]);
      if (others.length >= MAX_SESSIONS_OF_NODE) others[0]?.close();
      logger.info('a tunnel is open', { nodeName });
      this.#tell(nodeName);
    });
  }

  has(nodeName: string): boolean {
    return this.#sessions.has(nodeName);
  }

  /** Milliseconds since a node's agent was last heard through its newest tunnel; undefined without one. */
  silentMs(nodeName: string): number | undefined {
    return this.#sessions.get(nodeName)?.at(-1)?.silentMs;
  }

  /** Calls when a node's first tunnel opens or its last one ends. Returns how to stop. */
  onChange(call: (nodeName: string) => void): () => void {
    this.#listeners.add(call);
    return () => this.#listeners.delete(call);
  }

  /**
   * Opens a stream to an address as the node sees it.
   *
   * Only what the agent allows is dialled: one that is asked for anything else ends its whole session, and with it the
   * streams of everybody. All agents allow their kubelet and the container runtime's streams at the loopback address;
   * newer ones, in the mode `cluster`, everything on the cluster's networks.
   *
   * @throws TunnelError where there is no tunnel or the address is not allowed.
   * Source: k3s `pkg/agent/tunnel/tunnel.go` (authorized).
   */
  async dial(nodeName: string, host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    const sessions = this.#sessions.get(nodeName);
    // The newest: an older one may belong to an agent that is gone and has not been missed yet.
    const session = sessions?.at(-1);
    if (session === undefined) {
      throw new TunnelError(`node ${nodeName} has no tunnel to this server: its k3s agent is not connected`);
    }
    const connection = session.connect(this.#targetOf(nodeName, host, port));
    // Who waits for the stream has gone: there is nobody to tell an error.
    const abort = (): void => void connection.destroy();
    signal.addEventListener('abort', abort, { once: true });
    connection.once('close', () => signal.removeEventListener('abort', abort));
    return connection;
  }

  close(): void {
    for (const sessions of [...this.#sessions.values()]) for (const session of [...sessions]) session.close();
    this.#upgrader.close();
  }

  #targetOf(nodeName: string, host: string, port: number): string {
    try {
      return planDial(nodeName, this.#options.reachOf?.(nodeName), host, port);
    } catch (error) {
      throw error instanceof UnreachableError ? new TunnelError(error.message, { cause: error }) : error;
    }
  }

  #remove(session: TunnelSession): void {
    const left = (this.#sessions.get(session.nodeName) ?? []).filter((other) => other !== session);
    if (left.length > 0) this.#sessions.set(session.nodeName, left);
    else this.#sessions.delete(session.nodeName);
    this.#options.logger.info('a tunnel has ended', { nodeName: session.nodeName });
    this.#tell(session.nodeName);
  }

  #tell(nodeName: string): void {
    for (const call of this.#listeners) call(nodeName);
  }
}
