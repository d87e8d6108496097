import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, checkServerIdentity, connect as connectTls } from 'node:tls';
import type { Node } from '../../generated/api/core/v1.ts';
import { nodes } from '../../generated/resource-types.ts';
import { badRequest, notFound, StatusError } from '../../machinery/errors/status-error.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { NodeDialer } from './node-dialer.ts';
import { TlsStream } from './tls-stream.ts';

export interface KubeletOptions {
  readonly reader: ObjectReader;
  readonly dialer: NodeDialer;
  /** The certificate that the server shows to kubelets, and the authority that signs theirs. */
  readonly tls: { readonly certPem: string; readonly keyPem: string; readonly caPem: string };
}

/** Where a kubelet is. */
export interface KubeletLocation {
  readonly node: string;
  readonly host: string;
  readonly port: number;
  /** Features that the node says it has. */
  readonly features: readonly string[];
}

export interface BackendRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** Flat list of names and values, instead of `headers`. */
  readonly rawHeaders?: readonly string[] | undefined;
}

const DEFAULT_PORT = 10_250;
const ADDRESS_TYPES = ['InternalIP', 'ExternalIP', 'Hostname'];

/** Reaches kubelets by the node's name. Source: `pkg/kubelet/client/kubelet_client.go`. */
export class KubeletConnector {
  readonly #options: KubeletOptions;

  constructor(options: KubeletOptions) {
    this.#options = options;
  }

  /** @throws StatusError 404 where there is no such node, told of as the resource that the request is for. */
  async locate(name: string, resource = 'nodes'): Promise<KubeletLocation> {
    const node = await this.#options.reader.get(nodes as ResourceType<Node & KubeObject>, { name });
    if (node === undefined) throw notFound({ group: '', resource }, name);
    const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port;
    const features = (node.status as { declaredFeatures?: readonly string[] } | undefined)?.declaredFeatures ?? [];
    return { node: name, host: preferredAddress(node), port: port && port > 0 ? port : DEFAULT_PORT, features };
  }

  /** A TLS connection in which the kubelet has proved that it is the one of its node. */
  async connect(location: KubeletLocation, signal: AbortSignal): Promise<Duplex> {
    const { dialer, tls } = this.#options;
    const socket = await dialBackend(dialer, location.node, location.host, location.port, signal);
    return await startTls(socket, {
      // Kubelets of k3s have the node's name in their certificate, in lower case; others may have the address alone.
      servername: location.node.toLowerCase(),
      checkServerIdentity: (name, certificate) =>
        checkServerIdentity(name, certificate) === undefined
          ? undefined
          : checkServerIdentity(location.host, certificate),
      cert: tls.certPem,
      key: tls.keyPem,
      ca: tls.caPem,
    });
  }

  /** Opens a plain or TLS connection to an address on a node's network; TLS is not verified, as upstream's proxies. */
  async connectAddress(
    node: string,
    target: { readonly scheme: string; readonly host: string; readonly port: number },
    signal: AbortSignal,
  ): Promise<Duplex> {
    const socket = await dialBackend(this.#options.dialer, node, target.host, target.port, signal);
    return await this.dress(socket, target.scheme);
  }

  /** Puts TLS over a connection to a backend where it speaks `https`; nobody's certificate is verified. */
  async dress(socket: Duplex, scheme: string): Promise<Duplex> {
    return scheme === 'https' ? await startTls(socket, { rejectUnauthorized: false }) : socket;
  }
}

async function dialBackend(
  dialer: NodeDialer,
  node: string,
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<Duplex> {
  try {
    return await dialer.dial(node, host, port, signal);
  } catch (error) {
    throw backendError(error);
  }
}

/** What clients see where a backend is out of reach: no API error, so no reason. */
export function backendError(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new StatusError({ code: 500, reason: '', message: `error dialing backend: ${text}` }, { cause: error });
}

function startTls(socket: Duplex, options: ConnectionOptions): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const secured = connectTls({ socket, ALPNProtocols: ['http/1.1'], ...options });
    const fail = (error: Error): void => {
      secured.destroy();
      socket.destroy();
      reject(backendError(error));
    };
    const close = (): void => fail(new Error('the connection was closed during the handshake'));
    secured.once('error', fail).once('close', close);
    secured.once('secureConnect', () => {
      secured.off('error', fail).off('close', close);
      resolve(new TlsStream(secured, socket));
    });
  });
}

