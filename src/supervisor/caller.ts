import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/** Who asks the supervisor. */
export interface Caller {
  readonly name: string;
  readonly groups: readonly string[];
}

/** The secrets that let machines in. */
export interface JoinTokens {
  /** Password of agents; the server token where no other is set. */
  readonly agent: string;
  readonly server: string;
  /** Judges a bootstrap token (`id.secret`). */
  verifyBootstrap?(token: string): Promise<Caller | undefined>;
}

/** Source: k3s `pkg/passwd`, `pkg/server/auth`. */
const BASIC_GROUPS: Readonly<Record<string, string>> = { node: 'k3s:agent', server: 'k3s:server' };

/**
 * Finds out who asks: by client certificate, by `Basic` join token, or by a bootstrap token. A certificate and a token
 * add up, since agents that have joined before send both.
 *
 * @returns undefined without credentials, `refused` where they are wrong.
 */
export async function identify(request: IncomingMessage, tokens: JoinTokens): Promise<Caller | undefined | 'refused'> {
  const byCertificate = callerOfCertificate(request);
  const authorization = request.headers.authorization;
  if (authorization === undefined) return byCertificate;
  const byToken = await callerOfToken(authorization, tokens);
  if (byToken === undefined) return byCertificate ?? 'refused';
  if (byCertificate === undefined) return byToken;
  return { name: byCertificate.name, groups: [...byCertificate.groups, ...byToken.groups] };
}

function callerOfCertificate(request: IncomingMessage): Caller | undefined {
  const { stream } = request as { stream?: { session?: { socket?: unknown } } };
  const socket = (stream?.session?.socket ?? request.socket) as TLSSocket;
  // Verified by the listener against the authority of clients.
  if (!socket.authorized) return undefined;
  const { CN: name, O: organization } = socket.getPeerCertificate().subject ?? {};
  if (typeof name !== 'string' || name === '') return undefined;
  const groups = Array.isArray(organization) ? organization : organization === undefined ? [] : [organization];
  return { name, groups };
}

async function callerOfToken(authorization: string, tokens: JoinTokens): Promise<Caller | undefined> {
  const [scheme = '', value = ''] = authorization.split(' ');
  if (scheme.toLowerCase() === 'bearer') return await tokens.verifyBootstrap?.(value);
  if (scheme.toLowerCase() !== 'basic') return undefined;
  const text = Buffer.from(value, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : callerOfBasic(text.slice(0, colon), text.slice(colon + 1), tokens);
}

/** The identity behind a join token's password; undefined where it is wrong. */
export function callerOfBasic(user: string, password: string, tokens: JoinTokens): Caller | undefined {
  const group = BASIC_GROUPS[user];
  if (group === undefined) return undefined;
  const expected = user === 'node' ? tokens.agent : tokens.server;
  return isEqual(password, expected) ? { name: user, groups: [group] } : undefined;
}

function isEqual(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
