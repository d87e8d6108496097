import type { Client } from '../client/client.ts';
import type { Secret } from '../generated/api/core/v1.ts';
import { secrets } from '../generated/resource-types.ts';
import { FIELD_MANAGER } from './host.ts';
import { namesOf, type Observed, secretText, toSecretData } from './observed.ts';
import type { TenantAccess } from './reconciler.ts';
import type { KeySource } from './steps/step.ts';
import { NEXT_PASSWORD, passwordOf } from './steps/token.ts';
import { troubleOf } from './trouble.ts';

/**
 * Gives a running tenant another join token: the new password is kept in the Secret first, then told to the server,
 * which moves what the datastore holds under it, and at last becomes the token. Whoever dies in between, the next one
 * goes on with the same password. Machines that have joined do not notice.
 *
 * @returns the Secret with the new token; the server's pods are replaced because of it.
 */
export async function rotateToken(
  deps: { readonly client: Client; readonly keys: KeySource; readonly tenants: TenantAccess },
  observed: Observed,
  signal: AbortSignal,
): Promise<Secret> {
  const { cluster, tokenSecret } = observed;
  const name = namesOf(cluster).token;
  const change = changer(deps.client, observed, signal);
  const from = passwordOf(secretText(tokenSecret, 'token'));
  if (from === undefined) throw new Error(`Secret ${name} holds no full token`);
  const kept = secretText(tokenSecret, NEXT_PASSWORD);
  const to = kept ?? deps.keys.newPassword();
  if (kept === undefined) await change(toSecretData({ [NEXT_PASSWORD]: to }));
  await deps.tenants.rotateToken(observed, { from, to }, signal);
  return await change(toNewToken(observed, from, to));
}

/** What a server says that finds another token in its datastore. */
const REFUSED = /the token is not the one of it/;

/**
 * Ends a rotation that was cut off after the datastore had the new password and before the Secret had it: then the
 * server does not start any more with what is in the Secret, and cannot be asked.
 *
 * @returns the Secret with the new token; undefined where nothing is to be done.
 */
export async function finishRotation(
  deps: { readonly client: Client },
  observed: Observed,
  signal: AbortSignal,
): Promise<Secret | undefined> {
  const to = secretText(observed.tokenSecret, NEXT_PASSWORD);
  const from = passwordOf(secretText(observed.tokenSecret, 'token'));
  if (to === undefined || from === undefined) return undefined;
  if (!REFUSED.test(troubleOf(observed.pods, observed.deployment)?.message ?? '')) return undefined;
  return await changer(deps.client, observed, signal)(toNewToken(observed, from, to));
}

function toNewToken({ tokenSecret }: Observed, from: string, to: string): Record<string, string | null> {
  const token = (secretText(tokenSecret, 'token') ?? '').trim().slice(0, -from.length) + to;
  return { ...toSecretData({ token }), [NEXT_PASSWORD]: null };
}

function changer(client: Client, { cluster }: Observed, signal: AbortSignal) {
  const key = { namespace: cluster.metadata.namespace, name: namesOf(cluster).token };
  return async (data: Record<string, string | null>): Promise<Secret> =>
    await client.patch(secrets, key, { data }, { type: 'merge', fieldManager: FIELD_MANAGER, signal });
}
