import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { Pod, Secret, ServiceAccount } from '../../generated/api/core/v1.ts';
import { configmaps, pods, secrets, serviceaccounts } from '../../generated/resource-types.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { everyPeriod, untilSynced } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { parseTime } from '../timestamps.ts';
import { secretsOf } from './pod-secrets.ts';

/** Source: `legacy_serviceaccount_token_cleaner.go`, kube-controller-manager `--legacy-service-account-token-clean-up-period`. */
const PERIOD_MS = 24 * 3_600_000;
const UNUSED_MS = 365 * PERIOD_MS;
const LAST_USED = 'kubernetes.io/legacy-token-last-used';
const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since';
const ACCOUNT_NAME = 'kubernetes.io/service-account.name';
const ACCOUNT_UID = 'kubernetes.io/service-account.uid';
const TOKEN_TYPE = 'kubernetes.io/service-account-token';
const TRACKING = { namespace: 'kube-system', name: 'kube-apiserver-legacy-service-account-token-tracking' };

/** What is known of a token Secret beside itself. */
export interface TokenFacts {
  /** The account that the Secret names, where that is still the same one. */
  readonly account: ServiceAccount | undefined;
  readonly mounted: boolean;
}

export type TokenPlan = 'keep' | 'invalidate' | 'delete';

/**
 * Decides on a token Secret that old clusters made by themselves: after a year without use it is marked invalid, and a
 * year later it goes. Made by hand, or mounted, it stays.
 */
export function planToken(secret: Secret, facts: TokenFacts, nowMs: number): TokenPlan {
  const { labels = {}, name, creationTimestamp, deletionTimestamp } = secret.metadata;
  const beforeMs = nowMs - UNUSED_MS;
  if (secret.type !== TOKEN_TYPE || deletionTimestamp !== undefined) return 'keep';
  if ((parseTime(creationTimestamp) ?? nowMs) >= beforeMs) return 'keep';
  const lastUsed = labels[LAST_USED];
  if (lastUsed !== undefined && (!isDate(lastUsed) || lastUsed >= toDate(beforeMs))) return 'keep';
  if (!facts.account?.secrets?.some((each) => each.name === name) || facts.mounted) return 'keep';
  const invalidSince = labels[INVALID_SINCE] ?? '';
  if (!isDate(invalidSince)) return 'invalidate';
  return invalidSince >= toDate(beforeMs) ? 'keep' : 'delete';
}

interface CleanerDeps {
  readonly client: Client;
  /** Writes as the API server, which says since when it has looked at the use of tokens. */
  readonly server: Client;
  readonly secrets: Informer<Secret>;
  readonly accounts: Informer<ServiceAccount>;
  readonly pods: Informer<Pod>;
  readonly clock: Clock;
}

/** Removes token Secrets that nobody has used for long. */
class TokenCleaner implements Reconciler {
  readonly #deps: CleanerDeps;

  constructor(deps: CleanerDeps) {
    this.#deps = deps;
  }

  async reconcile(): Promise<Result> {
    const { client, clock, secrets: informer } = this.#deps;
    const nowMs = clock.nowMs();
    const since = await this.#trackedSince(nowMs);
    // The day itself was not tracked in full.
    if (nowMs < (parseTime(`${since}T00:00:00Z`) ?? nowMs) + PERIOD_MS + UNUSED_MS) return done;
    const mounted = new Map<string, ReadonlySet<string>>();
    for (const secret of informer.list()) {
      const plan = planToken(secret, this.#factsOf(secret, mounted), nowMs);
      const { uid, resourceVersion } = secret.metadata;
      try {
        if (plan === 'invalidate') {
          const metadata = { uid, labels: { [INVALID_SINCE]: toDate(nowMs) } };
          await client.patch(secrets, keyOf(secret), { metadata }, { type: 'merge' });
        } else if (plan === 'delete') {
          await client.delete(secrets, keyOf(secret), { preconditions: { resourceVersion } });
        }
      } catch (error) {
        if (!isConflict(error) && !isNotFound(error)) throw error;
      }
    }
    return done;
  }

  #factsOf(secret: Secret, mounted: Map<string, ReadonlySet<string>>): TokenFacts {
    const { namespace = '', name = '', annotations = {} } = secret.metadata;
    let names = mounted.get(namespace);
    if (names === undefined) {
      names = new Set(this.#deps.pods.list(namespace).flatMap(secretsOf));
      mounted.set(namespace, names);
    }
    const account = this.#deps.accounts.get(toKeyText({ namespace, name: annotations[ACCOUNT_NAME] ?? '' }));
    const isSame = !annotations[ACCOUNT_UID] || annotations[ACCOUNT_UID] === account?.metadata.uid;
    return { account: isSame ? account : undefined, mounted: names.has(name) };
  }

  /** The day since when the use of tokens has been noted; from today on where nothing says so. */
  async #trackedSince(nowMs: number): Promise<string> {
    const { server } = this.#deps;
    const data = { since: toDate(nowMs) };
    const current = await server.get(configmaps, TRACKING).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    const since = current?.data?.['since'] ?? '';
    if (isDate(since)) return since;
    try {
      if (current !== undefined) await server.update(configmaps, { ...current, data: { ...current.data, ...data } });
      else await server.create(configmaps, { metadata: { ...TRACKING }, data });
    } catch (error) {
      if (!isAlreadyExists(error) && !isConflict(error) && !isNotFound(error)) throw error;
    }
    return data.since;
  }
}

function isDate(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && parseTime(`${text}T00:00:00Z`) !== undefined;
}

function toDate(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

export function runTokenSecretCleaner(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const tokens = informers.for(secrets, { fieldSelector: `type=${TOKEN_TYPE}` });
  const accounts = informers.for(serviceaccounts);
  const podInformer = informers.for(pods);
  const reconciler = new TokenCleaner({
    client: clientFor(controllerUser('legacy-service-account-token-cleaner')),
    server: clientFor('system:apiserver'),
    secrets: tokens,
    accounts,
    pods: podInformer,
    clock,
  });
  const sources = [
    everyPeriod(clock, PERIOD_MS, 'tokens'),
    untilSynced(tokens),
    untilSynced(accounts),
    untilSynced(podInformer),
  ];
  return runController({ name: 'legacy-token-cleaner', reconciler, sources, clock, logger, metrics }, signal);
}
