import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StatusError } from '../machinery/errors/status-error.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { runController } from './controller.ts';
import { Expectations } from './expectations.ts';
import { WorkQueue } from './queue.ts';
import { done, type Reconciler } from './reconciler.ts';
import { manualSource } from './sources.ts';

describe('WorkQueue', () => {
  it('holds a key once, and gives a key that was added meanwhile again after it is done', () => {
    const queue = new WorkQueue(systemClock);
    queue.add('a');
    queue.add('a');
    assert.equal(queue.take(), 'a');
    assert.equal(queue.take(), undefined);
    queue.add('a');
    assert.equal(queue.take(), undefined);
    queue.done('a');
    assert.equal(queue.take(), 'a');
    queue.close();
  });
  it('lets changes go before patient keys, and these have a turn now and then', () => {
    const queue = new WorkQueue(systemClock);
    for (const key of ['p1', 'p2', 'p3']) queue.add(key, true);
    for (let index = 0; index < 10; index++) queue.add(`c${index}`);
    queue.add('p3');
    assert.equal(queue.depth, 13);
    const taken: (string | undefined)[] = [];
    for (let turn = 0; turn < 14; turn++) {
      const key = queue.take();
      taken.push(key);
      if (key !== undefined) queue.done(key);
    }
    assert.equal(taken.join(), 'c0,c1,c2,c3,c4,c5,c6,c7,p1,c8,c9,p3,p2,');
    assert.equal(queue.depth, 0);
    queue.close();
  });
  it('gives a key to one worker at a time, though it is patient again while it is worked on', () => {
    const queue = new WorkQueue(systemClock);
    queue.add('a', true);
    queue.add('a');
    assert.equal(queue.take(), 'a');
    queue.add('a', true);
    assert.equal(queue.take(), undefined);
    queue.done('a');
    assert.deepEqual([queue.take(), queue.take()], ['a', undefined]);
    queue.close();
  });
  it('counts failures until they are forgotten', () => {
    const queue = new WorkQueue(systemClock);
    queue.addRateLimited('a');
    queue.addRateLimited('a');
    assert.equal(queue.failuresOf('a'), 2);
    queue.forget('a');
    assert.equal(queue.failuresOf('a'), 0);
    queue.close();
  });
});

describe('runController', () => {
  it('retries what fails, and ends only after the reconcile under way', async () => {
    const source = manualSource();
    const stop = new AbortController();
    const seen: string[] = [];
    let finished = false;
    const reconciler: Reconciler = {
      async reconcile(key) {
        seen.push(key);
        if (seen.length === 1) throw new Error('once');
        if (key === 'last') {
          stop.abort();
          await new Promise((resolve) => setImmediate(resolve));
          finished = true;
        } else source.enqueue('last');
        return done;
      },
    };
    const running = runController(
      {
        name: 'test',
        reconciler,
        sources: [source],
        clock: systemClock,
        logger: silentLogger,
        backoff: { firstMs: 1 },
      },
      stop.signal,
    );
    source.enqueue('a');
    await running;
    assert.deepEqual(seen, ['a', 'a', 'last']);
    assert.equal(finished, true);
  });
});

describe('a controller whose server has too much to do', () => {
  it('comes again when it is told to, and not before', async () => {
    const clock = new ManualClock();
    const source = manualSource();
    const stop = new AbortController();
    const seenMs: number[] = [];
    const startMs = clock.nowMs();
    const reconciler: Reconciler = {
      async reconcile() {
        seenMs.push(clock.nowMs() - startMs);
        if (seenMs.length === 1)
          throw new StatusError({
            code: 429,
            reason: 'TooManyRequests',
            message: 'busy',
            details: { retryAfterSeconds: 3 },
          });
        return done;
      },
    };
    const options = { name: 'test', reconciler, sources: [source], clock, logger: silentLogger };
    const running = runController(options, stop.signal);
    source.enqueue('a');
    for (let step = 0; step < 10; step++) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(500);
    }
    stop.abort();
    await running;
    assert.deepEqual(seenMs, [0, 3_000]);
  });
});

describe('Expectations', () => {
  it('are met once all creations and deletions are seen', () => {
    const expectations = new Expectations(systemClock);
    assert.equal(expectations.isMet('rs'), true);
    expectations.expect('rs', { creations: 2 });
    expectations.creationSeen('rs');
    assert.equal(expectations.isMet('rs'), false);
    expectations.creationSeen('rs');
    assert.equal(expectations.isMet('rs'), true);
    expectations.expect('rs', { deletions: ['p1', 'p2'] });
    expectations.deletionSeen('rs', 'p1');
    expectations.deletionSeen('rs', 'p1');
    assert.equal(expectations.isMet('rs'), false);
    expectations.deletionSeen('rs', 'p2');
    assert.equal(expectations.isMet('rs'), true);
  });
});
