import type { Node, Pod, Secret, ServiceAccount } from '../../generated/api/core/v1.ts';
import { nodes, pods, secrets, serviceaccounts } from '../../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { User } from '../call.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { TokenAuthenticator, TokenIdentity } from './bearer-token.ts';
import { isEqual } from './bootstrap-tokens.ts';
import { type Claims, checkSignature, readToken } from './json-web-token.ts';
import type { TokenKey } from './token-keys.ts';
import { LEGACY_ISSUER } from './token-signer.ts';

export interface ServiceAccountTokenOptions {
  readonly keys: readonly TokenKey[];
  /** The first is the one that tokens are issued by; the others are still believed. */
  readonly issuers: readonly string[];
  /** The server's own audiences. */
  readonly audiences: readonly string[];
  readonly reader: ObjectReader;
  readonly clock: Clock;
  /** Told of each use of a token kept in a Secret, so that the day of its last use can be noted. */
  readonly onLegacyTokenUsed?: ((secret: Secret) => void) | undefined;
}

/** Clocks may differ by this much. Source: go-jose `jwt.DefaultLeeway`. */
const LEEWAY_MS = 60_000;
/** Signatures are checked once for each of so many tokens; everything else is checked each time. */
const MAX_KNOWN = 1024;

/**
 * Tokens that the server issued for service accounts, bound to objects or kept in Secrets.
 * Source: `pkg/serviceaccount/jwt.go`, `claims.go`, `legacy.go`.
 */
export function serviceAccountTokenAuthenticator(options: ServiceAccountTokenOptions): TokenAuthenticator {
  const known = new Map<string, Claims>();
  const verified = (token: string): Claims | undefined => {
    const found = known.get(token);
    if (found !== undefined) return found;
    const unverified = readToken(token);
    const issuer = unverified?.claims.iss ?? '';
    if (unverified === undefined || (issuer !== LEGACY_ISSUER && !options.issuers.includes(issuer))) return undefined;
    if (!checkSignature(token, unverified, options.keys)) throw new Error('invalid signature');
    if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value ?? '');
    known.set(token, unverified.claims);
    return unverified.claims;
  };
  return {
    async authenticateToken(token, audiences): Promise<TokenIdentity | undefined> {
      const claims = verified(token);
      if (claims === undefined) return undefined;
      const shared = audiencesOf(claims, audiences, options.audiences);
      const legacy = claims.iss === LEGACY_ISSUER;
      const user = legacy ? await checkLegacy(token, claims, options) : await checkBound(claims, options);
      return { user, audiences: shared };
    },
  };
}

function audiencesOf(claims: Claims, wanted: readonly string[], own: readonly string[]): readonly string[] {
  const listed = typeof claims.aud === 'string' ? [claims.aud] : (claims.aud ?? []);
  // Tokens from Secrets name no audience and are good for this server alone.
  const held = listed.length === 0 ? own : listed;
  const target = wanted.length === 0 ? own : wanted;
  const shared = held.filter((audience) => target.includes(audience));
  if (shared.length > 0 || own.length === 0) return shared;
  const quote = (list: readonly string[]): string => `[${list.map((each) => JSON.stringify(each)).join(' ')}]`;
  throw new Error(`token audiences ${quote(held)} is invalid for the target audiences ${quote(target)}`);
}

interface Reference {
  readonly name?: string;
  readonly uid?: string;
}

interface BoundClaims {
  readonly namespace?: string;
  readonly serviceaccount?: Reference;
  readonly pod?: Reference;
  readonly secret?: Reference;
  readonly node?: Reference;
}

async function checkBound(claims: Claims, options: ServiceAccountTokenOptions): Promise<User> {
  const nowMs = options.clock.nowMs();
  checkTimes(claims, nowMs);
  const bound = (claims['kubernetes.io'] ?? {}) as BoundClaims;
  const { namespace = '', serviceaccount = {}, pod, secret, node } = bound;
  const check = boundChecker(nowMs, options.reader);
  const name = serviceaccount.name ?? '';
  const account = await findAccount(options.reader, namespace, name);
  if (account.metadata.uid !== serviceaccount.uid) {
    throw new Error(`service account UID (${account.metadata.uid}) does not match claim (${serviceaccount.uid})`);
  }
  if (isDeleted(account, nowMs)) throw new Error(`service account ${namespace}/${name} has been deleted`);
  if (secret !== undefined) {
    await check(secrets as ResourceType<Secret & KubeObject>, namespace, secret, 'secret', 'secret');
  }
  if (pod !== undefined) await check(pods as ResourceType<Pod & KubeObject>, namespace, pod, 'pod', 'pod');
  // The node of a pod's token is told but not checked: the pod stands for it.
  if (node !== undefined && pod === undefined) {
    await check(nodes as ResourceType<Node & KubeObject>, '', node, 'node', 'node');
  }
  return toUser(namespace, serviceaccount, { pod, node, jti: claims.jti });
}

