import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer, type TLSSocket } from 'node:tls';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { dataHead, endFrame, toFaultFrame } from './frames.ts';
import { RELAY_PROTOCOL, REPLICA_NAME, readLine, toLine } from './messages.ts';

/** The tunnels that end at this server. */
export interface HeldTunnels {
  /** Milliseconds since a node's agent was last heard; undefined without a tunnel. */
  silentMs(nodeName: string): number | undefined;
  /** Opens a stream; judges whether the address may be dialled. */
  dial(nodeName: string, host: string, port: number, signal: AbortSignal): Promise<Duplex>;
}

/** Who a server is to the others: a certificate for both sides of a connection, and who signs such certificates. */
export interface RelayIdentity {
  readonly certPem: string;
  readonly keyPem: string;
  readonly caPem: string;
}

export interface RelayListenerOptions {
  readonly host: string;
  /** 0 picks a free one. One that is taken is replaced by a free one. */
  readonly port: number;
  readonly identity: RelayIdentity;
  readonly tunnels: HeldTunnels;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface RelayListener {
  readonly port: number;
  setIdentity(identity: RelayIdentity): void;
  close(): void;
}

/** How long a server may take to say what it wants. */
const QUESTION_LIMIT_MS = 10_000;
/** Then a silent connection is asked for a sign of life; Node's ten questions come a second apart. */
export const KEEP_ALIVE_MS = 10_000;

/**
 * Passes streams of other servers of the same cluster on to the tunnels that end here, and to nothing else: what they ask
 * for is judged as if it were asked here, and never passed on again.
 */
export async function openRelayListener(options: RelayListenerOptions): Promise<RelayListener> {
  const { host, port, tunnels, clock, logger } = options;
  const toTls = ({ certPem, keyPem, caPem }: RelayIdentity) =>
    ({ cert: certPem, key: keyPem, ca: caPem, minVersion: 'TLSv1.3' }) as const;
  const server = createServer({
    ...toTls(options.identity),
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: [RELAY_PROTOCOL],
    handshakeTimeout: QUESTION_LIMIT_MS,
    // Who answers may still be at it when the other side has said all.
    allowHalfOpen: true,
  });
  const sockets = new Set<TLSSocket>();
  server.on('secureConnection', (socket) => {
    socket.on('error', () => socket.destroy());
    if (!isReplica(socket)) {
      logger.warn('somebody without the name of a server asks for streams to nodes', { from: socket.remoteAddress });
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    serve(socket, tunnels, clock).catch((error) => {
      logger.debug('a stream for another server failed', { error });
      socket.destroy();
    });
  });
  server.on('tlsClientError', (error, socket) => {
    logger.debug('a TLS handshake of another server failed', { error, from: socket.remoteAddress });
    socket.destroy();
  });
  await listen(server, { host, port }).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    logger.warn('the port for other servers is taken, and another one is used', { port });
    await listen(server, { host, port: 0 });
  });
  server.on('error', (error) => logger.error('other servers do not reach this one', { error }));
  return {
    port: (server.address() as AddressInfo).port,
    setIdentity: (identity) => server.setSecureContext(toTls(identity)),
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Whether a verified certificate is one of a server: the authority also signs that of the front proxy. */
export function isReplica(socket: TLSSocket): boolean {
  const { subject } = socket.getPeerCertificate();
  return socket.authorized && socket.alpnProtocol === RELAY_PROTOCOL && subject?.CN === REPLICA_NAME;
}

async function serve(socket: TLSSocket, tunnels: HeldTunnels, clock: Clock): Promise<void> {
  const limit = clock.after(QUESTION_LIMIT_MS, () => socket.destroy());
  const { node } = await readLine(socket);
  if (typeof node !== 'string') throw new Error('no node is named');
  socket.write(toLine({ silentMs: tunnels.silentMs(node) }));
  const { host, port } = await readLine(socket);
  limit.cancel();
  if (typeof host !== 'string' || typeof port !== 'number') throw new Error('no address is named');
  const gone = new AbortController();
  socket.once('close', () => gone.abort());
  let stream: Duplex;
  try {
    stream = await tunnels.dial(node, host, port, gone.signal);
  } catch (error) {
    socket.end(toLine({ error: (error as Error).message }));
    return;
  }
  socket.write(toLine({}));
  join(socket, stream);
}

/** Both directions, until either side ends: tunnels know no half-close. */
function join(socket: TLSSocket, stream: Duplex): void {
  stream.on('data', (chunk: Buffer) => {
    socket.write(dataHead(chunk.length));
    if (!socket.write(chunk)) stream.pause();
  });
  socket.on('drain', () => stream.resume());
  stream.once('error', (error) => socket.end(toFaultFrame(error.message)));
  stream.once('end', () => socket.end(endFrame));
  stream.once('close', () => {
    if (!stream.readableEnded && stream.errored === null) socket.destroy();
  });
  socket.pipe(stream);
  socket.once('close', () => stream.destroy());
}

function listen(server: ReturnType<typeof createServer>, where: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
