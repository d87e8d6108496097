import { configmaps } from '../../generated/resource-types.ts';
import { unauthorized } from '../../machinery/errors/status-error.ts';
import { DENIED_MACHINES, isDenied, isNodeDenied } from '../../pki/denied-machines.ts';
import type { Authenticator, Connection, User } from '../call.ts';
import type { ObjectReader } from '../object-reader.ts';

const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';
const BY_CERTIFICATE = 'X509SHA256=';
const NODE_NAME = 'authentication.kubernetes.io/node-name';
const ADMINISTRATORS = 'system:masters';

/**
 * Knows no machine that the cluster has shut out, although its certificate is good, nor the tokens of pods that run there:
 * there is no list of revoked ones in Kubernetes. Administrators are never shut out, so that they can undo it.
 *
 * @param onPod - Told of each call by a token of a pod: its connection, and the node that the pod runs on.
 */
export function withoutDenied(
  authenticator: Authenticator,
  reader: ObjectReader,
  onPod: (connection: Connection, nodeName: string) => void = () => {},
): Authenticator {
  return {
    ...authenticator,
    async authenticate(credentials, signal) {
      const user = await authenticator.authenticate(credentials, signal);
      if (user === undefined || user.groups.includes(ADMINISTRATORS)) return user;
      const fingerprint = fingerprintOf(user);
      const nodeName = user.extra?.[NODE_NAME]?.[0];
      if (fingerprint === undefined && nodeName === undefined) return user;
      const { data = {} } = (await reader.get(configmaps, DENIED_MACHINES)) ?? {};
      if (nodeName !== undefined) {
        if (isNodeDenied(data, nodeName)) throw unauthorized();
        if (credentials.connection !== undefined) onPod(credentials.connection, nodeName);
      }
      if (fingerprint !== undefined && isDenied(data, user.name, fingerprint)) throw unauthorized();
      return user;
    },
  };
}

/** The certificate that a user came with; undefined where it was a token. */
function fingerprintOf({ extra }: User): string | undefined {
  const id = extra?.[CREDENTIAL_ID]?.[0];
  return id?.startsWith(BY_CERTIFICATE) ? id.slice(BY_CERTIFICATE.length) : undefined;
}
