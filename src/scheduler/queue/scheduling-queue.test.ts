import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { ManualClock } from '../../testing/manual-clock.ts';
import { makePod } from '../../testing/scheduling.ts';
import type { ClusterChange } from '../framework/plugin.ts';
import { SchedulingQueue } from './scheduling-queue.ts';

describe('the scheduling queue', () => {
  let clock: ManualClock;
  let queue: SchedulingQueue;
  const fit = new Set(['Fit']);
  const take = (): string | undefined => queue.take()?.metadata.name;

  beforeEach(() => {
    clock = new ManualClock();
    queue = new SchedulingQueue(clock, new Map([['Fit', new Set<ClusterChange>(['pod-deleted', 'node-added'])]]));
  });

  it('gives the highest priority first, and among equals the one that came first', () => {
    queue.set(makePod('a'));
    queue.set(makePod('b', { priority: 5 }));
    queue.set(makePod('c'));
    queue.set(makePod('d', { priority: 5 }));
    assert.deepEqual([take(), take(), take(), take(), take()], ['b', 'd', 'a', 'c', undefined]);
  });

  it('wakes a pod by a change that can help it, after its back-off', () => {
    const pod = makePod('a');
    queue.set(pod);
    take();
    queue.turnedDown(pod, fit);
    queue.changed('pod-added');
    clock.advance(60_000);
    assert.equal(take(), undefined);
    queue.changed('pod-deleted');
    assert.equal(take(), 'a');
    queue.turnedDown(pod, fit);
    queue.changed('pod-deleted');
    assert.equal(take(), undefined);
    clock.advance(2_000);
    assert.equal(take(), 'a');
  });

  it('backs off longer with each try, up to ten seconds', () => {
    const pod = makePod('a');
    queue.set(pod);
    for (const backoffMs of [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
      assert.equal(take(), 'a');
      queue.turnedDown(pod, new Set());
      clock.advance(backoffMs - 1);
      assert.equal(take(), undefined);
      clock.advance(1);
    }
  });

  it('forgets no change that comes while a pod is being tried', () => {
    const pod = makePod('a');
    queue.set(pod);
    take();
    queue.changed('node-added');
    queue.turnedDown(pod, fit);
    clock.advance(1_000);
    assert.equal(take(), 'a');
  });

  it('tries a pod again that nothing wakes, after five minutes', () => {
    const pod = makePod('a');
    queue.set(pod);
    take();
    queue.turnedDown(pod, fit);
    clock.advance(299_999);
    assert.equal(take(), undefined);
    clock.advance(1);
    assert.equal(take(), 'a');
  });

  it('tries a pod again at once that has changed itself', () => {
    const pod = makePod('a');
    queue.set(pod);
    take();
    queue.turnedDown(pod, fit);
    queue.set({ ...pod, status: { phase: 'Pending' } });
    assert.equal(take(), undefined);
    queue.set({ ...pod, spec: { ...pod.spec, nodeSelector: {} } });
    assert.equal(take(), 'a');
  });

  it('leaves a pod alone for which room is being made', () => {
    const pod = makePod('a');
    queue.set(pod);
    take();
    queue.hold(pod, fit);
    queue.changed('pod-deleted');
    clock.advance(600_000);
    assert.equal(take(), undefined);
    queue.release(pod, { again: false });
    assert.equal(take(), 'a', 'the deletion that came meanwhile counts');
  });

  it('forgets pods that are gone, and their timers', () => {
    const pod = makePod('a');
    queue.set(pod);
    queue.remove(pod);
    assert.equal(take(), undefined);
    queue.set(pod);
    take();
    queue.turnedDown(pod, new Set());
    queue.remove(pod);
    clock.advance(600_000);
    assert.equal(take(), undefined);
    assert.equal(queue.size, 0);
  });
});
