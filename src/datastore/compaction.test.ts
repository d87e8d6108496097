import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { startCompaction } from './compaction.ts';
import { openMemoryBackend } from './memory/memory-backend.ts';

/** A clock whose one period passes when it is told to. */
function periodClock(): Clock & { readonly periodsMs: number[]; pass(): Promise<void> } {
  const runs = new Set<() => void>();
  const periodsMs: number[] = [];
  return {
    periodsMs,
    nowMs: () => 0,
    after: () => assert.fail('compaction sets no timer of its own'),
    every: (periodMs, run) => {
      periodsMs.push(periodMs);
      runs.add(run);
      return { cancel: () => void runs.delete(run) };
    },
    sleep: () => assert.fail('compaction does not sleep'),
    async pass() {
      for (const run of runs) run();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('compaction', () => {
  it('forgets what was there five minutes ago, but for the newest thousand revisions', async () => {
    await using backend = await openMemoryBackend();
    const clock = periodClock();
    const value = Buffer.from('{}');
    const write = async (count: number): Promise<void> => {
      let revision = (await backend.get('/registry/a'))?.modRevision ?? (await backend.create('/registry/a', value));
      for (let index = 0; index < count; index++) revision = await backend.update('/registry/a', value, revision);
    };
    await write(1_499);
    const stop = startCompaction(backend, { clock, logger: silentLogger });
    await write(100);
    assert.equal(await backend.compactedRevision(), 0n);
    await clock.pass();
    assert.equal(await backend.compactedRevision(), 600n);
    await write(2_000);
    await clock.pass();
    assert.equal(await backend.compactedRevision(), 1_600n);
    stop();
    await clock.pass();
    await clock.pass();
    assert.equal(await backend.compactedRevision(), 1_600n);
    assert.deepEqual(clock.periodsMs, [300_000]);
  });
});
