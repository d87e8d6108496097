import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { Secret, ServiceAccount } from '../../generated/api/core/v1.ts';
import { secrets, serviceaccounts } from '../../generated/resource-types.ts';
import { isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf, parseKeyText, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { ControllerConfig, ControllerDeps } from '../definition.ts';

type SecretTokenIssuer = NonNullable<ControllerConfig['issueSecretToken']>;

/** Upstream gives this controller the manager's own identity: no other may write every Secret. */
const SECRET_TOKENS_USER = 'system:kube-controller-manager';

const TOKEN_TYPE = 'kubernetes.io/service-account-token';
const ACCOUNT_NAME = 'kubernetes.io/service-account.name';
const ACCOUNT_UID = 'kubernetes.io/service-account.uid';

export type SecretTokenPlan =
  | { readonly step: 'keep' }
  /** Its account is gone, or is another one of the same name. */
  | { readonly step: 'delete' }
  | { readonly step: 'fill'; readonly account: ServiceAccount; readonly needsToken: boolean };

/** Decides on a Secret; `account` is the one under the name that the Secret gives. */
export function planSecretToken(secret: Secret, account: ServiceAccount | undefined, rootCa: string): SecretTokenPlan {
  const { annotations = {}, deletionTimestamp } = secret.metadata;
  if (secret.type !== TOKEN_TYPE || !annotations[ACCOUNT_NAME] || deletionTimestamp !== undefined)
    return { step: 'keep' };
  const uid = annotations[ACCOUNT_UID];
  if (account === undefined || (uid && uid !== account.metadata.uid)) return { step: 'delete' };
  const needsToken = !secret.data?.['token'];
  const hasCa = secret.data?.['ca.crt'] === toBase64(rootCa);
  if (!needsToken && hasCa && secret.data?.['namespace']) return { step: 'keep' };
  return { step: 'fill', account, needsToken };
}

/**
 * Fills Secrets of type `kubernetes.io/service-account-token` with a token that does not end, and removes them with
 * their account.
 *
 * Source: `pkg/controller/serviceaccount/tokens_controller.go`.
 */
class SecretTokens implements Reconciler {
  readonly #client: Client;
  readonly #secrets: Informer<Secret>;
  readonly #accounts: Informer<ServiceAccount>;
  readonly #rootCa: string;
  readonly #issue: SecretTokenIssuer;
  /** Last states of Secrets that are gone and not yet seen to. */
  readonly forgotten = new Map<string, Secret>();

  constructor(
    client: Client,
    informers: { readonly secrets: Informer<Secret>; readonly accounts: Informer<ServiceAccount> },
    rootCa: string,
    issue: SecretTokenIssuer,
  ) {
    this.#client = client;
    this.#secrets = informers.secrets;
    this.#accounts = informers.accounts;
    this.#rootCa = rootCa;
    this.#issue = issue;
  }

  async reconcile(keyText: string): Promise<Result> {
    const secret = this.#secrets.get(keyText);
    if (secret === undefined) {
      const last = this.forgotten.get(keyText);
      if (last !== undefined) await this.#removeReference(last);
      this.forgotten.delete(keyText);
      return done;
    }
    const key = parseKeyText(keyText);
    const plan = planSecretToken(secret, await this.#accountOf(secret), this.#rootCa);
    const { uid, resourceVersion } = secret.metadata;
    try {
      if (plan.step === 'delete') await this.#client.delete(secrets, key, { preconditions: { uid, resourceVersion } });
      else if (plan.step === 'fill') {
        const token = plan.needsToken ? { token: toBase64(await this.#issue(plan.account, secret)) } : {};
        const { name, namespace = '', uid: accountUid = '' } = plan.account.metadata;
        const annotations = { ...secret.metadata.annotations, [ACCOUNT_NAME]: name ?? '', [ACCOUNT_UID]: accountUid };
        const data = { ...secret.data, 'ca.crt': toBase64(this.#rootCa), namespace: toBase64(namespace), ...token };
        await this.#client.update(secrets, { ...secret, metadata: { ...secret.metadata, annotations }, data });
      }
    } catch (error) {
      // A newer state of the Secret comes as an event.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
    return done;
  }

  /** Takes a deleted Secret off the list of its account. */
  async #removeReference({ metadata: { namespace, name, annotations } }: Secret): Promise<void> {
    const accountName = annotations?.[ACCOUNT_NAME];
    if (!accountName) return;
    // Whether it is listed at all is asked of the cache first: few accounts list Secrets.
    const cached = this.#accounts.get(toKeyText({ namespace, name: accountName }));
    if (cached === undefined || !cached.secrets?.some((each) => each.name === name)) return;
    try {
      const account = await this.#client.get(serviceaccounts, { namespace, name: accountName });
      const uid = annotations?.[ACCOUNT_UID];
      if (uid && uid !== account.metadata.uid) return;
      const kept = (account.secrets ?? []).filter((each) => each.name !== name);
      const { secrets: _, ...rest } = account;
      await this.#client.update(serviceaccounts, { ...rest, ...(kept.length === 0 ? {} : { secrets: kept }) });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Asks the server where the cache knows none: a Secret must not be lost to an account that is just being made. */
  async #accountOf({ metadata: { namespace, annotations } }: Secret): Promise<ServiceAccount | undefined> {
    const name = annotations?.[ACCOUNT_NAME];
    if (!name) return undefined;
    const cached = this.#accounts.get(toKeyText({ namespace, name }));
    if (cached !== undefined && cached.metadata.uid === annotations?.[ACCOUNT_UID]) return cached;
    try {
      return await this.#client.get(serviceaccounts, { namespace, name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

const toBase64 = (text: string): string => Buffer.from(text).toString('base64');

export async function runSecretTokens(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics, config } = deps;
  if (config.issueSecretToken === undefined) return;
  const tokens = informers.for(secrets, { fieldSelector: `type=${TOKEN_TYPE}` });
  const accounts = informers.for(serviceaccounts);
  const reconciler = new SecretTokens(
    clientFor(SECRET_TOKENS_USER),
    { secrets: tokens, accounts },
    config.rootCA,
    config.issueSecretToken,
  );
  const ofAccount = (namespace: string, name: string): string[] =>
    tokens
      .list(namespace)
      .filter(({ metadata }) => metadata.annotations?.[ACCOUNT_NAME] === name)
      .map(({ metadata }) => toKeyText({ namespace, name: metadata.name ?? '' }));
  const sources = [
    onChange(tokens, ({ type, object, previous }) => {
      // Read from the last state: nothing else tells whose it was.
      if (type === 'deleted') reconciler.forgotten.set(toKeyText(keyOf(object)), object);
      else if (previous === undefined) reconciler.forgotten.delete(toKeyText(keyOf(object)));
      return [toKeyText(keyOf(object))];
    }),
    onChange(accounts, ({ type, object: { metadata } }) =>
      type === 'updated' ? [] : ofAccount(metadata.namespace ?? '', metadata.name ?? ''),
    ),
  ];
  await runController(
    { name: 'serviceaccount-token', reconciler, sources, workers: 5, clock, logger, metrics },
    signal,
  );
}
