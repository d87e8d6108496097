import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { isBootstrapToken } from '../pki/join-token.ts';

/** Who asks the supervisor. */
export interface Caller {
  readonly name: string;
  readonly groups: readonly string[];
  /** SHA-256 of the certificate that it showed; undefined where it was a token. */
  readonly fingerprint?: string | undefined;
  /** The bootstrap token that it came with. */
  readonly bootstrapToken?: string | undefined;
  /** A bootstrap token that is no longer good: what it may do, the password of its node has to say. */
  readonly returnsBy?: string | undefined;
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
 * Finds out who asks: by `Basic` join token or bootstrap token, else by client certificate. A token that is right goes
 * first, as in k3s: agents that have joined before send both, and one that was given another name since shows the
 * certificate of its old one.
 *
 * @returns undefined without credentials, `refused` where they are wrong.
 */
export async function identify(request: IncomingMessage, tokens: JoinTokens): Promise<Caller | undefined | 'refused'> {
  const { authorization } = request.headers;
  const byToken = authorization === undefined ? undefined : await callerOfToken(authorization, tokens);
  return byToken ?? callerOfCertificate(request) ?? (authorization === undefined ? undefined : 'refused');
}

/** Who the client certificate says it is; undefined where there is none that the authority of clients has signed. */
export function callerOfCertificate(request: IncomingMessage): Caller | undefined {
  const { stream } = request as { stream?: { session?: { socket?: unknown } } };
  const socket = (stream?.session?.socket ?? request.socket) as TLSSocket;
  // Verified by the listener against the authority of clients.
  if (!socket.authorized) return undefined;
  const { subject, fingerprint256: fingerprint } = socket.getPeerCertificate();
  const { CN: name, O: organization } = subject ?? {};
  if (typeof name !== 'string' || name === '') return undefined;
  const groups = Array.isArray(organization) ? organization : organization === undefined ? [] : [organization];
  return { name, groups, fingerprint };
}

async function callerOfToken(authorization: string, tokens: JoinTokens): Promise<Caller | undefined> {
  const [scheme = '', value = ''] = authorization.split(' ');
  if (scheme.toLowerCase() === 'bearer') return await callerOfBootstrap(value, tokens);
  const { user, password } = basicOf(authorization) ?? {};
  if (user === undefined || password === undefined) return undefined;
  const caller = callerOfBasic(user, password, tokens);
  if (caller !== undefined || user !== 'node' || !isBootstrapToken(password)) return caller;
  // Agents before 1.26 know no bootstrap tokens, and send one as the password of `node`.
  return await callerOfBootstrap(password, tokens);
}

async function callerOfBootstrap(token: string, tokens: JoinTokens): Promise<Caller | undefined> {
  const found = await tokens.verifyBootstrap?.(token);
  return found === undefined ? undefined : { ...found, bootstrapToken: token };
}

/** The bootstrap token of a request, good or not, in either form; undefined without one. */
export function bootstrapTokenOf({ headers: { authorization = '' } }: IncomingMessage): string | undefined {
  const { user, password } = basicOf(authorization) ?? {};
  const token = user === 'node' ? password : /^bearer (\S+)$/i.exec(authorization)?.[1];
  return token !== undefined && isBootstrapToken(token) ? token : undefined;
}

/** User and password of an `Authorization: Basic`; undefined where it is none. */
function basicOf(authorization = ''): { readonly user: string; readonly password: string } | undefined {
  const [scheme = '', value = ''] = authorization.split(' ');
  if (scheme.toLowerCase() !== 'basic') return undefined;
  const text = Buffer.from(value, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** The identity behind a join token's password; undefined where it is wrong. */
function callerOfBasic(user: string, password: string, tokens: JoinTokens): Caller | undefined {
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
