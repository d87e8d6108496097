import type { Credentials, User } from '../call.ts';

/** Who a token stands for, and for which of the wanted audiences. */
export interface TokenIdentity {
  readonly user: User;
  readonly audiences: readonly string[];
}

/** Knows one kind of bearer token. */
export interface TokenAuthenticator {
  /**
   * @param audiences - For whom the token must be good; empty means this server.
   * @returns undefined where the token is of another kind or unknown.
   * @throws Error where it is of this kind, and bad.
   */
  authenticateToken(
    token: string,
    audiences: readonly string[],
    signal: AbortSignal,
  ): Promise<TokenIdentity | undefined>;
}

const PROTOCOL_PREFIX = 'base64url.bearer.authorization.k8s.io.';

/**
 * The token of a request: from the Authorization header, or, for browsers that cannot set it on a WebSocket, from the
 * protocol list. Undefined where there is none; the empty one counts as none.
 * Source: apiserver `pkg/authentication/request/bearertoken` and `request/websocket`.
 */
export function bearerTokenOf(credentials: Credentials): string | undefined {
  const header = credentials.header('authorization')?.trim();
  if (header !== undefined && header !== '') {
    const [scheme = '', token] = header.split(' ');
    return scheme.toLowerCase() === 'bearer' && token ? token : undefined;
  }
  if (credentials.header('upgrade')?.toLowerCase() !== 'websocket') return undefined;
  const protocols = (credentials.header('sec-websocket-protocol') ?? '').split(',').map((each) => each.trim());
  const encoded = protocols.find((each) => each.startsWith(PROTOCOL_PREFIX))?.slice(PROTOCOL_PREFIX.length);
  // The token must not be the only protocol: the server has to answer with another one.
  if (!encoded || protocols.length < 2) return undefined;
  return Buffer.from(encoded, 'base64url').toString('utf8');
}
