import { type KeyObject, randomUUID, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { Secret, ServiceAccount } from '../../generated/api/core/v1.ts';
import type { ObjectMeta } from '../../generated/api/meta/v1.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import { parseKey } from '../../pki/keys.ts';
import type { Clock } from '../../std/clock.ts';
import type { IssueRequest, TokenIssuer } from '../subresources/token.ts';
import { digests, type TokenKey, toTokenKey } from './token-keys.ts';

/** What kubelets ask for where a pod does not say: such tokens live on, since old clients never read them again. */
const PROJECTED_SECONDS = 60 * 60 + 7;
const EXTENDED_SECONDS = 365 * 24 * 3600;

export const LEGACY_ISSUER = 'kubernetes/serviceaccount';

export interface TokenSignerOptions {
  /** RSA, or EC on P-256, P-384 or P-521. */
  readonly privateKeyPem: string;
  readonly issuer: string;
  /** Audiences of tokens that ask for none. */
  readonly audiences: readonly string[];
  /** Whether tokens of pods live on for clients that never read them again. Default true. */
  readonly extendsTokens?: boolean | undefined;
  readonly clock: Clock;
}

export interface TokenSigner extends TokenIssuer {
  /** The key that its tokens are verified with. */
  readonly key: TokenKey;
  /** A token without end for a Secret of type `kubernetes.io/service-account-token`. */
  issueLegacyToken(account: ServiceAccount, secret: Secret): Promise<string>;
}

/**
 * Signs tokens of service accounts, off the event loop.
 * Source: `pkg/serviceaccount/claims.go`, `pkg/registry/core/serviceaccount/storage/token.go`.
 */
export function createTokenSigner(options: TokenSignerOptions): TokenSigner {
  const privateKey = parseKey(options.privateKeyPem, 'the service account key');
  const key = toTokenKey(privateKey);
  return {
    key,
    audiences: options.audiences,
    async issueToken(account, request) {
      const nowSeconds = Math.floor(options.clock.nowMs() / 1000);
      const id = randomUUID();
      const claims = toClaims(account, request, { nowSeconds, id }, options);
      const token = await signClaims(claims, privateKey, key);
      return { token, id, expirationTimestamp: toTimeText((nowSeconds + request.expirationSeconds) * 1000) };
    },
    async issueLegacyToken(account, secret) {
      const { namespace = '', name = '', uid = '' } = account.metadata ?? {};
      const field = 'kubernetes.io/serviceaccount';
      const claims = {
        iss: LEGACY_ISSUER,
        [`${field}/namespace`]: namespace,
        [`${field}/secret.name`]: secret.metadata?.name ?? '',
        [`${field}/service-account.name`]: name,
        [`${field}/service-account.uid`]: uid,
        sub: `system:serviceaccount:${namespace}:${name}`,
      };
      return await signClaims(claims, privateKey, key);
    },
  };
}

/** Fields in the order of their names, as Go writes maps. */
function toClaims(
  account: ServiceAccount,
  request: IssueRequest,
  { nowSeconds, id }: { readonly nowSeconds: number; readonly id: string },
  { issuer, audiences, extendsTokens = true }: TokenSignerOptions,
): Record<string, unknown> {
  const { namespace = '', name = '' } = account.metadata ?? {};
  const { pod, secret, node, expirationSeconds } = request;
  const extended =
    extendsTokens &&
    pod !== undefined &&
    expirationSeconds === PROJECTED_SECONDS &&
    request.audiences.every((audience) => audiences.includes(audience));
  return {
    aud: request.audiences,
    exp: nowSeconds + (extended ? EXTENDED_SECONDS : expirationSeconds),
    iat: nowSeconds,
    iss: issuer,
    jti: id,
    'kubernetes.io': {
      namespace,
      ...(node === undefined ? {} : { node: toReference(node.metadata) }),
      ...(pod === undefined ? {} : { pod: toReference(pod.metadata) }),
      ...(secret === undefined ? {} : { secret: toReference(secret.metadata) }),
      serviceaccount: toReference(account.metadata),
      ...(extended ? { warnafter: nowSeconds + expirationSeconds } : {}),
    },
    nbf: nowSeconds,
    sub: `system:serviceaccount:${namespace}:${name}`,
  };
}

function toReference(metadata: ObjectMeta | undefined): { name?: string; uid?: string } {
  return {
    ...(metadata?.name ? { name: metadata.name } : {}),
    ...(metadata?.uid ? { uid: metadata.uid } : {}),
  };
}

const signInBackground = promisify(sign) as (
  digest: string,
  data: Buffer,
  key: { key: KeyObject; dsaEncoding?: 'ieee-p1363' },
) => Promise<Buffer>;

/** A JWS in compact form. Source: RFC 7515, 7518. */
async function signClaims(claims: unknown, privateKey: KeyObject, key: TokenKey): Promise<string> {
  const header = encode({ alg: key.algorithm, kid: key.id });
  const body = `${header}.${encode(claims)}`;
  const signature = await signInBackground(digests[key.algorithm], Buffer.from(body), {
    key: privateKey,
    ...(key.algorithm === 'RS256' ? {} : { dsaEncoding: 'ieee-p1363' as const }),
  });
  return `${body}.${signature.toString('base64url')}`;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
