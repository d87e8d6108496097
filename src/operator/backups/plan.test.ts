import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { VirtualCluster } from '../api/virtual-cluster.ts';
import { BACKUP_NOW, durationMs, type VirtualClusterBackup } from '../api/virtual-cluster-backup.ts';
import { recordEnd, withVerdict } from './backup-status.ts';
import { type BackupPlan, planBackup } from './plan.ts';

const HOUR_MS = 3600_000;
const madeMs = Date.UTC(2030, 0, 1, 12);
const ready = { metadata: { name: 'demo' }, spec: {}, status: { phase: 'Ready' } } as VirtualCluster;

function backup(
  spec: object = {},
  status: object = {},
  annotations: Record<string, string> = {},
): VirtualClusterBackup {
  const metadata = { name: 'b', creationTimestamp: '2030-01-01T12:00:00Z', annotations };
  return { metadata, spec: { virtualClusterName: 'demo', storage: {}, ...spec }, status };
}

describe('planBackup', () => {
  const daily = { schedule: '0 3 * * *' };
  const at3 = Date.UTC(2030, 0, 2, 3);
  const suspended = { ...ready, spec: { suspend: true } };
  const rows: Record<string, [VirtualClusterBackup, VirtualCluster | undefined, nowMs: number, Partial<BackupPlan>]> = {
    'makes a backup without a schedule at once': [backup(), ready, madeMs + 5, { step: 'start', atMs: madeMs }],
    'makes it once': [
      backup({}, { lastScheduleTime: '2030-01-01T12:00:00Z' }),
      ready,
      madeMs + HOUR_MS,
      { step: 'rest' },
    ],
    'waits for the time of its schedule': [backup(daily), ready, at3 - 1, { step: 'rest', nextMs: at3 }],
    'starts when the time has come': [backup(daily), ready, at3, { step: 'start', atMs: at3 }],
    'makes one for many times that were missed': [
      backup(daily),
      ready,
      at3 + 50 * HOUR_MS,
      { atMs: at3 + 48 * HOUR_MS },
    ],
    'keeps to the clocks of a zone': [
      backup({ ...daily, timeZone: 'Asia/Tokyo' }),
      ready,
      madeMs,
      { step: 'rest', nextMs: Date.UTC(2030, 0, 1, 18) },
    ],
    'makes none while it is suspended': [backup({ ...daily, suspend: true }), ready, at3, { step: 'rest' }],
    'makes one on request all the same': [
      backup({ ...daily, suspend: true }, {}, { [BACKUP_NOW]: 'x' }),
      ready,
      madeMs,
      { step: 'start', triggered: 'x' },
    ],
    'makes one for each request once': [
      backup(daily, { triggered: 'x' }, { [BACKUP_NOW]: 'x' }),
      ready,
      madeMs,
      { step: 'rest' },
    ],
    'waits for the tenant': [backup(), { ...ready, status: {} }, madeMs, { step: 'hold', reason: 'TenantNotReady' }],
    'leaves a suspended tenant alone': [backup(), suspended, madeMs, { step: 'hold', reason: 'TenantSuspended' }],
    'misses a tenant that is not there': [
      backup(),
      undefined,
      madeMs,
      { step: 'hold', reason: 'VirtualClusterMissing' },
    ],
    'refuses a schedule that is none': [
      backup({ schedule: '61 * * * *' }),
      ready,
      madeMs,
      { reason: 'ScheduleInvalid' },
    ],
    'refuses a zone that is none': [
      backup({ ...daily, timeZone: 'Mars/Base' }),
      ready,
      madeMs,
      { reason: 'ScheduleInvalid' },
    ],
  };
  for (const [title, [given, cluster, nowMs, expected]] of Object.entries(rows))
    it(title, () => assert.partialDeepStrictEqual(planBackup(given, cluster, nowMs), expected));
});

describe('the status of backups', () => {
  const rest: BackupPlan = { step: 'rest' };
  const failure = { succeeded: false as const, message: 'no space' };
  const judge = (status: object, plan: BackupPlan, nowMs: number) => {
    const next = withVerdict(backup({}, status), status, { plan, running: false }, nowMs);
    const [condition] = next.conditions ?? [];
    return [next.phase, condition?.status, condition?.reason];
  };
  it('tells what keeps a backup from coming on, until it does', () => {
    const trouble = { reason: 'Unschedulable', message: '0/3 nodes' };
    const tell = (state: object) => {
      const next = withVerdict(backup({}), {}, { plan: { step: 'rest' }, running: true, ...state }, madeMs);
      return [next.phase, next.conditions?.[0]?.status, next.conditions?.[0]?.reason];
    };
    assert.deepEqual(tell({ trouble }), ['Running', 'False', 'Unschedulable']);
    assert.deepEqual(tell({}), ['Running', 'Unknown', 'NoBackupYet']);
  });

  const key = 'default/demo/b/20300101T120000Z.backup';
  const end = {
    succeeded: true as const,
    result: { key, bytes: 5, sha256: 'ff', durationMs: 10, kept: [{ key, bytes: 5 }] },
  };
  const made = recordEnd({ lastScheduleTime: '2030-01-01T12:00:00Z' }, end, madeMs + 1000);

  it('tells of a backup that was made', () => {
    assert.equal(made.lastBackup?.time, '2030-01-01T12:00:00Z');
    assert.deepEqual(judge(made, rest, madeMs), ['Completed', 'True', 'BackupMade']);
  });

  it('tells of one that failed, until the next one is made', () => {
    const failed = {
      ...made,
      lastScheduleTime: '2030-01-02T12:00:00Z',
      ...recordEnd(made, failure, madeMs + 25 * HOUR_MS),
    };
    assert.deepEqual(judge(failed, rest, madeMs), ['Failed', 'False', 'BackupFailed']);
    const later = { ...end, result: { ...end.result, key: key.replace('0101T', '0103T') } };
    const mended = recordEnd({ ...failed, lastScheduleTime: '2030-01-03T12:00:00Z' }, later, madeMs + 49 * HOUR_MS);
    assert.deepEqual(judge(mended, rest, madeMs).slice(1), ['True', 'BackupMade']);
  });

  it('bears a tenant that is away for some time, and no longer', () => {
    const hold = { step: 'hold' as const, reason: 'TenantNotReady', message: 'not ready', sinceMs: madeMs };
    assert.deepEqual(judge(made, hold, madeMs + HOUR_MS / 2).slice(1), ['True', 'BackupMade']);
    assert.deepEqual(judge(made, hold, madeMs + 2 * HOUR_MS).slice(1), ['False', 'TenantNotReady']);
    const suspended = { ...hold, reason: 'TenantSuspended' };
    assert.deepEqual(judge(made, suspended, madeMs + 200 * HOUR_MS).slice(1), ['True', 'BackupMade']);
  });
});

describe('durationMs', () => {
  const rows: Record<string, number | undefined> = {
    '1d': 24 * HOUR_MS,
    '1h30m': 1.5 * HOUR_MS,
    '0s': 0,
    '': undefined,
    '5': undefined,
  };
  for (const [text, ms] of Object.entries(rows)) it(`reads "${text}"`, () => assert.equal(durationMs(text), ms));
});
