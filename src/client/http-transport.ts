import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { Status } from '../generated/api/meta/v1.ts';
import { StatusError } from '../machinery/errors/status-error.ts';
import { toLines } from './json-lines.ts';
import type { ApiRequest, Transport, WatchEvent } from './transport.ts';

export interface HttpTransportOptions {
  /** Such as `https://127.0.0.1:6443`. */
  readonly server: string;
  /** PEM of the authorities that may sign the server's certificate; Node's own where absent. */
  readonly ca?: string | undefined;
  readonly clientCert?: string | undefined;
  readonly clientKey?: string | undefined;
  /** Bearer token; a function is asked for each request, for tokens that rotate. */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /** Name that the server's certificate must hold, where it differs from the host in `server`. */
  readonly serverName?: string | undefined;
  readonly userAgent?: string | undefined;
  /** Accepts any certificate of the server: only where the kubeconfig says so. Default false. */
  readonly insecure?: boolean | undefined;
  /** Adds credentials of its own to each request, in place of those above: plugins, rotating tokens, proxies. */
  readonly prepare?: ((request: RequestOptions) => Promise<void>) | undefined;
  /** Connections kept for later requests. Default 8. */
  readonly maxSockets?: number | undefined;
}

export interface HttpTransport extends Transport {
  /** Closes idle connections and refuses to keep more. */
  close(): void;
}

/** A transport over HTTPS with kept-alive connections. Network failures reject with Node's own errors. */
export function createHttpTransport(options: HttpTransportOptions): HttpTransport {
  const server = new URL(options.server);
  const agent = new Agent({
    keepAlive: true,
    maxFreeSockets: options.maxSockets ?? 8,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(options.clientCert === undefined ? {} : { cert: options.clientCert }),
    ...(options.clientKey === undefined ? {} : { key: options.clientKey }),
    ...(options.serverName === undefined ? {} : { servername: options.serverName }),
    ...(options.insecure ? { rejectUnauthorized: false } : {}),
  });

  async function send(request: ApiRequest): Promise<IncomingMessage> {
    const token = typeof options.token === 'function' ? await options.token() : options.token;
    const url = new URL(server.pathname.replace(/\/$/, '') + request.path, server);
    for (const [key, value] of Object.entries(request.query ?? {})) url.searchParams.set(key, value);
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const headers: Record<string, string | number> = {
      accept: 'application/json',
      'user-agent': options.userAgent ?? 'warren',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined
        ? {}
        : { 'content-type': request.contentType ?? 'application/json', 'content-length': body.length }),
    };
    const prepared: RequestOptions = {
      method: request.method,
      headers,
      agent,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    };
    await options.prepare?.(prepared);
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const call = httpsRequest(url, prepared);
      call.on('response', resolve);
      call.on('error', reject);
      call.end(body);
    });
  }

  return {
    async request(request) {
      const response = await send(request);
      const text = await readText(response);
      const code = response.statusCode ?? 0;
      if (code > 399) throw toStatusError(code, text);
      return parseAnswer(response, text);
    },
    async *watch(request) {
      const response = await send(request);
      const code = response.statusCode ?? 0;
      if (code > 399) throw toStatusError(code, await readText(response));
      try {
        for await (const line of toLines(response)) yield JSON.parse(line) as WatchEvent;
      } finally {
        response.destroy();
      }
    },
    close: () => agent.destroy(),
  };
}

function parseAnswer(response: IncomingMessage, text: string): unknown {
  if (text === '') return undefined;
  return response.headers['content-type']?.includes('json') === false ? text : JSON.parse(text);
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** A failure as its `Status`; proxies and early filters answer in plain text, which becomes the message. */
function toStatusError(code: number, text: string): StatusError {
  const status = parseStatus(text);
  if (status !== undefined) return StatusError.fromStatus(status, code);
  return new StatusError({ code, reason: reasons[code] ?? '', message: text.trim() || `the server answered ${code}` });
}

function parseStatus(text: string): Status | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isStatus = typeof value === 'object' && value !== null && Reflect.get(value, 'kind') === 'Status';
    return isStatus ? (value as Status) : undefined;
  } catch {
    return undefined;
  }
}

/** Source: apimachinery `pkg/api/errors/errors.go` (NewGenericServerResponse). */
const reasons: Readonly<Record<number, StatusError['reason']>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};
