import { randomInt } from 'node:crypto';
import type { Client } from '../../client/client.ts';
import type { Secret } from '../../generated/api/core/v1.ts';
import { secrets, services } from '../../generated/resource-types.ts';
import { toJoinLine } from '../../joining/join-lines.ts';
import { isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import { type ObjectKey, ownedBy, parseKeyText } from '../../machinery/object/object.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import { JOIN_LIMITS, JOIN_TOKEN, JOIN_TOKEN_LABEL, USED_BY } from '../../pki/join-limits.ts';
import type { Reconciler, Result } from '../../reconcile/reconciler.ts';
import type { Clock } from '../../std/clock.ts';
import { isAnothers } from '../adoption.ts';
import { JOIN_TOKEN_FINALIZER, type JoinToken, type JoinTokenStatus, joinTokens } from '../api/join-token.ts';
import { type VirtualCluster, virtualClusters } from '../api/virtual-cluster.ts';
import { FIELD_MANAGER, type HostCache, readLive } from '../host.ts';
import { namesOf, type OperatorSettings, secretText, toSecretData } from '../observed.ts';
import type { TenantAccess } from '../reconciler.ts';
import type { KeySource } from '../steps/step.ts';
import { hasRegistries, REGISTRIES_KEY } from '../steps/token.ts';
import { judgeToken, type TokenState } from './plan.ts';

const TENANT_NAMESPACE = 'kube-system';
const GROUPS = 'system:bootstrappers:warren:join-token';
/** Uses are told with the tenant's nodes; this is for machines that asked and did not register. */
const LOOK_AGAIN_MS = 60_000;
const RETRY_MS = 5_000;
/** A tenant that does not answer for so long keeps no token from being deleted; it forgets it when it is back. */
const GRACE_MS = 30_000;
const LONGEST_PAUSE_MS = 3600_000;

export interface JoinTokenDeps {
  readonly client: Client;
  readonly cache: HostCache;
  readonly keys: Pick<KeySource, 'caHash'>;
  readonly tenants: Pick<TenantAccess, 'clientOf'>;
  readonly settings: OperatorSettings;
  event(about: JoinToken, type: 'Normal' | 'Warning', reason: string, message: string): void;
  readonly clock: Clock;
}

interface Known {
  readonly token: JoinToken;
  readonly tenant: Client;
  readonly cluster: VirtualCluster;
}

/** Makes a JoinToken good in its tenant, as a bootstrap token, tells what came of it, and ends it. */
export class JoinTokenReconciler implements Reconciler {
  readonly #deps: JoinTokenDeps;

  constructor(deps: JoinTokenDeps) {
    this.#deps = deps;
  }

  async reconcile(keyText: string, signal: AbortSignal): Promise<Result> {
    const { client, cache, tenants, clock } = this.#deps;
    const key = parseKeyText(keyText);
    const token = cache.get(joinTokens, key);
    if (token === undefined) return {};
    const cluster = cache.get(virtualClusters, { namespace: key.namespace, name: token.spec.virtualClusterName });
    const serves = cluster !== undefined && cluster.metadata.deletionTimestamp === undefined;
    const tenant = serves && cluster.status?.phase === 'Ready' ? tenants.clientOf(this.#handleOf(cluster)) : undefined;
    if (token.metadata.deletionTimestamp !== undefined) return await this.#end({ token, tenant, serves }, signal);
    if (!token.metadata.finalizers?.includes(JOIN_TOKEN_FINALIZER)) {
      const finalizers = [...(token.metadata.finalizers ?? []), JOIN_TOKEN_FINALIZER];
      const { resourceVersion } = token.metadata;
      await client.patch(joinTokens, key, { metadata: { finalizers, resourceVersion } }, { type: 'merge', signal });
      return {};
    }
    if (cluster === undefined || tenant === undefined) {
      const name = token.spec.virtualClusterName;
      const [reason, message] = serves
        ? ['TenantNotReady', `${name} is not ready: the token is good once it is`]
        : ['VirtualClusterMissing', `there is no VirtualCluster ${name} in this namespace`];
      const state = judgeToken(token, undefined, clock.nowMs());
      // What is over stays over; what was good cannot be used while nobody answers, and is told so.
      const phase = state.phase === 'Active' ? ('Pending' as const) : state.phase;
      await this.#tell(token, { ...state, phase, reason, message }, signal);
      return { requeueAfterMs: LOOK_AGAIN_MS };
    }
    return await this.#keep({ token, tenant, cluster }, signal);
  }

  async #keep({ token, tenant, cluster }: Known, signal: AbortSignal): Promise<Result> {
    const { clock } = this.#deps;
    const kept = await this.#ensureSecret(token, cluster, signal);
    if (kept === undefined) return { requeueAfterMs: RETRY_MS };
    const secretKey = { namespace: TENANT_NAMESPACE, name: `bootstrap-token-${kept.id}` };
    const present = await readLive(tenant, secrets, secretKey, signal);
    const state = judgeToken(token, present?.metadata.annotations, clock.nowMs());
    const isOver = state.phase === 'Revoked' || state.phase === 'Expired';
    if (isOver) await remove(tenant, secretKey, signal);
    else await this.#ensureInTenant({ token, tenant, cluster }, { ...kept, present, state }, signal);
    await this.#tell(token, { ...state, reason: state.phase, message: messageOf(token, state) }, signal);
    if (isOver) return {};
    const leftMs = state.expiresMs === undefined ? LONGEST_PAUSE_MS : state.expiresMs - clock.nowMs() + 10;
    return { requeueAfterMs: Math.max(10, Math.min(leftMs, LOOK_AGAIN_MS)) };
  }

  /**
   * The token, made once and kept in a Secret, with what a machine needs beside it; undefined while the host still has that
   * of an earlier JoinToken of the name, whose token must not become good again.
   */
  async #ensureSecret(
    token: JoinToken,
    cluster: VirtualCluster,
    signal: AbortSignal,
  ): Promise<{ readonly id: string; readonly password: string } | undefined> {
    const { client, cache, keys, settings } = this.#deps;
    const { namespace, name = '' } = token.metadata;
    const key = { namespace, name: secretName(name) };
    const isOld = (secret: Secret | undefined) => secret !== undefined && isAnothers(secret, token, joinTokens.kind);
    const seen = cache.get(secrets, key);
    const present = seen === undefined || isOld(seen) ? await readLive(client, secrets, key, signal) : seen;
    if (isOld(present)) return undefined;
    const [, id = randomText(6), password = randomText(16)] =
      /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(secretText(present, 'bootstrap-token') ?? '') ?? [];
    const at = (other: string): ObjectKey => ({ namespace, name: other });
    const names = namesOf(cluster);
    const ca = secretText(cache.get(secrets, at(names.pki)), 'server-ca.crt') ?? '';
    const url = secretText(cache.get(secrets, at(names.token)), 'url') ?? cluster.status?.endpoint ?? '';
    const registries = secretText(cache.get(secrets, at(names.token)), REGISTRIES_KEY) ?? '{}';
    const full = `K10${keys.caHash(ca)}::${id}.${password}`;
    const data = toSecretData({
      'bootstrap-token': `${id}.${password}`,
      token: full,
      url,
      'join.sh': toJoinLine(
        { url, token: full },
        { version: settings.agentVersion, hasRegistries: hasRegistries(registries) },
      ),
      [REGISTRIES_KEY]: registries,
    });
    const isSame = Object.entries(data).every(([field, value]) => present?.data?.[field] === value);
    if (!isSame) {
      const labels = { 'app.kubernetes.io/managed-by': 'warren' };
      const metadata = { ...key, labels, ownerReferences: [ownedBy(token, joinTokens)] };
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'warren.dev/token', data };
      await client.patch(secrets, key, secret, { type: 'apply', force: true, fieldManager: FIELD_MANAGER, signal });
    }
    return { id, password };
  }

  async #ensureInTenant(
    { token, tenant }: Known,
    kept: { id: string; password: string; present: Secret | undefined; state: TokenState },
    signal: AbortSignal,
  ): Promise<void> {
    const { spec, metadata } = token;
    const { id, password, present, state } = kept;
    const limits = { maxUses: spec.maxUses, labels: spec.nodeLabels, taints: spec.nodeTaints };
    const annotations: Record<string, string> = {
      [JOIN_TOKEN]: `${metadata.namespace}/${metadata.name}`,
      [JOIN_LIMITS]: JSON.stringify(limits),
    };
    const data = toSecretData({
      'token-id': id,
      'token-secret': password,
      description: spec.description ?? `JoinToken ${metadata.namespace}/${metadata.name} of the host cluster`,
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': GROUPS,
      ...(state.expiresMs === undefined ? {} : { expiration: toTimeText(state.expiresMs) }),
    });
    const key = { namespace: TENANT_NAMESPACE, name: `bootstrap-token-${id}` };
    if (present === undefined) {
      annotations[USED_BY] = JSON.stringify(state.usedBy);
      const secret = {
        metadata: { ...key, labels: { [JOIN_TOKEN_LABEL]: 'true' }, annotations },
        type: 'bootstrap.kubernetes.io/token',
        data,
      };
      await tenant.create(secrets, secret, { fieldManager: FIELD_MANAGER, signal });
      this.#deps.event(token, 'Normal', 'Active', `the token ${id} is good in ${spec.virtualClusterName}`);
      return;
    }
    const isSame =
      Object.entries(annotations).every(([name, value]) => present.metadata.annotations?.[name] === value) &&
      Object.entries(data).every(([name, value]) => present.data?.[name] === value) &&
      ('expiration' in data || present.data?.['expiration'] === undefined);
    if (isSame) return;
    const patch = { metadata: { annotations }, data: { expiration: null, ...data } };
    await tenant.patch(secrets, key, patch, { type: 'merge', fieldManager: FIELD_MANAGER, signal });
  }

  /** Revokes it where the tenant answers, and lets it go. */
  async #end(
    { token, tenant, serves }: { token: JoinToken; tenant: Client | undefined; serves: boolean },
    signal: AbortSignal,
  ): Promise<Result> {
    const { client, clock } = this.#deps;
    const { metadata, status } = token;
    if (!metadata.finalizers?.includes(JOIN_TOKEN_FINALIZER)) return {};
    // Who died before it told which one it made has kept it.
    const id = status?.tokenID ?? (await this.#keptId(token, signal));
    if (id !== undefined && serves) {
      try {
        if (tenant === undefined) throw new Error('the tenant does not answer');
        await remove(tenant, { namespace: TENANT_NAMESPACE, name: `bootstrap-token-${id}` }, signal);
      } catch (error) {
        if (clock.nowMs() - Date.parse(metadata.deletionTimestamp ?? '') < GRACE_MS)
          return { requeueAfterMs: RETRY_MS };
        const message = `the tenant forgets the token once it answers: ${(error as Error).message}`;
        this.#deps.event(token, 'Warning', 'RevokedLater', message);
      }
    }
    const finalizers = metadata.finalizers.filter((each) => each !== JOIN_TOKEN_FINALIZER);
    const { resourceVersion } = metadata;
    const key = { namespace: metadata.namespace, name: metadata.name ?? '' };
    await client
      .patch(joinTokens, key, { metadata: { finalizers, resourceVersion } }, { type: 'merge', signal })
      .catch((error) => (isNotFound(error) ? undefined : Promise.reject(error)));
    return {};
  }

  async #keptId({ metadata: { namespace, name = '' } }: JoinToken, signal: AbortSignal): Promise<string | undefined> {
    const { client, cache } = this.#deps;
    const key = { namespace, name: secretName(name) };
    const kept = cache.get(secrets, key) ?? (await readLive(client, secrets, key, signal));
    return idOf(kept);
  }

  async #tell(
    token: JoinToken,
    state: {
      phase: string;
      expiresMs?: number | undefined;
      usedBy: readonly string[];
      reason: string;
      message: string;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { client, clock, cache, event } = this.#deps;
    const { metadata, spec } = token;
    const key = { namespace: metadata.namespace, name: metadata.name ?? '' };
    const secret = cache.get(secrets, { ...key, name: secretName(key.name) });
    const id = idOf(secret) ?? token.status?.tokenID;
    const { phase, expiresMs, usedBy, reason, message } = state;
    const is = phase === 'Active' ? ('True' as const) : ('False' as const);
    const before = token.status?.conditions?.find(({ type }) => type === 'Ready');
    const status: JoinTokenStatus = {
      observedGeneration: metadata.generation ?? 0,
      phase: phase as JoinTokenStatus['phase'] & string,
      conditions: [
        {
          type: 'Ready',
          status: is,
          reason,
          message,
          lastTransitionTime:
            before?.status === is && before.lastTransitionTime ? before.lastTransitionTime : toTimeText(clock.nowMs()),
          observedGeneration: metadata.generation ?? 0,
        },
      ],
      ...(id === undefined ? {} : { tokenID: id, tokenSecretRef: { name: secretName(key.name) } }),
      ...(expiresMs === undefined ? {} : { expires: toTimeText(expiresMs) }),
      usedBy: [...usedBy],
      uses: spec.maxUses === undefined ? `${usedBy.length}` : `${usedBy.length}/${spec.maxUses}`,
    };
    const same = Object.entries(status).every(
      ([field, value]) =>
        JSON.stringify(sorted(token.status?.[field as keyof JoinTokenStatus])) === JSON.stringify(sorted(value)),
    );
    const goneExpiry = expiresMs === undefined && token.status?.expires !== undefined;
    if (same && !goneExpiry) return;
    if (token.status?.phase !== phase && phase !== 'Active' && phase !== 'Pending')
      event(token, 'Normal', phase, message);
    // What was seen may be old: then it is seen again.
    const { resourceVersion } = metadata;
    const patch = { metadata: { resourceVersion }, status: goneExpiry ? { ...status, expires: null } : status };
    try {
      await client.patch(joinTokens, key, patch, { type: 'merge', subresource: 'status', signal });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  #handleOf(cluster: VirtualCluster) {
    const { cache } = this.#deps;
    const names = namesOf(cluster);
    return { cluster, ...tenantSecrets(cache, cluster, names) };
  }
}

