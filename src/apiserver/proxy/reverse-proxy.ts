import type { IncomingMessage, OutgoingHttpHeader, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { badRequest, type StatusError, serviceUnavailable } from '../../machinery/errors/status-error.ts';
import type { Answer, AuthenticatedCall, RawExchange } from '../call.ts';
import { backendHeaders, isHopByHop } from './backend-headers.ts';
import { isPage } from './html-page.ts';
import { requestUpgrade, sendRequest } from './kubelet.ts';
import { joinUpgraded, repeatAnswer } from './pipe.ts';
import { type LinkPlace, rewriteLink } from './proxied-link.ts';

export interface ProxyTarget {
  /** `host:port` of the backend, by which its links to itself are known. */
  readonly authority: string;
  connect(): Promise<Duplex>;
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
  const { connect, authority } = await target();
  // Backends see the host that the client asked.
  const requestHost = call.header('host') ?? call.header(':authority') ?? '';
  const path = `${tail}${search}`;
  if (raw.response === undefined) return await proxyUpgrade(call, raw, { connect, host: requestHost, path });
  if (tail === '' && (call.method === 'GET' || call.method === 'HEAD')) return redirectToRoot(base, search);
  const rawHeaders = [...backendHeaders(call, { host: requestHost }), 'X-Forwarded-Uri', `${base}${tail}`];
  const socket = await connect();
  const { response } = raw;
  const sent = sendRequest(socket, { method: call.method, path: path === '' ? '/' : path, rawHeaders });
  response.once('close', () => socket.destroy());
  raw.request.pipe(sent);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve);
    sent.once('error', (error) => reject(unreachable(error)));
  });
  const place = { base, authority, requestHost };
  const overHttp2 = raw.request.httpVersionMajor > 1;
  if (isPage(answer) && call.method !== 'HEAD') {
    await sendPage(response, answer, place, overHttp2);
    return taken;
  }
  writeHead(response, answer, place, overHttp2);
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

/** A page is rewritten as a whole, and so has another length; one that is too large passes as it is. */
async function sendPage(
  response: ServerResponse,
  answer: IncomingMessage,
  place: LinkPlace,
  overHttp2: boolean,
): Promise<void> {
  const { rewrittenPage } = await import('./html-answer.ts');
  try {
    const { chunks, goesOn } = await rewrittenPage(answer, place);
    writeHead(response, answer, place, overHttp2, { withoutLength: true });
    for (const chunk of chunks) response.write(chunk);
    if (goesOn) answer.pipe(response).once('close', () => answer.destroy());
    else response.end();
    answer.once('error', () => response.destroy());
  } catch {
    response.destroy();
  }
}

async function proxyUpgrade(
  call: AuthenticatedCall,
  raw: RawExchange,
  { connect, host, path }: { connect(): Promise<Duplex>; host: string; path: string },
): Promise<Answer> {
  const socket = await connect();
  const rawHeaders = backendHeaders(call, { host, keepsUpgrade: true });
  const outcome = await requestUpgrade(socket, { method: call.method, path: path === '' ? '/' : path, rawHeaders });
  if (!outcome.upgraded) {
    repeatAnswer(outcome.answer, raw.socket);
    return taken;
  }
  joinUpgraded(raw, outcome);
  return taken;
}

/** Repeats the head of a backend's answer, without what ends at this hop. */
export function writeHead(
  response: ServerResponse,
  answer: IncomingMessage,
  place: LinkPlace | undefined,
  overHttp2: boolean,
  { withoutLength = false } = {},
): void {
  const headers: Record<string, OutgoingHttpHeader> = {};
  const { rawHeaders } = answer;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const value = rawHeaders[index + 1] ?? '';
    if (isHopByHop(name) || (withoutLength && name.toLowerCase() === 'content-length')) continue;
    const key = overHttp2 ? name.toLowerCase() : name;
    const known = headers[key];
    headers[key] = known === undefined ? value : [...(Array.isArray(known) ? known : [String(known)]), value];
  }
  const key = Object.keys(headers).find((name) => name.toLowerCase() === 'location');
  if (key !== undefined && place !== undefined) headers[key] = rewriteLink(String(headers[key]), place);
  response.writeHead(answer.statusCode ?? 502, headers);
}

/** Source: apiserver `pkg/endpoints/handlers/responsewriters` with httputil's errors. */
function unreachable(error: Error): StatusError {
  const text = `error trying to reach service: ${error.message}`;
  return serviceUnavailable(text, { cause: error });
}
