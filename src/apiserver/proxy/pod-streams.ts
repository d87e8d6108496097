import { badRequest, StatusError } from '../../machinery/errors/status-error.ts';
import type { Answer, AuthenticatedCall, Authorizer, Handler, RawExchange } from '../call.ts';
import { accessDenied } from '../filters/authorization.ts';
import type { ObjectReader } from '../object-reader.ts';
import { backendHeaders } from './backend-headers.ts';
import {
  type KubeletConnector,
  type KubeletLocation,
  readText,
  requestUpgrade,
  type UpgradeOutcome,
} from './kubelet.ts';
import { joinUpgraded, joinWebSocket, repeatAnswer } from './pipe.ts';
import { chooseContainer, nodeOf, readFlag, readPod } from './pod-target.ts';
import { type RemoteStreams, translateStreams } from './stream-translator.ts';
import { acceptWebSocket, isWebSocket, offeredProtocols } from './web-socket-server.ts';

export interface StreamDeps {
  readonly reader: ObjectReader;
  readonly kubelets: KubeletConnector;
  readonly authorizer: Authorizer;
}

const V5 = 'v5.channel.k8s.io';
const TUNNEL_PREFIX = 'SPDY/3.1+';
const taken: Answer = { kind: 'taken' };

/** What a subresource asks of the kubelet. */
interface Target {
  readonly location: KubeletLocation;
  readonly path: string;
}

/** `exec` and `attach`. Source: `pkg/registry/core/pod/rest/subresources.go`. */
export function remoteCommandHandler(kind: 'exec' | 'attach', deps: StreamDeps): Handler<AuthenticatedCall> {
  return async (call) => {
    await demandCreate(call, deps.authorizer);
    const { query, info } = call;
    const pod = await readPod(deps.reader, call);
    const container = chooseContainer(pod, query.get('container') ?? '');
    const location = await deps.kubelets.locate(nodeOf(pod), 'pods');
    const wanted = readStreams(query);
    const path = `/${kind}/${[info.namespace, info.name, container].map(encodeURIComponent).join('/')}?${toQuery(kind, wanted, query)}`;
    const raw = demandUpgrade(call);
    const translated = isWebSocket(raw.request) && offeredProtocols(raw.request).includes(V5);
    if (!translated || speaksWebSocket(location)) return await passThrough(call, raw, { location, path }, deps);
    return await translate(call, raw, { target: { location, path }, wanted, deps });
  };
}

/** `portforward`. */
export function portForwardHandler(deps: StreamDeps): Handler<AuthenticatedCall> {
  return async (call) => {
    await demandCreate(call, deps.authorizer);
    const { query, info } = call;
    const ports = query.getAll('ports').flatMap((value) => value.split(','));
    for (const port of ports) demandPort(port);
    const pod = await readPod(deps.reader, call);
    const location = await deps.kubelets.locate(nodeOf(pod), 'pods');
    const search = ports.length === 0 ? '' : `?${new URLSearchParams({ port: ports.join(',') })}`;
    const path = `/portForward/${[info.namespace, info.name].map(encodeURIComponent).join('/')}${search}`;
    const raw = demandUpgrade(call);
    const tunnelled = offeredProtocols(raw.request)
      .filter((protocol) => protocol.startsWith(TUNNEL_PREFIX) && protocol.endsWith('.k8s.io'))
      .map((protocol) => protocol.slice(TUNNEL_PREFIX.length));
    if (!isWebSocket(raw.request) || tunnelled.length === 0 || speaksWebSocket(location)) {
      return await passThrough(call, raw, { location, path }, deps);
    }
    return await tunnel(call, raw, { target: { location, path }, protocols: tunnelled, deps });
  };
}

/** A WebSocket is opened by GET, and what it does is more than reading. */
async function demandCreate(call: AuthenticatedCall, authorizer: Authorizer): Promise<void> {
  if (call.info.verb === 'create') return;
  const attributes = { ...call.info, verb: 'create' };
  const { verdict, reason } = await authorizer.authorize(call.user, attributes, call.signal);
  if (verdict !== 'allow') throw accessDenied(call.user, attributes, reason);
}

function demandUpgrade({ raw }: AuthenticatedCall): RawExchange {
  const upgrades = raw?.request.headers.connection?.toLowerCase().includes('upgrade') ?? false;
  if (raw === undefined || raw.response !== undefined || !upgrades) throw badRequest('Upgrade request required');
  return raw;
}

function speaksWebSocket({ features }: KubeletLocation): boolean {
  return features.includes('ExtendWebSocketsToKubelet');
}

function readStreams(query: URLSearchParams): RemoteStreams {
  const flag = (name: string): boolean => readFlag(query, name);
  return { stdin: flag('stdin'), stdout: flag('stdout'), stderr: flag('stderr'), tty: flag('tty') };
}

