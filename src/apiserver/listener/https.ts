import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Http2Server, ServerHttp2Session } from 'node:http2';
import { type AddressInfo, createServer as createNetServer, type Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext, createServer as createTlsServer, type SecureContext, type TLSSocket } from 'node:tls';
import { badRequest, StatusError } from '../../machinery/errors/status-error.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { BytesAnswer, Call, Handler, WireAnswer } from '../call.ts';
import { complaintOf } from './complaint.ts';
import { HttpCall } from './http-call.ts';
import { writeAnswer, writeRefusal } from './write-answer.ts';

export interface ServingCertificate {
  /** The leaf first, then what is between it and the root. */
  readonly certPem: string;
  readonly keyPem: string;
}

export interface ListenerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly tls: ServingCertificate & {
    /** Authorities whose names clients are shown when they are asked for a certificate. */
    readonly clientCaPem: string;
    /** A certificate for a server name; undefined for the usual one. */
    readonly getCertificate?: ((serverName: string) => Promise<ServingCertificate | undefined>) | undefined;
  };
  readonly handle: Handler<Call, WireAnswer>;
  /** Takes a request before the API does, by answering and returning true. */
  readonly first?: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** The same for upgrades. */
  readonly upgradeFirst?: ((request: IncomingMessage, socket: Duplex, head: Buffer) => boolean) | undefined;
  /** Told of each TLS handshake that fails. */
  readonly onHandshakeError?: (() => void) | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /**
   * Takes connections at another port of the same host as well.
   * @throws Error with one clear sentence where the port cannot be had.
   */
  listenToo(port: number): Promise<void>;
  /** New connections see the new certificate; open ones go on. */
  setCertificate(certificate: ServingCertificate): void;
  /** Ends the connections that are found to be somebody's, whatever goes on in them: watches, streams, tunnels. */
  cut(isMeant: (socket: TLSSocket) => boolean): void;
  /** Takes no more connections, lets requests under way finish for `graceMs` (default 2,000), then ends all. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/** Source: apiserver `pkg/server/secure_serving.go`. */
const IDLE_MS = 90_000;
const HEADERS_MS = 32_000;
const MAX_HEADER_BYTES = 1 << 20;
/** What upstream tells HTTP/2 clients; those that need more streams open another connection. */
const HTTP2_SETTINGS = {
  maxConcurrentStreams: 100,
  initialWindowSize: 256 * 1024,
  maxFrameSize: 256 * 1024,
  maxHeaderListSize: MAX_HEADER_BYTES + 320,
} as const;

/**
 * Serves HTTP/1.1 and HTTP/2 on one TLS port; the client chooses by ALPN. Certificates are asked of clients but not
 * demanded: authentication judges them. HTTP/2 is loaded with the first client that speaks it.
 * @throws Error with one clear sentence where the port cannot be had.
 */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { tls, host } = options;
  const secure = (certificate: ServingCertificate): SecureContext & object =>
    createSecureContext({ ...toTls(certificate), ca: tls.clientCaPem, minVersion: 'TLSv1.2' });
  const { getCertificate } = tls;
  const http1 = createHttp1(options);
  const http2 = new LazyHttp2(options);
  const sockets = new Set<TLSSocket>();
  const server = createTlsServer({
    ...toTls(tls),
    ca: tls.clientCaPem,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['h2', 'http/1.1'],
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: HEADERS_MS,
    ...(getCertificate === undefined
      ? {}
      : {
          SNICallback: (name: string, done: (error: Error | null, context?: SecureContext) => void) => {
            getCertificate(name).then(
              (found) => done(null, found === undefined ? undefined : secure(found)),
              (error: Error) => done(error),
            );
          },
        }),
  });
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // A client that resets its connection is no fault of ours.
    socket.on('error', () => socket.destroy());
    if (socket.alpnProtocol === 'h2') http2.take(socket);
    else http1.emit('connection', socket);
  });
  server.on('tlsClientError', (error, socket) => {
    options.onHandshakeError?.();
    options.logger.debug('a TLS handshake failed', { error, from: socket.remoteAddress });
    socket.destroy();
  });
  await listen(server, options);
  server.on('error', (error) => options.logger.error('the listener failed', { error }));
  const { port } = server.address() as AddressInfo;
  const others: NetServer[] = [];
  return {
    host,
    port,
    listenToo: async (other) => {
      const more = createNetServer((socket) => server.emit('connection', socket));
      await listen(more, { host, port: other });
      more.on('error', (error) => options.logger.error('the listener failed', { error }));
      others.push(more);
    },
    setCertificate: (certificate) =>
      server.setSecureContext({ ...toTls(certificate), ca: tls.clientCaPem, minVersion: 'TLSv1.2' }),
    cut(isMeant) {
      for (const socket of sockets) if (isMeant(socket)) socket.destroy();
    },
    close: async ({ graceMs = 2_000 } = {}) => {
      for (const other of others) other.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      http1.closeIdleConnections();
      http2.close();
      const timer = options.clock.after(graceMs, () => {
        for (const socket of sockets) socket.destroy();
      });
      // Idle connections stay open for their next request; one that is between two requests has nothing to lose.
      const sweep = options.clock.every(50, () => http1.closeIdleConnections());
      await closed;
      timer.cancel();
      sweep.cancel();
      http1.close();
    },
  };
}

