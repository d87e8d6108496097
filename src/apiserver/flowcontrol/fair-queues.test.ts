import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dealHand, FairQueues } from './fair-queues.ts';

const hands: [bigint, number, number, number[]][] = [
  [0n, 4, 2, [0, 1]],
  [5n, 4, 2, [1, 2]],
  [11n, 4, 2, [3, 2]],
  [23n, 4, 3, [3, 2, 1]],
  [0n, 3, 5, [0, 1, 2]],
];

describe('dealHand', () => {
  for (const [hash, deck, size, wanted] of hands)
    it(`deals ${size} of ${deck} by ${hash}`, () => assert.deepEqual(dealHand(hash, deck, size), wanted));
  it('deals no card twice', () => {
    for (let hash = 0n; hash < 5000n; hash += 7n) assert.equal(new Set(dealHand(hash * 977n, 12, 5)).size, 5);
  });
});

describe('FairQueues', () => {
  const shape = { queues: 128, handSize: 1, queueLengthLimit: 3 };

  it('lets flows take turns', () => {
    const queues = new FairQueues();
    const served: string[] = [];
    for (const flow of ['greedy', 'greedy', 'greedy', 'modest']) {
      queues.enqueue(shape, flow, { admit: () => void served.push(flow) });
    }
    for (let at = 0; at < 4; at++) queues.dispatch();
    assert.deepEqual(served, ['greedy', 'modest', 'greedy', 'greedy']);
  });

  it('charges a flow for the time that its requests took', () => {
    const queues = new FairQueues();
    const served: string[] = [];
    for (const [flow, tookMs] of Object.entries({ slow: 100, quick: 1 })) {
      for (let at = 0; at < 3; at++) {
        queues.enqueue(shape, flow, {
          admit: (done) => {
            served.push(flow);
            done(tookMs);
          },
        });
      }
    }
    for (let at = 0; at < 6; at++) queues.dispatch();
    assert.deepEqual(served, ['slow', 'quick', 'quick', 'quick', 'slow', 'slow']);
  });

  it('refuses what finds its queue full, and forgets who left', () => {
    const queues = new FairQueues();
    const never = { admit: () => assert.fail('was admitted') };
    const leaves = [1, 2, 3].map(() => queues.enqueue(shape, 'a', never));
    assert.equal(queues.enqueue(shape, 'a', never), undefined);
    for (const leave of leaves) leave?.();
    assert.equal(queues.waiting, 0);
    queues.dispatch();
  });
});
