import { createHmac } from 'node:crypto';
import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { ConfigMap, Secret } from '../../generated/api/core/v1.ts';
import { configmaps, secrets } from '../../generated/resource-types.ts';
import { isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { expiryMs, TOKEN_TYPE } from './controller.ts';

const NAMESPACE = 'kube-public';
const NAME = 'cluster-info';
const CONTENT = 'kubeconfig';
const SIGNATURE_PREFIX = 'jws-kubeconfig-';

/** A detached JWS of the content, keyed by a token. Source: `k8s.io/cluster-bootstrap/token/jws`. */
export function sign(content: string, tokenId: string, tokenSecret: string): string {
  const header = toBase64Url(JSON.stringify({ alg: 'HS256', kid: tokenId }));
  const signature = createHmac('sha256', tokenSecret).update(`${header}.${toBase64Url(content)}`);
  return `${header}..${signature.digest('base64url')}`;
}

/** The token of a Secret by which content may be signed; undefined where it may not. */
export function signingToken(secret: Secret, nowMs: number): { id: string; secret: string } | undefined {
  const read = (key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString();
  const [, named] = /^bootstrap-token-([a-z0-9]{6})$/.exec(secret.metadata.name ?? '') ?? [];
  const [id, value] = [read('token-id'), read('token-secret')];
  const endMs = expiryMs(secret);
  if (named === undefined || named !== id || value === '') return undefined;
  if (endMs !== undefined && endMs <= nowMs) return undefined;
  return read('usage-bootstrap-signing') === 'true' ? { id, secret: value } : undefined;
}

/** The config map's data with one signature for each token; undefined where they are right. */
export function planSignatures(
  data: Readonly<Record<string, string>>,
  tokens: readonly { readonly id: string; readonly secret: string }[],
): Record<string, string> | undefined {
  const content = data[CONTENT];
  if (content === undefined) return undefined;
  const next = Object.fromEntries(Object.entries(data).filter(([key]) => !key.startsWith(SIGNATURE_PREFIX)));
  for (const { id, secret } of tokens) next[SIGNATURE_PREFIX + id] = sign(content, id, secret);
  const keys = Object.keys(next);
  const isSame = keys.length === Object.keys(data).length && keys.every((key) => next[key] === data[key]);
  return isSame ? undefined : next;
}

/**
 * Signs what everybody may read of the cluster, so that who joins with a token can trust it.
 *
 * Source: `pkg/controller/bootstrap/bootstrapsigner.go`.
 */
class BootstrapSigner implements Reconciler {
  readonly #client: Client;
  readonly #maps: Informer<ConfigMap>;
  readonly #secrets: Informer<Secret>;
  readonly #clock: Clock;

  constructor(client: Client, maps: Informer<ConfigMap>, secretInformer: Informer<Secret>, clock: Clock) {
    this.#client = client;
    this.#maps = maps;
    this.#secrets = secretInformer;
    this.#clock = clock;
  }

  async reconcile(): Promise<Result> {
    const map = this.#maps.get(`${NAMESPACE}/${NAME}`);
    if (map === undefined) return done;
    const nowMs = this.#clock.nowMs();
    const tokens = this.#secrets.list().flatMap((secret) => signingToken(secret, nowMs) ?? []);
    const data = planSignatures(map.data ?? {}, tokens);
    if (data === undefined) return done;
    await this.#client.update(configmaps, { ...map, data }).catch((error: unknown) => {
      // Whoever wrote it in between is seen soon.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    });
    return done;
  }
}

export function runBootstrapSigner(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const maps = informers.for(configmaps, { namespace: NAMESPACE, fieldSelector: `metadata.name=${NAME}` });
  const tokens = informers.for(secrets, { namespace: 'kube-system', fieldSelector: `type=${TOKEN_TYPE}` });
  const reconciler = new BootstrapSigner(clientFor(controllerUser('bootstrap-signer')), maps, tokens, clock);
  const sources = [onChange(maps, () => [NAME]), onChange(tokens, () => [NAME])];
  return runController({ name: 'bootstrap-signer', reconciler, sources, clock, logger, metrics }, signal);
}

function toBase64Url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
