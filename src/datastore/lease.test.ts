import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { expireLeases } from './lease.ts';
import { openMemoryBackend } from './memory/memory-backend.ts';

/** A clock that stands still until it is moved. */
function handClock(): Clock & { move(ms: number): Promise<void> } {
  const state = { nowMs: 0 };
  const timers = new Set<{ atMs: number; run: () => void }>();
  const after: Clock['after'] = (delayMs, run) => {
    const timer = { atMs: state.nowMs + delayMs, run };
    timers.add(timer);
    return { cancel: () => void timers.delete(timer) };
  };
  return {
    nowMs: () => state.nowMs,
    after,
    every: () => assert.fail('leases need no ticks'),
    sleep: () => assert.fail('leases do not sleep'),
    async move(ms) {
      state.nowMs += ms;
      for (const timer of [...timers]) {
        if (timer.atMs > state.nowMs || !timers.delete(timer)) continue;
        timer.run();
      }
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

async function open() {
  const backend = await openMemoryBackend();
  const clock = handClock();
  const keys = async () => (await backend.list('/registry/')).items.map(({ key }) => key.slice('/registry/'.length));
  const start = async (): Promise<() => void> => {
    const { seen, stop } = await expireLeases(backend, { clock, logger: silentLogger });
    await seen;
    return stop;
  };
  return { backend, clock, keys, start };
}

const value = Buffer.from('{}');

describe('leased keys', () => {
  it('go when their seconds are over, and others stay', async () => {
    const { backend, clock, keys, start } = await open();
    await start();
    await backend.create('/registry/a', value, { leaseSeconds: 15 });
    await backend.create('/registry/b', value, { leaseSeconds: 20 });
    await backend.create('/registry/c', value);
    await clock.move(14_999);
    assert.deepEqual(await keys(), ['a', 'b', 'c']);
    await clock.move(1);
    assert.deepEqual(await keys(), ['b', 'c']);
    await clock.move(5_000);
    assert.deepEqual(await keys(), ['c']);
  });

  it('get a new life with each start, whatever they belong to', async () => {
    const { backend, clock, keys, start } = await open();
    await backend.create('/registry/masterleases/10.0.0.1', value, { leaseSeconds: 15 });
    await clock.move(60_000);
    await start();
    await clock.move(14_000);
    assert.deepEqual(await keys(), ['masterleases/10.0.0.1']);
    await clock.move(1_000);
    assert.deepEqual(await keys(), []);
  });

  it('live on by a newer row, and for ever by one without a lease', async () => {
    const { backend, clock, keys, start } = await open();
    await start();
    const a = await backend.create('/registry/a', value, { leaseSeconds: 15 });
    const b = await backend.create('/registry/b', value, { leaseSeconds: 15 });
    await clock.move(10_000);
    await backend.update('/registry/a', value, a, { leaseSeconds: 15 });
    await backend.update('/registry/b', value, b);
    await clock.move(10_000);
    assert.deepEqual(await keys(), ['a', 'b']);
    await clock.move(5_000);
    assert.deepEqual(await keys(), ['b']);
  });

  it('stay once expiry is stopped', async () => {
    const { backend, clock, keys, start } = await open();
    const stop = await start();
    await backend.create('/registry/a', value, { leaseSeconds: 1 });
    stop();
    await clock.move(2_000);
    assert.deepEqual(await keys(), ['a']);
  });
});
