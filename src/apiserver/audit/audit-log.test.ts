import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { silentLogger } from '../../telemetry/logger.ts';
import { ManualClock } from '../../testing/manual-clock.ts';
import type { AuditEvent } from './audit-event.ts';
import { AuditLog } from './audit-log.ts';

const settings = { maxAgeDays: 0, maxBackups: 0, maxMegabytes: 0, format: 'json', compress: false } as const;

function eventOf(bytes = 10): AuditEvent {
  return {
    level: 'Metadata',
    auditID: 'i',
    stage: 'ResponseComplete',
    requestURI: 'x'.repeat(bytes),
    verb: 'get',
    user: undefined,
    sourceIPs: [],
    userAgent: '',
    objectRef: undefined,
    receivedMs: 0,
    stageMs: 0,
  };
}

describe('the audit log', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'audit-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('has every event in its file before the request goes on, behind those of earlier starts', () => {
    const path = join(folder, 'deep', 'audit.log');
    for (const _ of [1, 2]) {
      const log = new AuditLog({ ...settings, path }, new ManualClock(), silentLogger);
      log.write(eventOf());
      log.close();
    }
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).auditID),
      ['i', 'i'],
    );
  });

  it('puts files aside that are full, and keeps so many of them and so long as it is told', () => {
    const path = join(folder, 'full', 'audit.log');
    const clock = new ManualClock(Date.parse('2026-01-01T00:00:00Z'));
    const log = new AuditLog({ ...settings, path, maxMegabytes: 1, maxBackups: 2, maxAgeDays: 2 }, clock, silentLogger);
    const write = (): readonly string[] => {
      log.write(eventOf(600_000));
      return readdirSync(join(folder, 'full')).sort();
    };
    assert.deepEqual(write(), ['audit.log']);
    const aside = (day: number): string => `audit-2026-01-0${day}T00-00-00.000.log`;
    assert.deepEqual(write(), [aside(1), 'audit.log']);
    clock.advance(24 * 60 * 60 * 1000);
    assert.deepEqual(write(), [aside(1), aside(2), 'audit.log']);
    clock.advance(24 * 60 * 60 * 1000);
    assert.deepEqual(write(), [aside(2), aside(3), 'audit.log'], 'two at most');
    clock.advance(3 * 24 * 60 * 60 * 1000);
    assert.deepEqual(write(), [aside(6), 'audit.log'], 'none that is older than two days');
    log.close();
  });
});