function toTls({ certPem, keyPem }: ServingCertificate): { cert: string; key: string } {
  return { cert: certPem, key: keyPem };
}

function listen(server: NetServer, { host, port }: Pick<ListenerOptions, 'host' | 'port'>): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => reject(explain(error, host, port));
    server.once('error', fail);
    server.listen({ host, port }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new Error(`port ${port} on ${host} is taken by another program; choose another port`, { cause: error });
    case 'EACCES':
      return new Error(`port ${port} may not be opened by this user; choose one above 1023`, { cause: error });
    case 'EADDRNOTAVAIL':
      return new Error(`${host} is not an address of this machine`, { cause: error });
    default:
      return new Error(`cannot listen on ${host}:${port}: ${error.message}`, { cause: error });
  }
}

function createHttp1(options: ListenerOptions): Server {
  const server = createServer({
    keepAliveTimeout: IDLE_MS,
    headersTimeout: HEADERS_MS,
    // Bodies may flow as long as they like: copying into a pod is one request.
    requestTimeout: 0,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  // It never listens itself, yet only with this event does Node begin to watch over its connections' timeouts.
  server.emit('listening');
  server.on('request', (request, response) => serveRequest(request, response, options));
  server.on('upgrade', (request, socket, head) => serveUpgrade(request, socket, head, options));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const complaint = complaintOf(error);
    if (complaint !== undefined && socket.writable) socket.end(complaint);
    else socket.destroy();
  });
  return server;
}

/** The HTTP/2 side; nothing of it is in memory until somebody speaks it. */
class LazyHttp2 {
  readonly #options: ListenerOptions;
  readonly #sessions = new Set<ServerHttp2Session>();
  #server: Promise<Http2Server> | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  take(socket: TLSSocket): void {
    this.#server ??= this.#create();
    this.#server.then(
      (server) => server.emit('connection', socket),
      (error) => {
        this.#options.logger.error('HTTP/2 cannot be served', { error });
        socket.destroy();
      },
    );
  }

  /** Tells clients to open no more streams; sessions end with their last stream. */
  close(): void {
    for (const session of this.#sessions) session.close();
  }

  /** Ends sessions that nobody uses. A watch that has nothing to tell is a use. */
  #follow(session: ServerHttp2Session): void {
    let streams = 0;
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    session.on('error', () => session.destroy());
    session.on('stream', (stream) => {
      streams += 1;
      stream.once('close', () => {
        streams -= 1;
      });
    });
    session.setTimeout(IDLE_MS, () => {
      if (streams === 0) session.close();
    });
  }

  async #create(): Promise<Http2Server> {
    const http2 = await import('node:http2');
    const server = http2.createServer({ settings: HTTP2_SETTINGS });
    server.on('session', (session) => this.#follow(session));
    server.on('request', (request, response) => {
      serveRequest(request as unknown as IncomingMessage, response as unknown as ServerResponse, this.#options);
    });
    return server;
  }
}

function serveRequest(request: IncomingMessage, response: ServerResponse, options: ListenerOptions): void {
  if (options.first?.(request, response)) return;
  const call = toCall({ request, response, startedMs: options.clock.nowMs() });
  if (call === undefined) {
    response.writeHead(400, { 'Content-Type': 'text/plain; charset=utf-8' });
    response.end('400 Bad Request');
    return;
  }
  options
    .handle(call)
    .then((answer) => writeAnswer(call, response, answer))
    .catch((error) => {
      if (!response.destroyed) options.logger.error('a request broke off', { path: call.path, error });
      if (response.headersSent) response.destroy();
      else writeAnswer(call, response, toFault(error)).catch(() => response.destroy());
    });
}

function serveUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, options: ListenerOptions): void {
  if (options.upgradeFirst?.(request, socket, head)) return;
  const call = toCall({ request, head, startedMs: options.clock.nowMs() });
  if (call === undefined) {
    socket.destroy();
    return;
  }
  const refuse = async (answer: WireAnswer): Promise<void> => {
    if (answer.kind === 'taken') return;
    if (answer.kind === 'stream' && request.headers.upgrade?.toLowerCase() === 'websocket') {
      const { sendOverWebSocket } = await import('./web-socket-stream.ts');
      await sendOverWebSocket(call, answer);
      return;
    }
    writeRefusal(call, socket, answer, STATUS_CODES[answer.status] ?? '');
  };
  options
    .handle(call)
    .then(refuse)
    .catch((error) => {
      options.logger.error('an upgrade failed', { path: call.path, error });
      refuse(toFault(error)).catch(() => socket.destroy());
    });
}

function toCall(parts: ConstructorParameters<typeof HttpCall>[0]): HttpCall | undefined {
  try {
    return new HttpCall(parts);
  } catch {
    return undefined;
  }
}

/** What is left to say where even rendering failed. */
function toFault(error: unknown): BytesAnswer {
  const fault =
    error instanceof StatusError
      ? error
      : error instanceof URIError
        ? badRequest(error.message)
        : new StatusError({ code: 500, reason: '', message: error instanceof Error ? error.message : String(error) });
  const body = Buffer.from(`${JSON.stringify(fault.toStatus())}\n`);
  return { kind: 'bytes', status: fault.code, contentType: 'application/json', body };
}
