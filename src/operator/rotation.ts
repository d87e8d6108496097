import type { Client } from '../client/client.ts';
import type { Secret } from '../generated/api/core/v1.ts';
import { secrets } from '../generated/resource-types.ts';
import { FIELD_MANAGER } from './host.ts';
import { namesOf, type Observed, secretText, toSecretData } from './observed.ts';
import type { TenantAccess } from './reconciler.ts';
import type { KeySource } from './steps/step.ts';
import { NEXT_PASSWORD, passwordOf } from './steps/token.ts';

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
  const key = { namespace: cluster.metadata.namespace, name: namesOf(cluster).token };
  const change = async (data: Record<string, string | null>): Promise<Secret> =>
    await deps.client.patch(secrets, key, { data }, { type: 'merge', fieldManager: FIELD_MANAGER, signal });
  const token = secretText(tokenSecret, 'token') ?? '';
  const from = passwordOf(token);
  if (from === undefined) throw new Error(`Secret ${key.name} holds no full token`);
  const kept = secretText(tokenSecret, NEXT_PASSWORD);
  const to = kept ?? deps.keys.newPassword();
  if (kept === undefined) await change(toSecretData({ [NEXT_PASSWORD]: to }));
  await deps.tenants.rotateToken(observed, { from, to }, signal);
  const next = token.trim().slice(0, -from.length) + to;
  return await change({ ...toSecretData({ token: next }), [NEXT_PASSWORD]: null });
}