function tenantSecrets(
  cache: HostCache,
  { metadata: { namespace } }: VirtualCluster,
  names: ReturnType<typeof namesOf>,
) {
  return {
    kubeconfigSecret: cache.get(secrets, { namespace, name: names.kubeconfig }),
    service: cache.get(services, { namespace, name: names.server }),
  };
}

function messageOf({ spec }: JoinToken, { phase, usedBy }: TokenState): string {
  switch (phase) {
    case 'Active':
      return 'machines may join with it';
    case 'Expired':
      return `its time is over (spec.ttl ${spec.ttl ?? '24h'})`;
    case 'Exhausted':
      return usedBy.length === 1
        ? 'the one machine that may has joined with it'
        : `${usedBy.length} machines have joined with it, as many as may`;
    case 'Revoked':
      return 'it lets nobody in any more; machines that have joined stay';
  }
}

async function remove(tenant: Client, key: ObjectKey, signal: AbortSignal): Promise<void> {
  await tenant
    .delete(secrets, key, { signal })
    .catch((error) => (isNotFound(error) ? undefined : Promise.reject(error)));
}

/** The public part of the token that is kept. */
function idOf(secret: Secret | undefined): string | undefined {
  return /^([a-z0-9]{6})\./.exec(secretText(secret, 'bootstrap-token') ?? '')?.[1];
}

const secretName = (token: string): string => `${token}-join-token`;

/** Letters and digits, as bootstrap tokens have them. */
function randomText(length: number): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, field]) => [key, sorted(field)]));
}
