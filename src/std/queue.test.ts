import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Backoff } from './backoff.ts';
import { AsyncQueue, Queue } from './queue.ts';

describe('Queue', () => {
  it('gives items in order, also past its compaction', () => {
    const queue = new Queue<number>();
    for (let i = 0; i < 5000; i++) queue.push(i);
    for (let i = 0; i < 5000; i++) assert.equal(queue.shift(), i);
    assert.equal(queue.shift(), undefined);
    assert.equal(queue.length, 0);
  });
});

describe('AsyncQueue', () => {
  it('reads what was pushed before the end', async () => {
    const queue = new AsyncQueue<number>();
    queue.push(1);
    queue.push(2);
    queue.end();
    queue.push(3);
    assert.deepEqual(await Array.fromAsync(queue), [1, 2]);
  });
  it('throws a failure after the values before it', async () => {
    const queue = new AsyncQueue<number>();
    queue.push(1);
    queue.fail(new Error('gone'));
    const seen: number[] = [];
    await assert.rejects(async () => {
      for await (const value of queue) seen.push(value);
    }, /gone/);
    assert.deepEqual(seen, [1]);
  });
  it('tells the pusher when the reader leaves', async () => {
    let left = false;
    const queue = new AsyncQueue<number>(() => {
      left = true;
    });
    queue.push(1);
    for await (const _ of queue) break;
    assert.equal(left, true);
  });
});

describe('Backoff', () => {
  it('doubles up to its cap and starts over after a reset', () => {
    const backoff = new Backoff({ firstMs: 5, maxMs: 30 });
    assert.deepEqual([backoff.nextMs(), backoff.nextMs(), backoff.nextMs(), backoff.nextMs()], [5, 10, 20, 30]);
    backoff.reset();
    assert.equal(backoff.nextMs(), 5);
  });
});
