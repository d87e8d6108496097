import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { Secret } from '../../generated/api/core/v1.ts';
import { secrets } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { parseTime } from '../timestamps.ts';

/** Type of Secrets that hold such a token. */
export const TOKEN_TYPE = 'bootstrap.kubernetes.io/token';

/** When a bootstrap token ends; undefined where it never does. An unreadable end has come, as upstream judges. */
export function expiryMs(secret: Secret): number | undefined {
  const encoded = secret.data?.['expiration'];
  if (encoded === undefined || encoded === '') return undefined;
  return parseTime(Buffer.from(encoded, 'base64').toString()) ?? 0;
}

/** Deletes bootstrap tokens once they have expired. */
class TokenCleaner implements Reconciler {
  readonly #client: Client;
  readonly #secrets: Informer<Secret>;
  readonly #clock: Clock;

  constructor(client: Client, informer: Informer<Secret>, clock: Clock) {
    this.#client = client;
    this.#secrets = informer;
    this.#clock = clock;
  }

  async reconcile(key: string): Promise<Result> {
    const secret = this.#secrets.get(key);
    const endMs = secret === undefined ? undefined : expiryMs(secret);
    if (secret === undefined || endMs === undefined) return done;
    const leftMs = endMs - this.#clock.nowMs();
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    const { uid } = secret.metadata;
    try {
      await this.#client.delete(secrets, keyOf(secret), { preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return done;
  }
}

export function runTokenCleaner(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const informer = informers.for(secrets, { namespace: 'kube-system', fieldSelector: `type=${TOKEN_TYPE}` });
  const client = clientFor(controllerUser('token-cleaner'));
  const reconciler = new TokenCleaner(client, informer, clock);
  return runController(
    { name: 'token-cleaner', reconciler, sources: [onChange(informer)], clock, logger, metrics },
    signal,
  );
}