function toQuery(kind: 'exec' | 'attach', wanted: RemoteStreams, query: URLSearchParams): string {
  const sent = new URLSearchParams();
  if (wanted.stdin) sent.set('input', '1');
  if (wanted.stdout) sent.set('output', '1');
  if (wanted.stderr) sent.set('error', '1');
  if (wanted.tty) sent.set('tty', '1');
  if (kind === 'exec') for (const word of query.getAll('command')) sent.append('command', word);
  return sent.toString();
}

/** Lets client and kubelet speak to each other in whatever they agree on. */
async function passThrough(
  call: AuthenticatedCall,
  raw: RawExchange,
  { location, path }: Target,
  { kubelets }: StreamDeps,
): Promise<Answer> {
  const socket = await kubelets.connect(location, call.signal);
  const rawHeaders = backendHeaders(call, { host: `${location.host}:${location.port}`, keepsUpgrade: true });
  const outcome = await requestUpgrade(socket, { method: call.method, path, rawHeaders });
  if (!outcome.upgraded) {
    const code = outcome.answer.statusCode ?? 0;
    if (code < 400) throw plainError(`invalid upgrade response: status code ${code}`);
    repeatAnswer(outcome.answer, raw.socket);
    return taken;
  }
  joinUpgraded(raw, outcome);
  return taken;
}

interface Translation {
  readonly target: Target;
  readonly wanted: RemoteStreams;
  readonly deps: StreamDeps;
}

/**
 * The kubelet is asked before the client's handshake is answered (upstream: behind it). A refusal is then an answer that
 * every client can show.
 */
async function translate(
  call: AuthenticatedCall,
  raw: RawExchange,
  { target, wanted, deps }: Translation,
): Promise<Answer> {
  const outcome = await upgradeToSpdy(call, target, ['v5.channel.k8s.io', 'v4.channel.k8s.io'], deps);
  if (!outcome.upgraded) throw await refusedUpgrade(outcome);
  const client = await acceptWebSocket(raw, V5).catch((error) => {
    outcome.socket.destroy();
    throw error;
  });
  translateStreams(client, outcome, wanted).catch(() => client.terminate());
  return taken;
}

interface Tunnel {
  readonly target: Target;
  readonly protocols: readonly string[];
  readonly deps: StreamDeps;
}

/** SPDY inside a WebSocket: its frames are taken out and sent on as they are. */
async function tunnel(call: AuthenticatedCall, raw: RawExchange, { target, protocols, deps }: Tunnel): Promise<Answer> {
  const outcome = await upgradeToSpdy(call, target, protocols, deps);
  if (!outcome.upgraded) {
    repeatAnswer(outcome.answer, raw.socket);
    return taken;
  }
  const chosen = outcome.answer.headers['x-stream-protocol-version'];
  const protocol = typeof chosen === 'string' && chosen !== '' ? `${TUNNEL_PREFIX}${chosen}` : undefined;
  const client = await acceptWebSocket(raw, protocol).catch((error) => {
    outcome.socket.destroy();
    throw error;
  });
  if (outcome.head.length > 0) client.send(outcome.head, { binary: true });
  joinWebSocket(client, outcome.socket);
  return taken;
}

async function upgradeToSpdy(
  call: AuthenticatedCall,
  { location, path }: Target,
  protocols: readonly string[],
  { kubelets }: StreamDeps,
): Promise<UpgradeOutcome> {
  const socket = await kubelets.connect(location, call.signal);
  const headers = {
    Host: `${location.host}:${location.port}`,
    Connection: 'Upgrade',
    Upgrade: 'SPDY/3.1',
    'X-Stream-Protocol-Version': protocols,
    'Content-Length': '0',
  };
  return await requestUpgrade(socket, { method: 'POST', path, headers });
}

/** Source: client-go `transport/spdy` and `tools/remotecommand/spdy.go` (what an executor says of a refusal). */
async function refusedUpgrade(outcome: UpgradeOutcome): Promise<StatusError> {
  const text = await readText(outcome.answer);
  return plainError(`unable to upgrade connection: ${text}`);
}

function plainError(message: string): StatusError {
  return new StatusError({ code: 500, reason: '', message });
}

/** Source: apimachinery `meta/v1/conversion.go` (Convert_Slice_string_To_Slice_int32). */
function demandPort(text: string): void {
  const fault = !/^\d+$/.test(text) ? 'invalid syntax' : Number(text) > 0xffff ? 'value out of range' : undefined;
  if (fault === undefined) return;
  throw badRequest(`cannot convert to []int32: strconv.ParseUint: parsing ${JSON.stringify(text)}: ${fault}`);
}
