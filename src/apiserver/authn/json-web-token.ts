import { verify } from 'node:crypto';
import { digests, type TokenKey } from './token-keys.ts';

/** Claims that every token has. */
export interface Claims extends Readonly<Record<string, unknown>> {
  readonly iss?: string;
  readonly sub?: string;
  readonly aud?: string | readonly string[];
  readonly exp?: number;
  readonly nbf?: number;
  readonly iat?: number;
  readonly jti?: string;
}

export interface UnverifiedToken {
  readonly header: { readonly alg?: string; readonly kid?: string };
  readonly claims: Claims;
}

/** Reads a token without believing it; undefined where it is no JWS in compact form. */
export function readToken(token: string): UnverifiedToken | undefined {
  const [header, payload, signature, ...rest] = token.split('.');
  if (!header || !payload || signature === undefined || rest.length > 0) return undefined;
  const parsedHeader = decode(header);
  const claims = decode(payload);
  return parsedHeader === undefined || claims === undefined ? undefined : { header: parsedHeader, claims };
}

/**
 * Whether one of the keys signed the token. The algorithm is the key's own, never the token's choice.
 * @throws Error `invalid signature, no keys found` where the token names a key that is not there.
 */
export function checkSignature(token: string, unverified: UnverifiedToken, keys: readonly TokenKey[]): boolean {
  const { alg, kid } = unverified.header;
  const candidates = kid ? keys.filter((key) => key.id === kid) : keys;
  if (candidates.length === 0) throw new Error('invalid signature, no keys found');
  const end = token.lastIndexOf('.');
  const body = Buffer.from(token.slice(0, end));
  const signature = Buffer.from(token.slice(end + 1), 'base64url');
  return candidates.some(({ key, algorithm }) => {
    if (algorithm !== alg) return false;
    const input = algorithm === 'RS256' ? key : { key, dsaEncoding: 'ieee-p1363' as const };
    return verify(digests[algorithm], body, input, signature);
  });
}

function decode(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
