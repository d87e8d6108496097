import type { Client } from '../../client/client.ts';
import type { Job } from '../../generated/api/batch/v1.ts';
import { jobs, persistentvolumeclaims, secrets, services } from '../../generated/resource-types.ts';
import { isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import { type ObjectKey, ownedBy, parseKeyText } from '../../machinery/object/object.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import { backupName } from '../../objectstore/retention.ts';
import type { Reconciler, Result } from '../../reconcile/reconciler.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { portOf, toUrl } from '../addresses.ts';
import { type VirtualCluster, virtualClusters } from '../api/virtual-cluster.ts';
import {
  durationMs,
  keyPrefix,
  type VirtualClusterBackup,
  type VirtualClusterBackupStatus,
  virtualClusterBackups,
} from '../api/virtual-cluster-backup.ts';
import { FIELD_MANAGER, type HostCache, readLive } from '../host.ts';
import { namesOf, type OperatorSettings, secretText, toSecretData } from '../observed.ts';
import type { ReferencedSecrets } from '../referenced-secrets.ts';
import { refusalOf } from '../refusals.ts';
import { toPkiFiles } from '../steps/kubeconfig.ts';
import type { KeySource } from '../steps/step.ts';
import { type Trouble, troubleOf } from '../trouble.ts';
import { type BackupState, recordEnd, withVerdict } from './backup-status.ts';
import { BACKUP_LABEL, storageAccess, toJob } from './job.ts';
import { type JobEnd, outcomeOf, type ReadLog, readEnd } from './job-result.ts';
import { planBackup } from './plan.ts';

/** A tenant that is larger than what goes over the wire in so long needs another way of backup. */
const DEADLINE_SECONDS = 2 * 3600;
const RECHECK_MS = 30_000;
/** A Job has a pod that runs within this time, unless something is in its way. */
const POD_MS = 20_000;
/** Timers beyond it would be cut short; looking again costs nothing. */
const LONGEST_PAUSE_MS = 3600_000;
const ACCESS_DIR = '/etc/warren/access';

export interface BackupDeps {
  readonly client: Client;
  readonly cache: HostCache;
  readonly keys: Pick<KeySource, 'backupAccess'>;
  readonly referenced: ReferencedSecrets;
  readonly readLog: ReadLog;
  /** Jobs of a backup. */
  jobsOf(backup: VirtualClusterBackup): readonly Job[];
  event(about: VirtualClusterBackup, type: 'Normal' | 'Warning', reason: string, message: string): void;
  readonly settings: OperatorSettings;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Makes the backups that a VirtualClusterBackup asks for, each by a Job, one at a time, and tells what came of it. */
export class BackupReconciler implements Reconciler {
  readonly #deps: BackupDeps;

  constructor(deps: BackupDeps) {
    this.#deps = deps;
  }

  async reconcile(keyText: string, signal: AbortSignal): Promise<Result> {
    const { client, cache, clock } = this.#deps;
    const key = parseKeyText(keyText);
    const known = cache.get(virtualClusterBackups, key);
    if (known === undefined || known.metadata.deletionTimestamp !== undefined) return {};
    // What was written last decides whether a backup is due: an old cache must not make one twice.
    const backup = await readLive(client, virtualClusterBackups, key, signal);
    if (backup === undefined) return {};
    let status: VirtualClusterBackupStatus = backup.status ?? {};
    let running = status.phase === 'Running';
    if (running) {
      const end = await this.#endOf(backup, status.job ?? '', signal);
      if (end === undefined) {
        const trouble = this.#troubleOf(backup, status);
        const result = await this.#settle(backup, status, { plan: { step: 'rest' }, running, trouble }, signal);
        return { ...result, requeueAfterMs: RECHECK_MS };
      }
      status = { ...status, ...recordEnd(status, end, clock.nowMs()) };
      running = false;
      this.#tell(backup, status, end);
    }
    const cluster = cache.get(virtualClusters, { namespace: key.namespace, name: backup.spec.virtualClusterName });
    let plan = planBackup({ ...backup, status }, cluster, clock.nowMs());
    if (plan.step === 'start' && cluster !== undefined) {
      const fault = await this.#start(backup, cluster, plan.atMs, signal).catch((error: unknown) => {
        const refusal = refusalOf(error, 'the host');
        if (refusal === undefined) throw error;
        return refusal;
      });
      if (fault !== undefined) plan = { step: 'hold', ...fault, sinceMs: plan.atMs };
      else {
        running = true;
        const { triggered = status.triggered } = plan;
        const job = jobName(backup, plan.atMs);
        status = { ...status, job, lastScheduleTime: toTimeText(plan.atMs), ...(triggered ? { triggered } : {}) };
      }
    }
    const result = await this.#settle(backup, status, { plan, running }, signal);
    if (!running) await this.#cleanUp(backup, status, signal);
    return result;
  }

  /** How the Job ended; undefined while it runs. */
  async #endOf(backup: VirtualClusterBackup, name: string, signal: AbortSignal): Promise<JobEnd | undefined> {
    const { client, cache, readLog, clock } = this.#deps;
    const key = { namespace: backup.metadata.namespace, name };
    const job = cache.get(jobs, key) ?? (await readLive(client, jobs, key, signal));
    if (job === undefined) return { succeeded: false, message: `Job ${name} was deleted before it had ended` };
    if (outcomeOf(job) === undefined) return undefined;
    return await readEnd(job, cache.podsOfJob(job), { readLog, nowMs: clock.nowMs() }, signal);
  }

  /** Why a Job that runs does not come on; undefined where it does. */
  #troubleOf({ metadata }: VirtualClusterBackup, { job: name = '' }: VirtualClusterBackupStatus): Trouble | undefined {
    const { cache, clock } = this.#deps;
    const job = cache.get(jobs, { namespace: metadata.namespace, name });
    if (job === undefined) return undefined;
    if (clock.nowMs() - Date.parse(job.metadata.creationTimestamp ?? '') < POD_MS) return undefined;
    const pods = cache.podsOfJob(job);
    if (pods.length === 0)
      return { reason: 'NoPod', message: `the host makes no pod for Job ${name}: its events tell why` };
    return troubleOf(
      pods.filter(({ status }) => status?.phase === 'Pending'),
      undefined,
    );
  }

  #tell(backup: VirtualClusterBackup, { lastBackup }: VirtualClusterBackupStatus, end: JobEnd): void {
    if (end.succeeded) this.#deps.event(backup, 'Normal', 'BackupMade', `Made ${lastBackup?.key}`);
    else this.#deps.event(backup, 'Warning', 'BackupFailed', end.message);
  }

  /** @returns what is missing, where the Job cannot be made yet. */
  async #start(
    backup: VirtualClusterBackup,
    cluster: VirtualCluster,
    atMs: number,
    signal: AbortSignal,
  ): Promise<{ reason: string; message: string } | undefined> {
    const { client, cache, settings, keys } = this.#deps;
    const { namespace, name = '' } = backup.metadata;
    const { spec } = backup;
    const missing = await this.#missingStorage(backup, signal);
    if (missing !== undefined) return missing;
    const names = namesOf(cluster);
    const at = (other: string): ObjectKey => ({ namespace, name: other });
    const pki = toPkiFiles(cache.get(secrets, at(names.pki)));
    const port = portOf(cache.get(services, at(names.server)));
    if (pki['client-ca.key'] === undefined || port === undefined)
      return { reason: 'TenantNotReady', message: `${cluster.metadata.name} has no keys or no port yet` };
    const { cert, key } = keys.backupAccess(pki);
    const labels = { 'app.kubernetes.io/managed-by': 'warren', [BACKUP_LABEL]: name };
    const ownerReferences = [ownedBy(backup, virtualClusterBackups)];
    const apply = { type: 'apply', force: true, fieldManager: FIELD_MANAGER, signal } as const;
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: accessName(name), namespace, labels, ownerReferences },
      data: toSecretData({ 'ca.crt': pki['server-ca.crt'] ?? '', 'tls.crt': cert, 'tls.key': key }),
    };
    await client.patch(secrets, at(accessName(name)), secret, apply);
    const storage = storageAccess(spec.storage, claimName(name));
    const host = settings.tenantHost ?? `${names.server}.${namespace}.svc`;
    const where = { namespace: namespace ?? '', virtualClusterName: spec.virtualClusterName, name };
    const { keepLast, maxAge } = spec.retention ?? {};
    const maxAgeMs = durationMs(maxAge);
    const { object } = toJob({
      name: jobName(backup, atMs),
      cluster,
      settings,
      labels,
      deadlineSeconds: DEADLINE_SECONDS,
      args: [
        'backup-job',
        'save',
        `--url=${toUrl(host, port)}`,
        `--access=${ACCESS_DIR}`,
        `--key=${keyPrefix(where)}${backupName(atMs)}`,
        ...(keepLast === undefined ? [] : [`--keep-last=${keepLast}`]),
        ...(maxAgeMs === undefined ? [] : [`--max-age-seconds=${maxAgeMs / 1000}`]),
        ...storage.args,
      ],
      env: storage.env,
      mounts: {
        access: {
          mountPath: ACCESS_DIR,
          readOnly: true,
          volume: { secret: { secretName: accessName(name), defaultMode: 0o440 } },
        },
        ...storage.mounts,
      },
    });
    object.metadata.ownerReferences = ownerReferences;
    await client.patch(jobs, at(object.metadata.name ?? ''), object, apply);
    this.#deps.event(backup, 'Normal', 'BackupStarted', `Started Job ${object.metadata.name}`);
    return undefined;
  }

  /** Looks for what a pod would wait for, and makes the claim that is asked for. */
  async #missingStorage(
    { spec, metadata }: VirtualClusterBackup,
    signal: AbortSignal,
  ): Promise<{ reason: string; message: string } | undefined> {
    const { client, referenced } = this.#deps;
    const { namespace, name = '' } = metadata;
    const { s3, persistentVolumeClaim } = spec.storage;
    if (s3 !== undefined) {
      const secretName = s3.credentialsSecretRef.name;
      const secret = await referenced.read({ namespace, name: secretName }, signal);
      const lacks = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'].filter((key) => !secretText(secret, key));
      if (secret === undefined)
        return { reason: 'CredentialsMissing', message: `Secret ${secretName} is not in this namespace: create it` };
      if (lacks.length === 0) return undefined;
      return { reason: 'CredentialsMissing', message: `Secret ${secretName} lacks ${lacks.join(' and ')}` };
    }
    const given = persistentVolumeClaim?.claimName;
    const key = { namespace, name: given ?? claimName(name) };
    if ((await readLive(client, persistentvolumeclaims, key, signal)) !== undefined) return undefined;
    if (given !== undefined)
      return { reason: 'ClaimMissing', message: `PersistentVolumeClaim ${given} is not in this namespace: create it` };
    const { size = '1Gi', storageClassName } = persistentVolumeClaim ?? {};
    const claim = {
      metadata: { ...key, labels: { 'app.kubernetes.io/managed-by': 'warren', [BACKUP_LABEL]: name } },
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: String(size) } },
        ...(storageClassName === undefined ? {} : { storageClassName }),
      },
    };
    await client.create(persistentvolumeclaims, claim, { fieldManager: FIELD_MANAGER, signal });
    return undefined;
  }

  async #settle(
    backup: VirtualClusterBackup,
    next: VirtualClusterBackupStatus,
    state: BackupState,
    signal: AbortSignal,
  ): Promise<Result> {
    const { client, clock } = this.#deps;
    const nowMs = clock.nowMs();
    const status = withVerdict(backup, next, state, nowMs);
    const { metadata } = backup;
    if (JSON.stringify(sorted(status)) !== JSON.stringify(sorted(backup.status ?? {}))) {
      const patch = {
        metadata: { resourceVersion: metadata.resourceVersion },
        status: withNulls(status, backup.status),
      };
      const key = { namespace: metadata.namespace, name: metadata.name ?? '' };
      try {
        await client.patch(virtualClusterBackups, key, patch, { type: 'merge', subresource: 'status', signal });
      } catch (error) {
        if (!isNotFound(error) && !isConflict(error)) throw error;
        if (isConflict(error)) return { requeueAfterMs: 100 };
      }
    }
    const { plan } = state;
    if (plan.step === 'hold') return { requeueAfterMs: RECHECK_MS };
    if (plan.step !== 'rest' || plan.nextMs === undefined) return {};
    return { requeueAfterMs: Math.min(LONGEST_PAUSE_MS, Math.max(0, plan.nextMs - nowMs) + 10) };
  }

  /** Takes away what Jobs have left: the access to the tenant, and Jobs, but for the last one where that failed. */
  async #cleanUp(
    backup: VirtualClusterBackup,
    { job: last }: VirtualClusterBackupStatus,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, cache, jobsOf } = this.#deps;
    const { namespace, name = '' } = backup.metadata;
    for (const job of jobsOf(backup)) {
      const ended = outcomeOf(job);
      if (ended === undefined || (ended === 'failed' && job.metadata.name === last)) continue;
      const key = { namespace, name: job.metadata.name ?? '' };
      await client
        .delete(jobs, key, { propagationPolicy: 'Background', signal })
        .catch((error) => (isNotFound(error) ? undefined : Promise.reject(error)));
    }
    const access = { namespace, name: accessName(name) };
    if (cache.get(secrets, access) === undefined) return;
    await client
      .delete(secrets, access, { signal })
      .catch((error) => (isNotFound(error) ? undefined : Promise.reject(error)));
  }
}

function jobName({ metadata }: VirtualClusterBackup, atMs: number): string {
  return `${metadata.name}-${backupName(atMs).slice(0, -'.backup'.length).toLowerCase()}`;
}

const accessName = (backup: string): string => `${backup}-backup-access`;

/** The claim that is made for a backup which names none. */
export const claimName = (backup: string): string => `${backup}-backups`;

/** A merge patch takes away only what it names. */
function withNulls(status: object, before: object | undefined): object {
  const gone = Object.keys(before ?? {}).filter((key) => !(key in status));
  return { ...status, ...Object.fromEntries(gone.map((key) => [key, null])) };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, field]) => [key, sorted(field)]));
}