function preferredAddress(node: Node): string {
  const addresses = node.status?.addresses ?? [];
  for (const type of ADDRESS_TYPES) {
    const found = addresses.find((each) => each.type === type);
    if (found !== undefined) return found.address;
  }
  const known = addresses.map(({ type, address }) => `{${type} ${address}}`).join(' ');
  throw new StatusError({
    code: 500,
    reason: '',
    message: `no preferred addresses found; known addresses: [${known}]`,
  });
}

/** Sends one request over a connection of its own; the connection ends with the answer. */
export function sendRequest(socket: Duplex, request: BackendRequest): ClientRequest {
  const { method, path, headers, rawHeaders } = request;
  const sent = httpRequest({
    method,
    path,
    headers: rawHeaders === undefined ? { Host: 'kubelet', ...headers } : undefined,
    // Node takes any stream here, whatever the types say; and it asks only where no agent is named.
    createConnection: () => socket as never,
    setHost: false,
  });
  for (let index = 0; rawHeaders !== undefined && index + 1 < rawHeaders.length; index += 2) {
    sent.appendHeader(rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '');
  }
  return sent;
}

/** How a backend answered an upgrade. */
export type UpgradeOutcome =
  | { readonly upgraded: true; readonly answer: IncomingMessage; readonly socket: Duplex; readonly head: Buffer }
  | { readonly upgraded: false; readonly answer: IncomingMessage };

/** Asks a backend to upgrade. @throws StatusError where the connection breaks before it answers. */
export function requestUpgrade(socket: Duplex, request: BackendRequest): Promise<UpgradeOutcome> {
  return new Promise((resolve, reject) => {
    const sent = sendRequest(socket, request);
    sent.once('upgrade', (answer, upgraded, head) => resolve({ upgraded: true, answer, socket: upgraded, head }));
    sent.once('response', (answer) => resolve({ upgraded: false, answer }));
    sent.once('error', (error) => reject(backendError(error)));
    sent.end();
  });
}

/** Reads what a backend has to say, up to 50,000 bytes. */
export async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > 50_000) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Turns a kubelet's refusal into an API error. Source: apiserver `registry/generic/rest/response_checker.go`. */
export function refusalOf(code: number, text: string, details: { kind: string; name: string }): StatusError {
  if (code === 400) return badRequest(text);
  if (code === 500) {
    const message = `Internal error occurred: ${text}`;
    return new StatusError({ code, reason: 'InternalError', message, details: { causes: [{ message: text }] } });
  }
  const { reason, message } = genericReasons[code] ?? {
    reason: '',
    message: `the server responded with the status code ${code} but did not return more information`,
  };
  const causes = [{ reason: 'UnexpectedServerResponse', message: text }];
  const target = `(get ${details.kind} ${details.name})`;
  return new StatusError({ code, reason, message: `${message} ${target}`, details: { ...details, causes } });
}

/** Source: apimachinery `pkg/api/errors` (NewGenericServerResponse). */
const genericReasons: Readonly<Record<number, { reason: StatusError['reason']; message: string }>> = {
  401: { reason: 'Unauthorized', message: 'the server has asked for the client to provide credentials' },
  403: { reason: 'Forbidden', message: 'unknown' },
  404: { reason: 'NotFound', message: 'the server could not find the requested resource' },
  405: { reason: 'MethodNotAllowed', message: 'the server does not allow this method on the requested resource' },
  503: { reason: 'ServiceUnavailable', message: 'the server is currently unable to handle the request' },
  504: {
    reason: 'Timeout',
    message: 'the server was unable to return a response in the time allotted, but may still be processing the request',
  },
};
