import { secrets } from '../../generated/resource-types.ts';
import { labelsOf, namesOf, secretText, toSecretData } from '../observed.ts';
import { type Step, wait, want } from './step.ts';

/** Files without which a tenant has no identity. */
const essential = ['server-ca.crt', 'server-ca.key', 'client-ca.crt', 'client-ca.key', 'service.key'];

/**
 * The tenant's authorities and its token-signing key, made once. They are the tenant's identity: they are never
 * replaced, since each joined machine and each issued token depends on them.
 */
export const certificatesStep: Step = {
  name: 'certificates',
  condition: 'ControlPlaneAvailable',
  async plan({ cluster, pkiSecret }, keys) {
    const name = namesOf(cluster).pki;
    if (pkiSecret !== undefined) {
      const missing = essential.filter((file) => !secretText(pkiSecret, file));
      if (missing.length === 0) return want();
      return wait(
        'CertificatesIncomplete',
        `Secret ${name} lacks ${missing.join(', ')}: restore it from a backup, or delete it to make a new identity (all machines must join again)`,
      );
    }
    return want({
      type: secrets,
      object: {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace: cluster.metadata.namespace, labels: labelsOf(cluster) },
        type: 'warren.dev/pki',
        data: toSecretData(await keys.newPki()),
      },
    });
  },
};
