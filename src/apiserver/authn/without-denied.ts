import { configmaps } from '../../generated/resource-types.ts';
import { unauthorized } from '../../machinery/errors/status-error.ts';
import { DENIED_MACHINES, isDenied } from '../../pki/denied-machines.ts';
import type { Authenticator, User } from '../call.ts';
import type { ObjectReader } from '../object-reader.ts';

const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';
const BY_CERTIFICATE = 'X509SHA256=';
const ADMINISTRATORS = 'system:masters';

/**
 * Knows no machine that the cluster has shut out, although its certificate is good: there is no list of revoked ones in
 * Kubernetes. Administrators are never shut out, so that they can undo it.
 */
export function withoutDenied(authenticator: Authenticator, reader: ObjectReader): Authenticator {
  return {
    ...authenticator,
    async authenticate(credentials, signal) {
      const user = await authenticator.authenticate(credentials, signal);
      const fingerprint = user === undefined ? undefined : fingerprintOf(user);
      if (user === undefined || fingerprint === undefined || user.groups.includes(ADMINISTRATORS)) return user;
      const { data = {} } = (await reader.get(configmaps, DENIED_MACHINES)) ?? {};
      if (isDenied(data, user.name, fingerprint)) throw unauthorized();
      return user;
    },
  };
}

/** The certificate that a user came with; undefined where it was a token. */
function fingerprintOf({ extra }: User): string | undefined {
  const id = extra?.[CREDENTIAL_ID]?.[0];
  return id?.startsWith(BY_CERTIFICATE) ? id.slice(BY_CERTIFICATE.length) : undefined;
}
