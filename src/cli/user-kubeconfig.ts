import type { Secret } from '../generated/api/core/v1.ts';
import { secrets } from '../generated/resource-types.ts';
import { loadPki, PKI_FILE_NAMES } from '../pki/bundle.ts';
import { DAY_MS, issueCertificate } from '../pki/certificate.ts';
import { toKubeconfig } from '../pki/kubeconfig.ts';
import { systemClock } from '../std/clock.ts';
import type { Host } from './host.ts';
import { UserError } from './user-error.ts';

/** A user of a tenant; rights come from RBAC in the tenant. */
export interface TenantUser {
  readonly name: string;
  readonly groups: readonly string[];
  readonly ttlMs: number;
}

/**
 * A kubeconfig for a user, signed with the tenant's authority: whoever may read that Secret may speak as anybody there.
 * A certificate cannot be taken back, so it should live shortly.
 */
export async function userKubeconfig(
  host: Host,
  tenant: { readonly name: string; readonly endpoint: string | undefined },
  user: TenantUser,
): Promise<string> {
  if (tenant.endpoint === undefined)
    throw new UserError(`${tenant.name} has no endpoint yet: see "warren get ${tenant.name}"`);
  const secret: Secret = await host.client.get(secrets, { namespace: host.namespace, name: `${tenant.name}-pki` });
  const files = PKI_FILE_NAMES.map((file) => [file, Buffer.from(secret.data?.[file] ?? '', 'base64').toString('utf8')]);
  const pki = loadPki(Object.fromEntries(files));
  const subject = { commonName: user.name, organizations: [...user.groups], usages: ['client' as const] };
  const options = { nowMs: systemClock.nowMs(), days: user.ttlMs / DAY_MS };
  const { chainPem, keyPem = '' } = issueCertificate(pki.client, subject, options);
  return toKubeconfig({
    server: tenant.endpoint,
    caPem: pki.server.certPem,
    name: `${user.name}@${tenant.name}`,
    clientCert: chainPem,
    clientKey: keyPem,
  });
}
