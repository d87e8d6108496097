import type { Condition } from '../../generated/api/meta/v1.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import { backupTimeMs } from '../../objectstore/retention.ts';
import type {
  BackupPhase,
  KeptBackup,
  VirtualClusterBackup,
  VirtualClusterBackupStatus,
} from '../api/virtual-cluster-backup.ts';
import type { Trouble } from '../trouble.ts';
import type { JobEnd } from './job-result.ts';
import type { BackupPlan } from './plan.ts';

/** More than anybody reads in one object. */
const MAX_LISTED = 100;
/** A backup that is due and cannot be made for so long is told as a fault. */
const OVERDUE_MS = 3600 * 1000;

/** What a status tells of the result of a Job. */
export function recordEnd(
  status: VirtualClusterBackupStatus,
  end: JobEnd,
  endedMs: number,
): Partial<VirtualClusterBackupStatus> {
  if (!end.succeeded) return { lastFailure: { time: toTimeText(endedMs), message: end.message } };
  const { key, bytes, sha256, durationMs, kept } = end.result;
  const listed = (Array.isArray(kept) ? kept : []) as { key: string; bytes: number }[];
  const backups = listed.map(toKept).sort((a, b) => (a.key < b.key ? 1 : -1));
  return {
    ...status,
    lastBackup: {
      ...toKept({ key: String(key), bytes: Number(bytes) }),
      checksum: String(sha256),
      durationSeconds: Math.ceil(Number(durationMs) / 1000),
    },
    backups: backups.slice(0, MAX_LISTED),
    count: backups.length,
  };
}

function toKept({ key, bytes }: { key: string; bytes: number }): KeptBackup {
  const ms = backupTimeMs(key);
  return { key, ...(ms === undefined ? {} : { time: toTimeText(ms) }), bytes };
}

/** Where a backup stands. */
export interface BackupState {
  readonly plan: BackupPlan;
  readonly running: boolean;
  /** Why the Job that runs does not come on. */
  readonly trouble?: Trouble | undefined;
}

/** The status that follows; pure, and the only place where phase and condition are made. */
export function withVerdict(
  backup: VirtualClusterBackup,
  status: VirtualClusterBackupStatus,
  { plan, running, trouble }: BackupState,
  nowMs: number,
): VirtualClusterBackupStatus {
  const stuck = trouble && { ...trouble, status: 'False' as const };
  const verdict = stuck ?? judge(status, plan, nowMs);
  const before = backup.status?.conditions?.find(({ type }) => type === 'Healthy');
  const condition: Condition = {
    type: 'Healthy',
    ...verdict,
    lastTransitionTime:
      before?.status === verdict.status ? (before.lastTransitionTime ?? toTimeText(nowMs)) : toTimeText(nowMs),
    observedGeneration: backup.metadata.generation ?? 0,
  };
  const { nextScheduleTime: _, ...rest } = status;
  return {
    ...rest,
    ...(plan.step === 'rest' && plan.nextMs !== undefined ? { nextScheduleTime: toTimeText(plan.nextMs) } : {}),
    observedGeneration: backup.metadata.generation ?? 0,
    phase: phaseOf(backup, status, { plan, running }),
    conditions: [condition],
  };
}

function phaseOf(
  { spec }: VirtualClusterBackup,
  status: VirtualClusterBackupStatus,
  { plan, running }: { plan: BackupPlan; running: boolean },
): BackupPhase {
  if (running) return 'Running';
  if (spec.suspend) return 'Suspended';
  if (failedLast(status) || plan.step === 'refuse') return 'Failed';
  if (spec.schedule !== undefined) return 'Scheduled';
  return status.lastBackup === undefined ? 'Pending' : 'Completed';
}

function judge(
  status: VirtualClusterBackupStatus,
  plan: BackupPlan,
  nowMs: number,
): Pick<Condition, 'status' | 'reason' | 'message'> {
  if (plan.step === 'refuse') return { status: 'False', reason: plan.reason, message: plan.message };
  if (failedLast(status))
    return { status: 'False', reason: 'BackupFailed', message: status.lastFailure?.message ?? 'the last one failed' };
  const { lastBackup } = status;
  if (plan.step === 'hold') {
    const { reason, message } = plan;
    // A tenant that is suspended does not change: what was made before is as good as a new one.
    const isOverdue = reason !== 'TenantSuspended' && nowMs - plan.sinceMs > OVERDUE_MS;
    if (isOverdue) return { status: 'False', reason, message: `a backup is overdue: ${message}` };
    if (lastBackup === undefined) return { status: 'Unknown', reason, message };
  }
  if (lastBackup === undefined) return { status: 'Unknown', reason: 'NoBackupYet', message: 'no backup was made yet' };
  return { status: 'True', reason: 'BackupMade', message: `the newest backup is ${lastBackup.key}` };
}

/** Each backup bears the time for which its Job was made, which a failure that came before does not outlast. */
function failedLast({ lastFailure, lastBackup, lastScheduleTime = '' }: VirtualClusterBackupStatus): boolean {
  if (lastFailure === undefined) return false;
  const { time = '' } = lastBackup ?? {};
  return lastFailure.time > time && time < lastScheduleTime;
}