function checkTimes({ exp, nbf, iat }: Claims, nowMs: number): void {
  if (exp !== undefined && nowMs - LEEWAY_MS > exp * 1000) throw new Error('service account token has expired');
  if (nbf !== undefined && nowMs + LEEWAY_MS < nbf * 1000) throw new Error('service account token is not valid yet');
  if (iat !== undefined && nowMs + LEEWAY_MS < iat * 1000) {
    throw new Error('service account token is issued in the future');
  }
}

type CheckBound = <T extends KubeObject>(
  type: ResourceType<T>,
  namespace: string,
  reference: Reference,
  title: string,
  claim: string,
) => Promise<void>;

/** Looks whether what a token is bound to is still the same object. */
function boundChecker(nowMs: number, reader: ObjectReader): CheckBound {
  return async (type, namespace, reference, title, claim) => {
    const key = { ...(namespace === '' ? {} : { namespace }), name: reference.name ?? '' };
    const found = await reader.get(type, key);
    if (found === undefined || isDeleted(found, nowMs)) throw new Error('service account token has been invalidated');
    if (found.metadata.uid === reference.uid) return;
    throw new Error(
      `${title} UID (${found.metadata.uid}) does not match service account ${claim} ref claim (${reference.uid})`,
    );
  };
}

async function findAccount(
  reader: ObjectReader,
  namespace: string,
  name: string,
): Promise<ServiceAccount & KubeObject> {
  const type = serviceaccounts as ResourceType<ServiceAccount & KubeObject>;
  const account = await reader.get(type, { namespace, name });
  if (account === undefined) throw new Error(`serviceaccounts ${JSON.stringify(name)} not found`);
  return account;
}

function isDeleted(object: KubeObject, nowMs: number): boolean {
  const { deletionTimestamp } = object.metadata;
  return deletionTimestamp !== undefined && Date.parse(deletionTimestamp) < nowMs - LEEWAY_MS;
}

const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since';

async function checkLegacy(token: string, claims: Claims, options: ServiceAccountTokenOptions): Promise<User> {
  const claim = (name: string, title: string): string => {
    const value = claims[`kubernetes.io/serviceaccount/${name}`];
    if (typeof value !== 'string' || value === '') throw new Error(`${title} claim is missing`);
    return value;
  };
  if (!claims.sub) throw new Error('sub claim is missing');
  const namespace = claim('namespace', 'namespace');
  const secretName = claim('secret.name', 'secretName');
  const name = claim('service-account.name', 'serviceAccountName');
  const uid = claim('service-account.uid', 'serviceAccountUID');
  if (claims.sub !== `system:serviceaccount:${namespace}:${name}`) throw new Error('sub claim is invalid');
  const secret = await options.reader.get(secrets as ResourceType<Secret & KubeObject>, {
    namespace,
    name: secretName,
  });
  if (secret === undefined || secret.metadata.deletionTimestamp !== undefined) {
    throw new Error('Token has been invalidated');
  }
  const stored = Buffer.from(secret.data?.['token'] ?? '', 'base64').toString('utf8');
  if (!isEqual(stored, token)) throw new Error("Token does not match server's copy");
  const account = await findAccount(options.reader, namespace, name);
  if (account.metadata.deletionTimestamp !== undefined) {
    throw new Error(`ServiceAccount ${namespace}/${name} has been deleted`);
  }
  if (account.metadata.uid !== uid) {
    throw new Error(`ServiceAccount UID (${account.metadata.uid}) does not match claim (${uid})`);
  }
  options.onLegacyTokenUsed?.(secret);
  if (secret.metadata.labels?.[INVALID_SINCE]) {
    throw new Error(
      `the token in secret ${namespace}/${secretName} for service account ${namespace}/${name} has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the '${INVALID_SINCE}' label from the secret to temporarily allow use of this token`,
    );
  }
  return toUser(namespace, { name, uid }, {});
}

function toUser(
  namespace: string,
  account: Reference,
  bound: { pod?: Reference | undefined; node?: Reference | undefined; jti?: string | undefined },
): User {
  const extra: Record<string, readonly string[]> = {};
  const add = (key: string, value: string | undefined): void => {
    if (value) extra[`authentication.kubernetes.io/${key}`] = [value];
  };
  add('credential-id', bound.jti === undefined ? undefined : `JTI=${bound.jti}`);
  add('node-name', bound.node?.name);
  add('node-uid', bound.node?.uid);
  add('pod-name', bound.pod?.name);
  add('pod-uid', bound.pod?.uid);
  return {
    name: `system:serviceaccount:${namespace}:${account.name ?? ''}`,
    ...(account.uid ? { uid: account.uid } : {}),
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
