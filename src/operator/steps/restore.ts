import { jobs, secrets } from '../../generated/resource-types.ts';
import { parseJoinToken } from '../../pki/join-token.ts';
import { isAnothers } from '../adoption.ts';
import { DATASTORE_FILES, ROTATE_CA } from '../api/virtual-cluster.ts';
import { storageAccess, toJob } from '../backups/job.ts';
import { labelsOf, namesOf, type Observed, secretText, toSecretData } from '../observed.ts';
import { RESTORED, RESTORED_FROM } from '../restore.ts';
import { CA_ROTATION } from './certificates.ts';
import { datastoreFiles, serverStep } from './server.ts';
import { type KeySource, type Step, type StepOutcome, type Unwanted, type Wanted, wait } from './step.ts';

const DATA_DIR = '/var/lib/warren';
const SEAL_DIR = '/etc/warren/restore';
const DATASTORE_DIR = '/etc/warren/datastore';
const DEADLINE_SECONDS = 2 * 3600;
/** Annotation of the Job: the wish that it fulfils. */
const WISH = 'warren.dev/restore';

/**
 * Makes the tenant from a backup where that is asked for: its server is stopped, a Job fills its datastore and hands its
 * identity back, sealed with a key that only the operator has, and the authorities and the token of the backup become
 * those of the tenant.
 */
export const restoreStep: Step = {
  name: 'restore',
  condition: 'DatastoreReady',
  async plan(observed, keys): Promise<StepOutcome> {
    const { restore, restoreJob, restoreSecret } = observed;
    if (restore === undefined) return { kind: 'want', objects: [], unwanted: leftovers(observed) };
    const { source, end, id } = restore;
    if ('reason' in source) return wait(source.reason, source.message);
    const server = await stoppedServer(observed, keys);
    if (server !== undefined)
      return wait('Restoring', 'the server is stopped, since its state is restored from a backup', ...server);
    const isOther = restoreJob?.metadata.annotations?.[WISH] !== id;
    if (restoreJob !== undefined && (isOther || isAnothers(restoreJob, observed.cluster)))
      return { ...wait('Restoring', 'an earlier restore is taken away'), unwanted: leftovers(observed) } as StepOutcome;
    const seal = secretText(restoreSecret, 'key') ?? keys.newSealKey();
    if (restoreJob === undefined)
      return wait('Restoring', `the backup ${source.from} is restored`, sealSecret(observed, seal), job(observed));
    if (end === undefined) return wait('Restoring', `Job ${restoreJob.metadata.name} restores ${source.from}`);
    const again = `delete Job ${restoreJob.metadata.name} to try again, or change spec.restoreFrom`;
    if (!end.succeeded) return wait('RestoreFailed', `${end.message}; ${again}`);
    try {
      const wanted = restoredSecrets(observed, keys, seal, end.result);
      return { kind: 'want', objects: wanted, unwanted: leftovers(observed) };
    } catch (error) {
      return wait('RestoreFailed', `the identity in the backup cannot be used: ${(error as Error).message}; ${again}`);
    }
  },
};

/** The server without pods, while it has any; undefined once nobody uses the datastore. */
async function stoppedServer(observed: Observed, keys: KeySource): Promise<readonly Wanted[] | undefined> {
  const { deployment, pods } = observed;
  if (deployment === undefined) return pods.length === 0 ? undefined : [];
  if (deployment.spec?.replicas === 0) return pods.length === 0 ? undefined : [];
  const outcome = await serverStep.plan({ ...observed, spec: { ...observed.spec, suspend: true } }, keys);
  return outcome.objects ?? [];
}

function sealSecret({ cluster }: Observed, key: string): Wanted {
  return {
    type: secrets,
    object: {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: namesOf(cluster).restore, namespace: cluster.metadata.namespace, labels: labelsOf(cluster) },
      data: toSecretData({ key }),
    },
  };
}

function job(observed: Observed): Wanted {
  const { cluster, spec, settings, restore } = observed;
  const names = namesOf(cluster);
  if (restore === undefined || 'reason' in restore.source) throw new Error('no restore is asked for');
  const { storage, claimName, from } = restore.source;
  const access = storageAccess(storage, claimName);
  const isSqlite = spec.datastore.type === 'SQLite';
  const files = datastoreFiles(observed);
  const { secretRef } = spec.datastore;
  const items = files.map((key) => ({ key, path: key }));
  return toJob({
    name: names.restore,
    cluster,
    settings,
    labels: {},
    annotations: { [WISH]: restore.id },
    deadlineSeconds: DEADLINE_SECONDS,
    args: [
      'backup-job',
      'restore',
      `--from=${from}`,
      `--data-dir=${DATA_DIR}`,
      `--seal-key=${SEAL_DIR}/key`,
      `--id=${restore.id}`,
      ...files.map((key) => `${DATASTORE_FILES[key]}=${DATASTORE_DIR}/${key}`),
      ...access.args,
    ],
    env: [
      ...access.env,
      ...(isSqlite || secretRef === undefined
        ? []
        : [
            {
              name: 'WARREN_DATASTORE_ENDPOINT',
              valueFrom: { secretKeyRef: { name: secretRef.name, key: secretRef.key } },
            },
          ]),
    ],
    mounts: {
      data: {
        mountPath: DATA_DIR,
        volume: isSqlite ? { persistentVolumeClaim: { claimName: names.claim } } : { emptyDir: {} },
      },
      seal: {
        mountPath: SEAL_DIR,
        readOnly: true,
        volume: { secret: { secretName: names.restore, defaultMode: 0o440 } },
      },
      ...(files.length === 0
        ? {}
        : {
            datastore: {
              mountPath: DATASTORE_DIR,
              readOnly: true,
              volume: { secret: { secretName: secretRef?.name, items, defaultMode: 0o440 } },
            },
          }),
      ...access.mounts,
    },
  });
}

/** @throws Error where the identity cannot be opened, or is none. */
function restoredSecrets(
  { cluster, restore }: Observed,
  keys: KeySource,
  seal: string,
  result: Readonly<Record<string, unknown>>,
): Wanted[] {
  const names = namesOf(cluster);
  const { namespace } = cluster.metadata;
  const { files, token } = keys.openIdentity(String(result['identity']), seal);
  const full = `K10${keys.caHash(files['server-ca.crt'] ?? '')}::server:${parseJoinToken(token).password}`;
  // A rotation that was done before is not done again for the authorities of the backup.
  const rotation = cluster.metadata.annotations?.[ROTATE_CA];
  const annotations = {
    [RESTORED]: restore?.id ?? '',
    [RESTORED_FROM]: String(result['key']),
    ...(rotation === undefined ? {} : { [CA_ROTATION]: rotation }),
  };
  const secret = (name: string, type: string, data: Readonly<Record<string, string>>, more: object = {}): Wanted => ({
    type: secrets,
    object: {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace, labels: labelsOf(cluster), ...more },
      type,
      data: toSecretData(data),
    },
  });
  return [
    // The token first: who dies in between finds the restore as not done, and goes on.
    secret(names.token, 'warren.dev/token', { token: full }),
    secret(names.pki, 'warren.dev/pki', files, { annotations }),
  ];
}

function leftovers({ cluster, restoreJob, restoreSecret }: Observed): Unwanted[] {
  const key = { namespace: cluster.metadata.namespace, name: namesOf(cluster).restore };
  return [
    ...(restoreJob === undefined ? [] : [{ type: jobs, key }]),
    ...(restoreSecret === undefined ? [] : [{ type: secrets, key }]),
  ];
}
