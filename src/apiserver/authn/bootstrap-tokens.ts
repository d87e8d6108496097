import { timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../generated/api/core/v1.ts';
import { secrets } from '../../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { TokenAuthenticator, TokenIdentity } from './bearer-token.ts';
import { withAuthenticated } from './front-proxy.ts';

const tokenPattern = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const groupPattern = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/** Tokens with which machines join, kept in Secrets. Source: `plugin/pkg/auth/authenticator/token/bootstrap`. */
export function bootstrapTokenAuthenticator(reader: Pick<ObjectReader, 'get'>, clock: Clock): TokenAuthenticator {
  return {
    async authenticateToken(token): Promise<TokenIdentity | undefined> {
      const [, id, password] = tokenPattern.exec(token) ?? [];
      if (id === undefined || password === undefined) return undefined;
      const key = { namespace: 'kube-system', name: `bootstrap-token-${id}` };
      const secret = await reader.get(secrets as ResourceType<Secret & KubeObject>, key);
      if (secret === undefined || !isGood(secret, id, password, clock.nowMs())) return undefined;
      const groups = groupsOf(dataOf(secret, 'auth-extra-groups'));
      return { user: { name: `system:bootstrap:${id}`, groups: withAuthenticated(groups) }, audiences: [] };
    },
  };
}

function isGood(secret: Secret & KubeObject, id: string, password: string, nowMs: number): boolean {
  if (secret.metadata.deletionTimestamp !== undefined) return false;
  if (secret.type !== 'bootstrap.kubernetes.io/token') return false;
  if (!isEqual(dataOf(secret, 'token-secret'), password) || dataOf(secret, 'token-id') !== id) return false;
  const expiration = dataOf(secret, 'expiration');
  // A time that nobody can read counts as over.
  if (expiration !== '' && !(Date.parse(expiration) > nowMs)) return false;
  return dataOf(secret, 'usage-bootstrap-authentication') === 'true';
}

/** @throws Error where a group is not one that machines may have. */
function groupsOf(extra: string): readonly string[] {
  const groups = new Set(['system:bootstrappers']);
  for (const group of extra === '' ? [] : extra.split(',')) {
    if (!groupPattern.test(group)) throw new Error(`bootstrap group ${JSON.stringify(group)} is invalid`);
    groups.add(group);
  }
  return [...groups].sort();
}

function dataOf(secret: Secret, key: string): string {
  return Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
}

/** Compares secrets in constant time. */
export function isEqual(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
