import { jobs } from '../../generated/resource-types.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { type VirtualCluster, withDefaults } from '../api/virtual-cluster.ts';
import type { BackupStorage } from '../api/virtual-cluster-backup.ts';
import type { OperatorSettings } from '../observed.ts';
import { containerSecurity, jobPlacement, podSecurity } from '../restricted-pod.ts';
import type { Wanted } from '../steps/step.ts';

/** Label of pods that take a backup of a tenant, or make it from one: they may come in to its server. */
export const WORKS_FOR = 'warren.dev/works-for';
/** Label of Jobs: the VirtualClusterBackup that they belong to. */
export const BACKUP_LABEL = 'warren.dev/backup';

const FOLDER = '/backups';
const S3_DIR = '/etc/warren/s3';

interface Mount {
  readonly mountPath: string;
  readonly volume: Readonly<Record<string, unknown>>;
  readonly readOnly?: boolean;
}

/** What a program needs to reach the storage of backups. */
interface StorageAccess {
  readonly args: readonly string[];
  readonly env: readonly Record<string, unknown>[];
  readonly mounts: Readonly<Record<string, Mount>>;
}

/** @param claimName - The claim of a storage that has one made for it. */
export function storageAccess({ s3, persistentVolumeClaim }: BackupStorage, claimName: string): StorageAccess {
  if (s3 === undefined) {
    const volume = { persistentVolumeClaim: { claimName: persistentVolumeClaim?.claimName ?? claimName } };
    return { args: [`--folder=${FOLDER}`], env: [], mounts: { backups: { mountPath: FOLDER, volume } } };
  }
  const { name } = s3.credentialsSecretRef;
  const fromSecret = (key: string, more: object = {}) => ({
    name: key,
    valueFrom: { secretKeyRef: { name, key, ...more } },
  });
  const items = [{ key: 'ca.crt', path: 'ca.crt' }];
  return {
    args: [
      `--s3-endpoint=${s3.endpoint}`,
      `--s3-bucket=${s3.bucket}`,
      `--s3-region=${s3.region ?? 'us-east-1'}`,
      `--s3-ca=${S3_DIR}/ca.crt`,
      ...(s3.prefix === undefined ? [] : [`--s3-prefix=${s3.prefix}`]),
      ...(s3.pathStyle === false ? ['--s3-virtual-host'] : []),
    ],
    env: [
      fromSecret('AWS_ACCESS_KEY_ID'),
      fromSecret('AWS_SECRET_ACCESS_KEY'),
      fromSecret('AWS_SESSION_TOKEN', { optional: true }),
    ],
    mounts: {
      s3: { mountPath: S3_DIR, readOnly: true, volume: { secret: { secretName: name, optional: true, items } } },
    },
  };
}

export interface JobWish {
  readonly name: string;
  readonly cluster: VirtualCluster;
  readonly settings: OperatorSettings;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  readonly env: readonly Record<string, unknown>[];
  readonly mounts: Readonly<Record<string, Mount>>;
  /** Seconds after which it has failed. */
  readonly deadlineSeconds: number;
}

/** A Job that runs our own program beside a tenant. Its pods are not the server's: they have none of its labels. */
export function toJob(wish: JobWish): Wanted {
  const { cluster, settings, name, deadlineSeconds } = wish;
  const labels = {
    'app.kubernetes.io/name': 'warren-job',
    'app.kubernetes.io/managed-by': 'warren',
    [WORKS_FOR]: cluster.metadata.name ?? '',
    ...wish.labels,
  };
  const mounts = { ...wish.mounts, tmp: { mountPath: '/tmp', volume: { emptyDir: {} } } as Mount };
  const object: AnyObject = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: cluster.metadata.namespace, labels, annotations: { ...wish.annotations } },
    spec: {
      backoffLimit: 2,
      activeDeadlineSeconds: deadlineSeconds,
      template: {
        metadata: { labels },
        spec: {
          ...jobPlacement(withDefaults(cluster.spec)),
          ...podSecurity,
          restartPolicy: 'Never',
          containers: [
            {
              name: 'job',
              image: settings.image,
              imagePullPolicy: settings.imagePullPolicy,
              args: [...wish.args],
              ...(wish.env.length === 0 ? {} : { env: [...wish.env] }),
              resources: { requests: { cpu: '50m', memory: '128Mi' } },
              securityContext: containerSecurity,
              volumeMounts: Object.entries(mounts).map(([volume, { mountPath, readOnly }]) => ({
                name: volume,
                mountPath,
                ...(readOnly ? { readOnly } : {}),
              })),
            },
          ],
          volumes: Object.entries(mounts).map(([volume, { volume: source }]) => ({ name: volume, ...source })),
        },
      },
    },
  };
  return { type: jobs, object };
}
