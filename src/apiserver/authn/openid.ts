import type { Answer, AuthenticatedCall } from '../call.ts';
import { requireRoutable } from '../routable.ts';
import type { TokenKey } from './token-keys.ts';

export interface OpenIdOptions {
  readonly issuer: string;
  /** `host:port` by which outsiders reach the server. */
  readonly externalAddress: string;
  readonly keys: readonly TokenKey[];
}

/**
 * The documents by which others verify tokens of service accounts: `/.well-known/openid-configuration` and
 * `/openid/v1/jwks`. Undefined for other paths, and for issuers that are no https URL, as upstream.
 * Source: `pkg/serviceaccount/openidmetadata.go`, `pkg/routes/openidmetadata.go`.
 */
export function createOpenIdDocuments(
  options: OpenIdOptions,
): (call: AuthenticatedCall) => Promise<Answer> | undefined {
  if (!options.issuer.startsWith('https://')) return () => undefined;
  return (call) => {
    if (call.method !== 'GET' && call.method !== 'HEAD') return undefined;
    if (call.path === '/.well-known/openid-configuration') {
      return answer(call, 'application/json', toConfiguration(options));
    }
    if (call.path === '/openid/v1/jwks') return answer(call, 'application/jwk-set+json', toKeySet(options.keys));
    return undefined;
  };
}

async function answer(call: AuthenticatedCall, contentType: string, document: unknown): Promise<Answer> {
  requireRoutable(call, contentType);
  const headers = { 'Cache-Control': 'public, max-age=3600' };
  return { kind: 'bytes', status: 200, contentType, headers, body: Buffer.from(JSON.stringify(document)) };
}

function toConfiguration({ issuer, externalAddress, keys }: OpenIdOptions): unknown {
  return {
    issuer,
    jwks_uri: `https://${externalAddress}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [...new Set(keys.map(({ algorithm }) => algorithm))],
  };
}

function toKeySet(keys: readonly TokenKey[]): unknown {
  return {
    keys: keys.map(({ id, algorithm, key }) => {
      const { kty, crv, n, e, x, y } = key.export({ format: 'jwk' });
      const fields = kty === 'RSA' ? { n, e } : { crv, x, y };
      return { use: 'sig', kty, kid: id, alg: algorithm, ...fields };
    }),
  };
}
