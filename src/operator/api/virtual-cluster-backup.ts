import type { Condition } from '../../generated/api/meta/v1.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';

/** An S3-compatible service. */
export interface S3Storage {
  endpoint: string;
  bucket: string;
  prefix?: string;
  /** Default `us-east-1`. */
  region?: string;
  /** Secret with `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, and where needed `AWS_SESSION_TOKEN` and `ca.crt`. */
  credentialsSecretRef: { name: string };
  /** `https://host/bucket` rather than `https://bucket.host`. Default true. */
  pathStyle?: boolean;
}

/** Where backups lie: one of the two. */
export interface BackupStorage {
  persistentVolumeClaim?: {
    /** A claim that is there. */
    claimName?: string;
    /** A claim that is made, of this size; it outlives the backup's object. */
    size?: string;
    storageClassName?: string;
  };
  s3?: S3Storage;
}

export interface VirtualClusterBackupSpec {
  virtualClusterName: string;
  /** In cron's notation; absent: one backup, at once. */
  schedule?: string;
  /** IANA name. Default: UTC. */
  timeZone?: string;
  suspend?: boolean;
  retention?: { keepLast?: number; maxAge?: string };
  storage: BackupStorage;
}

export interface KeptBackup {
  key: string;
  time?: string;
  bytes: number;
}

export interface VirtualClusterBackupStatus {
  observedGeneration?: number;
  phase?: BackupPhase;
  conditions?: Condition[];
  /** The newest backup that was made. */
  lastBackup?: KeptBackup & { checksum: string; durationSeconds?: number };
  lastFailure?: { time: string; message: string };
  /** The time for which a Job was made last. */
  lastScheduleTime?: string;
  nextScheduleTime?: string;
  /** The value of {@link BACKUP_NOW} that was acted on last. */
  triggered?: string;
  /** The Job that runs, or whose result was taken last. */
  job?: string;
  /** What the storage holds, newest first; the first hundred. */
  backups?: KeptBackup[];
  /** How many the storage holds. */
  count?: number;
}

export type BackupPhase = 'Pending' | 'Scheduled' | 'Running' | 'Completed' | 'Failed' | 'Suspended';

/** Backups of a tenant: one, or one after the other by a schedule. */
export interface VirtualClusterBackup extends KubeObject {
  spec: VirtualClusterBackupSpec;
  status?: VirtualClusterBackupStatus;
}

export const virtualClusterBackups: ResourceType<VirtualClusterBackup> = {
  group: 'warren.dev',
  version: 'v1alpha1',
  kind: 'VirtualClusterBackup',
  plural: 'virtualclusterbackups',
  namespaced: true,
};

/** Annotation of a VirtualClusterBackup: each new value of it asks for a backup at once. */
export const BACKUP_NOW = 'warren.dev/backup-now';

/** The keys of a backup's files begin with this. */
export function keyPrefix(backup: {
  readonly namespace: string;
  readonly virtualClusterName: string;
  readonly name: string;
}): string {
  return `${backup.namespace}/${backup.virtualClusterName}/${backup.name}/`;
}

/** Milliseconds of a length of time such as `7d` or `1h30m`; undefined for what is none. */
export function durationMs(text: string | undefined): number | undefined {
  const found = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text ?? '');
  if (found === null || !text) return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = found.slice(1).map((part) => Number(part ?? 0));
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
}
