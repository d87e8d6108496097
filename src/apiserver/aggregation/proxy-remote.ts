import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Status } from '../../generated/api/meta/v1.ts';
import { StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { Answer, AuthenticatedCall, BytesAnswer, RawExchange } from '../call.ts';
import { backendHeaders } from '../proxy/backend-headers.ts';
import { requestUpgrade } from '../proxy/kubelet.ts';
import { joinUpgraded, repeatAnswer } from '../proxy/pipe.ts';
import { writeHead } from '../proxy/reverse-proxy.ts';
import { openWorkload } from '../workloads/open-workload.ts';
import { wasStale } from '../workloads/workload-agent.ts';
import type { WorkloadNetwork } from '../workloads/workload-network.ts';
import { proxyHeaders } from './proxy-headers.ts';
import type { RemoteService } from './remote-service.ts';
import { RemoteWatch } from './remote-watch.ts';

export interface ProxyRemoteDeps {
  readonly network: WorkloadNetwork;
  readonly clock: Clock;
}

const DISCOVERY_MS = 5_000;
const taken: Answer = { kind: 'taken' };

/**
 * Passes a call on to the server of an APIService, whole: path, query, body, upgrades, and who asks.
 * Source: kube-aggregator `pkg/apiserver/handler_proxy.go`.
 */
export async function proxyToRemote(
  call: AuthenticatedCall,
  remote: RemoteService,
  deps: ProxyRemoteDeps,
): Promise<Answer> {
  if (!remote.isAvailable) return plainAnswer(503, 'service unavailable');
  const limit = limitOf(call, deps.clock);
  try {
    // Who has no server behind it is unavailable, whatever the reason; later faults are told.
    await deps.network.ofService(remote.target);
  } catch {
    limit.end();
    return plainAnswer(503, 'service unavailable');
  }
  try {
    const { raw } = call;
    if (raw === undefined) return await askDirectly(call, remote, limit.signal);
    if (raw.response === undefined) return await upgrade(call, raw, remote, deps);
    return await pass(call, raw, remote, limit.signal);
  } catch (error) {
    if (error instanceof StatusError && call.raw === undefined) throw error;
    const why = error instanceof Error ? error.message : String(error);
    return plainAnswer(503, `error trying to reach service: ${why}`);
  } finally {
    limit.end();
  }
}

/** Questions about what there is must not take long. */
function limitOf(call: AuthenticatedCall, clock: Clock): { readonly signal: AbortSignal; end(): void } {
  const isDiscovery = !call.info.isResourceRequest && call.path.replace(/^\/|\/$/g, '').split('/').length === 3;
  if (!isDiscovery) return { signal: call.signal, end: () => {} };
  const limit = new AbortController();
  const timer = clock.after(DISCOVERY_MS, () => limit.abort(new Error('context deadline exceeded')));
  return { signal: AbortSignal.any([call.signal, limit.signal]), end: () => timer.cancel() };
}

export function plainAnswer(status: number, text: string): BytesAnswer {
  return {
    kind: 'bytes',
    status,
    contentType: 'text/plain; charset=utf-8',
    headers: { 'X-Content-Type-Options': 'nosniff' },
    body: Buffer.from(`${text}\n`),
  };
}

function headersFor(call: AuthenticatedCall, remote: RemoteService, keepsUpgrade: boolean): readonly string[] {
  const host = `${remote.tls.serverName}:${remote.target.port}`;
  const path = call.raw?.request.url?.split('?')[0] ?? call.path;
  const forwarded = ['X-Forwarded-Uri', path, 'X-Forwarded-Host', host, 'X-Forwarded-Proto', 'https'];
  return [...backendHeaders(call, { host, keepsUpgrade }), ...forwarded, ...proxyHeaders(call.user)];
}

async function pass(
  call: AuthenticatedCall,
  raw: RawExchange,
  remote: RemoteService,
  signal: AbortSignal,
): Promise<Answer> {
  const { request, response } = raw;
  if (response === undefined) return taken;
  const { method = 'GET', url = '/' } = request;
  const rawHeaders = headersFor(call, remote, false);
  for (;;) {
    // What is passed on lives as long as the client; the limit of discovery ends with the head of the answer.
    const ended = new AbortController();
    const abort = (): void => ended.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const sent = remote.agent.send({ method, path: url, rawHeaders, signal: ended.signal });
    response.once('close', () => sent.destroy());
    const hasBody = method !== 'GET' && method !== 'HEAD';
    if (hasBody) request.pipe(sent);
    else sent.end();
    try {
      const answer = await headOf(sent);
      for (const [name, value] of Object.entries(call.answerHeaders ?? {})) response.setHeader(name, value);
      writeHead(response, answer, undefined, request.httpVersionMajor > 1);
      answer.pipe(response);
      answer.once('error', () => response.destroy());
      return taken;
    } catch (error) {
      if (ended.signal.aborted) throw ended.signal.reason;
      if (hasBody || !wasStale(sent, error)) throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }
}

function headOf(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve);
    // Later faults are the answer's.
    sent.on('error', reject);
  });
}

async function upgrade(
  call: AuthenticatedCall,
  raw: RawExchange,
  remote: RemoteService,
  { network }: ProxyRemoteDeps,
): Promise<Answer> {
  const socket = await openWorkload(network, () => network.ofService(remote.target), remote.tls, call.signal);
  const rawHeaders = headersFor(call, remote, true);
  const outcome = await requestUpgrade(socket, { method: call.method, path: raw.request.url ?? '/', rawHeaders });
  if (!outcome.upgraded) {
    repeatAnswer(outcome.answer, raw.socket);
    return taken;
  }
  joinUpgraded(raw, outcome);
  return taken;
}

/** For callers inside of this process, who want objects. */
async function askDirectly(call: AuthenticatedCall, remote: RemoteService, signal: AbortSignal): Promise<Answer> {
  const search = call.query.toString();
  const path = search === '' ? call.path : `${call.path}?${search}`;
  const rawHeaders = [
    ...['Host', `${remote.tls.serverName}:${remote.target.port}`, 'Accept', 'application/json'],
    ...['User-Agent', call.header('user-agent') ?? 'kube-apiserver'],
    ...proxyHeaders(call.user),
  ];
  if (call.info.verb === 'watch') {
    const sent = remote.agent.send({ method: 'GET', path, rawHeaders, signal: call.signal });
    sent.end();
    const answer = await headOf(sent);
    if (answer.statusCode === 200) return { kind: 'watch', status: 200, feed: new RemoteWatch(answer) };
    sent.destroy();
    throw new StatusError({ code: answer.statusCode ?? 503, reason: '', message: 'the server refused the watch' });
  }
  const body = await call.body();
  const contentType = call.header('content-type') ?? 'application/json';
  const hasBody = body.length > 0;
  const answer = await remote.agent.ask({
    method: call.method,
    path,
    rawHeaders: hasBody
      ? [...rawHeaders, 'Content-Type', contentType, 'Content-Length', String(body.length)]
      : rawHeaders,
    body: hasBody ? body : undefined,
    signal,
  });
  return toAnswer(answer.status, answer.body);
}

function toAnswer(status: number, body: Buffer): Answer {
  let object: unknown;
  try {
    object = JSON.parse(body.toString('utf8'));
  } catch {
    return { kind: 'bytes', status, contentType: 'text/plain', body };
  }
  if (status > 399 && (object as Status).kind === 'Status') throw StatusError.fromStatus(object as Status, status);
  return { kind: 'object', status, item: { object: object as AnyObject } };
}
