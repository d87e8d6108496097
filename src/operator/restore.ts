import { createHash } from 'node:crypto';
import type { Client } from '../client/client.ts';
import type { Job } from '../generated/api/batch/v1.ts';
import type { Secret } from '../generated/api/core/v1.ts';
import { jobs, secrets } from '../generated/resource-types.ts';
import type { Clock } from '../std/clock.ts';
import { isAnothers } from './adoption.ts';
import type { RestoreFrom, VirtualCluster } from './api/virtual-cluster.ts';
import { type BackupStorage, keyPrefix, virtualClusterBackups } from './api/virtual-cluster-backup.ts';
import { type JobEnd, outcomeOf, type ReadLog, readEnd } from './backups/job-result.ts';
import { claimName } from './backups/reconciler.ts';
import { type HostCache, readLive } from './host.ts';
import { namesOf } from './observed.ts';

/** Annotation of the Secret with the authorities: the restore that they came with. */
export const RESTORED = 'warren.dev/restored';
/** Annotation of the same Secret: the backup that it was. */
export const RESTORED_FROM = 'warren.dev/restored-from';

/** A restore that is asked for and not done. */
export interface RestoreState {
  /** Names the wish: each different one is done once. */
  readonly id: string;
  readonly source:
    | { readonly storage: BackupStorage; readonly claimName: string; readonly from: string }
    | { readonly reason: string; readonly message: string };
  /** How its Job ended. */
  readonly end?: JobEnd | undefined;
}

export interface RestoreDeps {
  readonly client: Client;
  readonly cache: HostCache;
  readonly readLog: ReadLog;
  readonly clock: Clock;
}

/** Everything that matters to a restore; nothing where none is asked for, but for what the last one left. */
export async function observeRestore(
  deps: RestoreDeps,
  { cluster, pkiSecret }: { readonly cluster: VirtualCluster; readonly pkiSecret?: Secret | undefined },
  signal: AbortSignal,
): Promise<{ restore?: RestoreState; restoreJob?: Job | undefined; restoreSecret?: Secret | undefined }> {
  const { client, cache } = deps;
  const key = { namespace: cluster.metadata.namespace, name: namesOf(cluster).restore };
  const left = { restoreJob: cache.get(jobs, key), restoreSecret: cache.get(secrets, key) };
  const wish = cluster.spec.restoreFrom;
  if (wish === undefined) return left;
  const id = restoreId(wish);
  if (pkiSecret?.metadata.annotations?.[RESTORED] === id) return left;
  const restoreSecret = left.restoreSecret ?? (await readLive(client, secrets, key, signal));
  const job = left.restoreJob ?? (await readLive(client, jobs, key, signal));
  // One of an earlier tenant of this name says nothing about this one.
  const end =
    job === undefined || isAnothers(job, cluster) || outcomeOf(job) === undefined
      ? undefined
      : await readEnd(job, cache.podsOfJob(job), { readLog: deps.readLog, nowMs: deps.clock.nowMs() }, signal);
  return {
    restore: { id, source: await findSource(deps, cluster, wish, signal), end },
    restoreJob: job,
    restoreSecret,
  };
}

/** Names a wish: it differs where the wish does. */
export function restoreId({ backupName, storage, key, again }: RestoreFrom): string {
  const text = JSON.stringify([backupName, storage, key, again]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

async function findSource(
  { client }: RestoreDeps,
  { metadata: { namespace = '' } }: VirtualCluster,
  { backupName, storage, key }: RestoreFrom,
  signal: AbortSignal,
): Promise<RestoreState['source']> {
  if (backupName === undefined) {
    if (storage?.persistentVolumeClaim !== undefined && storage.persistentVolumeClaim.claimName === undefined)
      return { reason: 'ClaimMissing', message: 'spec.restoreFrom.storage must name a claim that is there' };
    return { storage: storage ?? {}, claimName: '', from: key ?? '' };
  }
  const backup = await readLive(client, virtualClusterBackups, { namespace, name: backupName }, signal);
  if (backup === undefined)
    return {
      reason: 'BackupMissing',
      message: `there is no VirtualClusterBackup ${backupName} in this namespace: create it, or give storage and key`,
    };
  const { virtualClusterName } = backup.spec;
  const prefix = keyPrefix({ namespace, virtualClusterName, name: backupName });
  return { storage: backup.spec.storage, claimName: claimName(backupName), from: key ?? prefix };
}
