import { secrets } from '../../generated/resource-types.ts';
import { ROTATE_CA } from '../api/virtual-cluster.ts';
import { labelsOf, namesOf, type Observed, secretText, toSecretData } from '../observed.ts';
import { RESTORED, RESTORED_FROM } from '../restore.ts';
import { toPkiFiles } from './kubeconfig.ts';
import { type KeySource, type Step, type StepOutcome, wait, want } from './step.ts';

/** Files without which a tenant has no identity. */
const essential = ['server-ca.crt', 'server-ca.key', 'client-ca.crt', 'client-ca.key', 'service.key'];

/**
 * The tenant's authorities and its token-signing key, made once. They are the tenant's identity: each joined machine and
 * each issued token depends on them, so they are replaced only where a user asks for it.
 */
export const certificatesStep: Step = {
  name: 'certificates',
  condition: 'ControlPlaneAvailable',
  async plan(observed, keys) {
    const { cluster, pkiSecret } = observed;
    const name = namesOf(cluster).pki;
    if (pkiSecret !== undefined) {
      const missing = essential.filter((file) => !secretText(pkiSecret, file));
      if (missing.length === 0) return planRotation(observed, keys);
      return wait(
        'CertificatesIncomplete',
        `Secret ${name} lacks ${missing.join(', ')}: restore it from a backup, or delete it and Secret ${namesOf(cluster).token} to make a new identity (all machines must join again)`,
      );
    }
    if (secretText(observed.tokenSecret, 'token')) {
      const { token } = namesOf(cluster);
      return wait(
        'CertificatesLost',
        `Secret ${name} is gone, and machines trust what was in it: restore it from a backup, or delete Secret ${token} too to make a new identity (all machines must join again)`,
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

/** Annotation of the Secret: the wish for new authorities that has come true last. */
export const CA_ROTATION = 'warren.dev/ca-rotation';

/** New authorities, signed by those of before, where the annotation has a value that was not acted on yet. */
function planRotation({ cluster, pkiSecret }: Observed, keys: KeySource): StepOutcome {
  const wished = cluster.metadata.annotations?.[ROTATE_CA];
  const { annotations = {} } = pkiSecret?.metadata ?? {};
  if (wished === undefined || annotations[CA_ROTATION] === wished) return want();
  const kept = Object.entries(annotations).filter(([key]) => KEPT.includes(key));
  return want({
    type: secrets,
    object: {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: namesOf(cluster).pki,
        namespace: cluster.metadata.namespace,
        labels: labelsOf(cluster),
        annotations: { ...Object.fromEntries(kept), [CA_ROTATION]: wished },
      },
      type: 'warren.dev/pki',
      data: toSecretData(keys.rotateAuthorities(toPkiFiles(pkiSecret))),
    },
  });
}

/** What a restore has written there must outlive a rotation, or it would be done again. */
const KEPT: readonly string[] = [RESTORED, RESTORED_FROM];
