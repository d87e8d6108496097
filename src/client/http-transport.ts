import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Status } from '../generated/api/meta/v1.ts';
import { StatusError } from '../machinery/errors/status-error.ts';
import { toLines } from './json-lines.ts';
import type { ApiRequest, Transport, WatchEvent } from './transport.ts';

const KEEP_ALIVE_MS = 15_000;

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
  /**
   * A request fails that hears nothing from the server for so long, in milliseconds; a watch may be silent. Default: none
   * does, as in client-go.
   */
  readonly timeoutMs?: number | undefined;
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
    // A peer that is gone is noticed within half a minute; more often would be traffic for nothing.
    keepAliveMsecs: KEEP_ALIVE_MS,
    maxFreeSockets: options.maxSockets ?? 8,
    ...(options.serverName === undefined ? {} : { servername: options.serverName }),
    ...(options.insecure ? { rejectUnauthorized: false } : {}),
  });
  let secure: SecureContext | undefined;
  /** Authorities and keys are read once, not for each connection. */
  function secureContext(): { secureContext?: SecureContext } {
    const { ca, clientCert: cert, clientKey: key } = options;
    if (ca === undefined && cert === undefined) return {};
    secure ??= createSecureContext({ ca, cert, key });
    return { secureContext: secure };
  }

  async function send(request: ApiRequest, timeoutMs?: number): Promise<IncomingMessage> {
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
      ...secureContext(),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
      ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
    };
    await options.prepare?.(prepared);
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const call = httpsRequest(url, prepared);
      call.on('response', resolve);
      call.on('error', reject);
      call.on('timeout', () => call.destroy(new Error(`the server said nothing for ${timeoutMs} ms`)));
      call.end(body);
    });
  }

  return {
    async request(request) {
      const response = await send(request, options.timeoutMs);
      const text = await readText(response);
      const code = response.statusCode ?? 0;
      if (code > 399) throw toStatusError(response, text);
      return parseAnswer(response, text);
    },
    async *watch(request) {
      const response = await send(request);
      const code = response.statusCode ?? 0;
      if (code > 399) throw toStatusError(response, await readText(response));
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

/**
 * A failure as its `Status`; proxies and early filters answer in plain text, which becomes the message. When to come again
 * stands in a header: what limits calls writes nothing else.
 */
function toStatusError({ statusCode: code = 0, headers }: IncomingMessage, text: string): StatusError {
  const status = parseStatus(text);
  const error =
    status !== undefined
      ? StatusError.fromStatus(status, code)
      : new StatusError({
          code,
          reason: reasons[code] ?? '',
          message: text.trim() || `the server answered ${code}`,
        });
  const retryAfterSeconds = Number(headers['retry-after']);
  if (!(retryAfterSeconds > 0) || error.details?.retryAfterSeconds !== undefined) return error;
  const { reason, message, details } = error;
  return new StatusError({ code: error.code, reason, message, details: { ...details, retryAfterSeconds } });
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
