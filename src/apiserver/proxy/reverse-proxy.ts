import type { IncomingMessage, OutgoingHttpHeader, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { badRequest, type StatusError, serviceUnavailable } from '../../machinery/errors/status-error.ts';
import type { Answer, AuthenticatedCall, RawExchange } from '../call.ts';
import { backendHeaders, isHopByHop } from './backend-headers.ts';
import { requestUpgrade, sendRequest } from './kubelet.ts';
import { joinStreams, repeatAnswer, repeatHead } from './pipe.ts';

export interface ProxyTarget {
  /** `host:port` as the backend sees it in the Host header. */
  readonly authority: string;
  connect(): Promise<Duplex>;
  /** Whether the answer's redirects are turned so that they lead through the proxy again. */
  readonly rewrites: boolean;
}

const taken: Answer = { kind: 'taken' };

/**
 * Passes a call on to a backend and its answer back, as they flow. The path behind `/proxy` and the query go along.
 * Source: apimachinery `pkg/util/proxy/{upgradeaware,transport}.go`.
 */
export async function proxyCall(call: AuthenticatedCall, target: () => Promise<ProxyTarget>): Promise<Answer> {
  const { raw } = call;
  if (raw === undefined) throw badRequest('a proxied request needs HTTP');
  const { base, tail, search } = splitUrl(call, raw.request.url ?? '');
  const { connect, authority, rewrites } = await target();
  const path = `${tail}${search}`;
  if (raw.response === undefined) return await proxyUpgrade(call, raw, { connect, authority, path });
  if (tail === '' && (call.method === 'GET' || call.method === 'HEAD')) return redirectToRoot(base, search);
  const rawHeaders = [...backendHeaders(call, { host: authority }), ...(rewrites ? forwardedHeaders(call, base) : [])];
  const socket = await connect();
  const { response } = raw;
  const sent = sendRequest(socket, { method: call.method, path: path === '' ? '/' : path, rawHeaders });
  response.once('close', () => socket.destroy());
  raw.request.pipe(sent);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve);
    sent.once('error', (error) => reject(unreachable(error)));
  });
  writeHead(response, answer, rewrites ? { base, authority } : undefined, raw.request.httpVersionMajor > 1);
  answer.pipe(response);
  answer.once('error', () => response.destroy());
  return taken;
}

interface Split {
  /** The path up to and with `/proxy`. */
  readonly base: string;
  /** What is behind it, as the client encoded it; empty or with a slash in front. */
  readonly tail: string;
  /** With its question mark, or empty. */
  readonly search: string;
}

function splitUrl({ info }: AuthenticatedCall, url: string): Split {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const pieces = path.split('/');
  // /api/v1/nodes/NAME/proxy or /api/v1/namespaces/NS/pods/NAME/proxy
  const length = info.namespace === '' ? 6 : 8;
  const tail = pieces.slice(length);
  return {
    base: pieces.slice(0, length).join('/'),
    tail: tail.length === 0 ? '' : `/${tail.join('/')}`,
    search: mark < 0 ? '' : url.slice(mark),
  };
}

/** Relative links of a page work only below a path that ends with a slash. */
function redirectToRoot(base: string, search: string): Answer {
  const headers = { Location: `${base}/${search}` };
  return { kind: 'bytes', status: 301, contentType: 'text/plain', headers, body: Buffer.alloc(0) };
}

function forwardedHeaders(call: AuthenticatedCall, base: string): readonly string[] {
  const host = call.header('host') ?? call.header(':authority') ?? '';
  return ['X-Forwarded-Uri', base, 'X-Forwarded-Host', host, 'X-Forwarded-Proto', 'https'];
}

async function proxyUpgrade(
  call: AuthenticatedCall,
  raw: RawExchange,
  { connect, authority, path }: { connect(): Promise<Duplex>; authority: string; path: string },
): Promise<Answer> {
  const socket = await connect();
  const rawHeaders = backendHeaders(call, { host: authority, keepsUpgrade: true });
  const outcome = await requestUpgrade(socket, { method: call.method, path: path === '' ? '/' : path, rawHeaders });
  if (!outcome.upgraded) {
    repeatAnswer(outcome.answer, raw.socket);
    return taken;
  }
  repeatHead(outcome.answer, raw.socket);
  if (outcome.head.length > 0) raw.socket.write(outcome.head);
  if (raw.head.length > 0) outcome.socket.write(raw.head);
  joinStreams(raw.socket, outcome.socket);
  return taken;
}

/** Repeats the head of a backend's answer, without what ends at this hop. */
export function writeHead(
  response: ServerResponse,
  answer: IncomingMessage,
  rewrite: { base: string; authority: string } | undefined,
  overHttp2: boolean,
): void {
  const headers: Record<string, OutgoingHttpHeader> = {};
  const { rawHeaders } = answer;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const value = rawHeaders[index + 1] ?? '';
    if (isHopByHop(name)) continue;
    const key = overHttp2 ? name.toLowerCase() : name;
    const known = headers[key];
    headers[key] = known === undefined ? value : [...(Array.isArray(known) ? known : [String(known)]), value];
  }
  const key = Object.keys(headers).find((name) => name.toLowerCase() === 'location');
  if (key !== undefined && rewrite !== undefined) headers[key] = rewriteLocation(String(headers[key]), rewrite);
  response.writeHead(answer.statusCode ?? 502, headers);
}

/** Redirects within the backend lead through the proxy again; those to elsewhere stay. */
function rewriteLocation(location: string, { base, authority }: { base: string; authority: string }): string {
  try {
    const url = new URL(location, `http://${authority}/`);
    if (url.host !== authority || (!location.startsWith('/') && !/^https?:/.test(location))) return location;
    return `${base}${url.pathname}${url.search}${url.hash}`;
  } catch {
    return location;
  }
}

/** Source: apiserver `pkg/endpoints/handlers/responsewriters` with httputil's errors. */
function unreachable(error: Error): StatusError {
  const text = `error trying to reach service: ${error.message}`;
  return serviceUnavailable(text, { cause: error });
}
