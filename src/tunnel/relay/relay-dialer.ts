import type { Duplex } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import type { Clock } from '../../std/clock.ts';
import { TunnelError } from '../tunnel-server.ts';
import { RELAY_PROTOCOL, readLine, toLine } from './messages.ts';
import { type HeldTunnels, isReplica, KEEP_ALIVE_MS, type RelayIdentity } from './relay-listener.ts';
import { RelayStream } from './relay-stream.ts';

/** Another server of the cluster. */
export interface Peer {
  /** The name in its certificate: an address that has gone to somebody else leads to nobody. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export interface RelayDialerOptions {
  /** The tunnels that end here. */
  readonly tunnels: HeldTunnels;
  /** The other servers that live. */
  peers(): Promise<readonly Peer[]>;
  identity(): RelayIdentity;
  readonly clock: Clock;
}

/** Agents ping every five seconds: one that missed two of them may have gone to another server. */
const FRESH_MS = 12_000;
/** A server that has not answered by then is left out. */
const ANSWER_LIMIT_MS = 3_000;

/** A server that has a tunnel of the node, and waits to be told where to. */
interface Offer {
  readonly socket: TLSSocket;
  readonly silentMs: number;
}

/**
 * Reaches nodes through the tunnels that end here, else through those of the other servers. All are asked at the same
 * time, so that nothing has to be known, or can be outdated, about who holds which tunnel.
 */
export class RelayDialer {
  readonly #options: RelayDialerOptions;

  constructor(options: RelayDialerOptions) {
    this.#options = options;
  }

  /** @throws TunnelError where no server has a tunnel of the node, or the address is not allowed. */
  async dial(nodeName: string, host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    const { tunnels } = this.#options;
    const silentMs = tunnels.silentMs(nodeName) ?? Number.POSITIVE_INFINITY;
    if (silentMs < FRESH_MS) return await tunnels.dial(nodeName, host, port, signal);
    const offer = await this.#best(nodeName, signal);
    if (offer === undefined || offer.silentMs >= silentMs) {
      offer?.socket.destroy();
      // Says why, where there is none.
      return await tunnels.dial(nodeName, host, port, signal);
    }
    return await this.#accept(offer, { host, port }, signal);
  }

  /** The first offer of an agent that was heard just now, else the one that was heard last; the others are let go. */
  async #best(node: string, signal: AbortSignal): Promise<Offer | undefined> {
    const peers = await this.#options.peers();
    signal.throwIfAborted();
    const decided = new AbortController();
    const either = AbortSignal.any([signal, decided.signal]);
    const found: { best?: Offer } = {};
    await new Promise<void>((resolve) => {
      const asked = peers.map(async (peer) => {
        const offer = await this.#ask(peer, node, either).catch(() => undefined);
        if (offer === undefined) return;
        if (decided.signal.aborted || offer.silentMs >= (found.best?.silentMs ?? Number.POSITIVE_INFINITY)) {
          offer.socket.destroy();
          return;
        }
        found.best?.socket.destroy();
        found.best = offer;
        if (offer.silentMs < FRESH_MS) resolve();
      });
      Promise.all(asked).then(() => resolve());
    });
    decided.abort();
    if (signal.aborted) found.best?.socket.destroy();
    signal.throwIfAborted();
    return found.best;
  }

  /** Undefined where the server has no tunnel of the node. @throws Error where it does not answer. */
  async #ask({ name, host, port }: Peer, node: string, signal: AbortSignal): Promise<Offer | undefined> {
    const { certPem, keyPem, caPem } = this.#options.identity();
    const socket = connect({
      host,
      port,
      servername: name,
      cert: certPem,
      key: keyPem,
      ca: caPem,
      minVersion: 'TLSv1.3',
      ALPNProtocols: [RELAY_PROTOCOL],
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('error', () => socket.destroy());
    const release = this.#limit(socket, signal);
    try {
      socket.write(toLine({ node }));
      const { silentMs } = await readLine(socket);
      if (!isReplica(socket)) throw new Error(`${host}:${port} is no server of this cluster`);
      if (typeof silentMs === 'number') return { socket, silentMs };
      socket.destroy();
      return undefined;
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      release();
    }
  }

  async #accept({ socket }: Offer, target: { host: string; port: number }, signal: AbortSignal): Promise<Duplex> {
    const release = this.#limit(socket, signal);
    try {
      socket.write(toLine(target));
      const { error } = await readLine(socket);
      if (typeof error === 'string') throw new TunnelError(error);
    } catch (error) {
      socket.destroy();
      signal.throwIfAborted();
      throw error instanceof TunnelError
        ? error
        : new TunnelError(`the server that holds the tunnel does not answer: ${(error as Error).message}`, {
            cause: error,
          });
    } finally {
      release();
    }
    const stream = new RelayStream(socket);
    // Who waits for the stream has gone: there is nobody to tell an error.
    const abort = (): void => void stream.destroy();
    signal.addEventListener('abort', abort, { once: true });
    stream.once('close', () => signal.removeEventListener('abort', abort));
    return stream;
  }

  /** Ends a socket that takes too long or is no longer wanted, until released. */
  #limit(socket: TLSSocket, signal: AbortSignal): () => void {
    const end = (): void => void socket.destroy();
    const timer = this.#options.clock.after(ANSWER_LIMIT_MS, end);
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    return () => {
      timer.cancel();
      signal.removeEventListener('abort', end);
    };
  }
}
