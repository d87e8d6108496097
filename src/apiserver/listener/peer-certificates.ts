import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Call, Connection, Credentials } from '../call.ts';

const none: readonly Buffer[] = [];
const MAX_DEPTH = 6;

/**
 * Makes the reader of a call's credentials. The certificates of a connection are read once, and the same array stands
 * for them ever after, so that verifiers can keep their verdict by it.
 */
export function createCredentialsReader(): (call: Call) => Credentials {
  const known = new WeakMap<object, readonly Buffer[]>();
  return (call) => {
    const request = call.raw?.request;
    return {
      header: (name) => call.header(name),
      certificates: request === undefined ? none : certificatesOf(request, known),
      connection: request === undefined ? undefined : connectionOf(request),
      path: call.path,
      query: call.query,
      rawHeaders: call.rawHeaders,
    };
  };
}

function certificatesOf(request: IncomingMessage, known: WeakMap<object, readonly Buffer[]>): readonly Buffer[] {
  const connection = connectionOf(request);
  const found = known.get(connection);
  if (found !== undefined) return found;
  const { stream } = request as { stream?: ServerHttp2Stream };
  const certificates = readCertificates(stream?.session?.socket ?? request.socket);
  known.set(connection, certificates);
  return certificates;
}

/** The session of HTTP/2: what it gives as its socket is another object each time. */
function connectionOf(request: IncomingMessage): Connection {
  const { stream } = request as { stream?: ServerHttp2Stream };
  return stream?.session ?? request.socket;
}

function readCertificates(socket: object): readonly Buffer[] {
  const { getPeerX509Certificate } = socket as Partial<TLSSocket>;
  const leaf = getPeerX509Certificate?.call(socket as TLSSocket);
  const chain: Buffer[] = [];
  let next: X509Certificate | undefined = leaf;
  while (next !== undefined && chain.length < MAX_DEPTH && chain.at(-1)?.equals(next.raw) !== true) {
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  return chain.length === 0 ? none : chain;
}
