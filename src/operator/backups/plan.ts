import { latestBefore, parseSchedule } from '../../std/cron-schedule.ts';
import type { VirtualCluster } from '../api/virtual-cluster.ts';
import { BACKUP_NOW, type VirtualClusterBackup } from '../api/virtual-cluster-backup.ts';

/** What is to be done about backups now. */
export type BackupPlan =
  /** A backup is due: `atMs` names it, `triggered` is the annotation that asked for it. */
  | { readonly step: 'start'; readonly atMs: number; readonly triggered?: string | undefined }
  /** One is due and cannot be made. */
  | { readonly step: 'hold'; readonly reason: string; readonly message: string; readonly sinceMs: number }
  | { readonly step: 'rest'; readonly nextMs?: number | undefined }
  /** Nothing will ever be due. */
  | { readonly step: 'refuse'; readonly reason: string; readonly message: string };

/** Decides what is due, by the schedule, the annotation, or because none was made yet. Pure. */
export function planBackup(
  backup: VirtualClusterBackup,
  cluster: VirtualCluster | undefined,
  nowMs: number,
): BackupPlan {
  const { spec, status, metadata } = backup;
  const createdMs = Date.parse(metadata.creationTimestamp ?? '');
  const lastMs = status?.lastScheduleTime === undefined ? undefined : Date.parse(status.lastScheduleTime);
  const asked = metadata.annotations?.[BACKUP_NOW];
  const isAsked = asked !== undefined && asked !== status?.triggered;
  let nextMs: number | undefined;
  let dueMs: number | undefined = spec.schedule === undefined && lastMs === undefined ? createdMs : undefined;
  if (spec.schedule !== undefined) {
    try {
      const schedule = parseSchedule(spec.schedule, spec.timeZone);
      dueMs = latestBefore(schedule, lastMs ?? createdMs, nowMs).ms;
      nextMs = schedule.next(nowMs);
    } catch (error) {
      return { step: 'refuse', reason: 'ScheduleInvalid', message: `spec.schedule: ${(error as Error).message}` };
    }
  }
  if (spec.suspend) {
    if (!isAsked) return { step: 'rest' };
    dueMs = undefined;
  }
  // A request takes the place of the time that has come meanwhile.
  const atMs = isAsked ? Math.max(nowMs, (lastMs ?? 0) + 1000) : dueMs;
  if (atMs === undefined) return { step: 'rest', nextMs };
  const hold = holdOf(backup, cluster);
  if (hold !== undefined) return { step: 'hold', ...hold, sinceMs: dueMs ?? nowMs };
  return { step: 'start', atMs, ...(isAsked ? { triggered: asked } : {}) };
}

function holdOf({ spec }: VirtualClusterBackup, cluster: VirtualCluster | undefined) {
  const name = spec.virtualClusterName;
  if (cluster === undefined || cluster.metadata.deletionTimestamp !== undefined)
    return { reason: 'VirtualClusterMissing', message: `there is no VirtualCluster ${name} in this namespace` };
  if (cluster.spec.suspend)
    return { reason: 'TenantSuspended', message: `${name} is suspended: nothing of it changes until it is resumed` };
  if (cluster.status?.phase !== 'Ready')
    return { reason: 'TenantNotReady', message: `${name} is not ready: a backup is made once it is` };
  return undefined;
}
