import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PriorityLevelConfigurationSpec } from '../../generated/api/flowcontrol/v1.ts';
import { ManualClock } from '../../testing/manual-clock.ts';
import { type Seat, SeatPool } from './seat-pool.ts';

const limited = (nominalConcurrencyShares: number, more: object = {}): PriorityLevelConfigurationSpec => ({
  type: 'Limited',
  limited: { nominalConcurrencyShares, lendablePercent: 0, limitResponse: { type: 'Reject' }, ...more },
});
const queuing = {
  limitResponse: { type: 'Queue', queuing: { queues: 1, handSize: 1, queueLengthLimit: 2 } },
};

interface Bench {
  readonly pool: SeatPool;
  readonly clock: ManualClock;
  /** Takes as many seats as there are at once, up to 100. */
  fill(level: string): Seat[];
  take(level: string, signal?: AbortSignal): ReturnType<SeatPool['take']>;
}

function makeBench(levels: Record<string, PriorityLevelConfigurationSpec>, seats = 10): Bench {
  const clock = new ManualClock();
  const pool = new SeatPool({ seats, nowMs: () => clock.nowMs(), after: (ms, run) => clock.after(ms, run) });
  pool.configure(new Map(Object.entries(levels)));
  const take = (level: string, signal = new AbortController().signal) =>
    pool.take(level, { flow: 'f', waitMs: 1000, signal });
  const fill = (level: string): Seat[] => {
    const held: Seat[] = [];
    while (held.length < 100) {
      const seat = take(level);
      if (typeof seat !== 'function') break;
      held.push(seat);
    }
    return held;
  };
  return { pool, clock, fill, take };
}

/** Levels, which one asks first, and how many seats each gets. */
const shares: Record<string, [Record<string, PriorityLevelConfigurationSpec>, Record<string, number>]> = {
  'by their shares where nothing is lent': [
    { a: limited(3), b: limited(2) },
    { a: 6, b: 4 },
  ],
  'rounded up': [
    { a: limited(1), b: limited(2) },
    { a: 4, b: 7 },
  ],
  'with what another lends': [
    { a: limited(1), b: limited(1, { lendablePercent: 60 }) },
    { a: 8, b: 2 },
  ],
  'with what another lends, up to a limit': [
    { a: limited(1, { borrowingLimitPercent: 20 }), b: limited(1, { lendablePercent: 60 }) },
    { a: 6, b: 4 },
  ],
  'one where it has no shares': [
    { a: limited(0, { borrowingLimitPercent: 0 }), b: limited(1) },
    { a: 1, b: 10 },
  ],
  'none where it has no shares, and a queue': [
    { a: limited(0, { borrowingLimitPercent: 0, ...queuing }), b: limited(1) },
    { a: 0, b: 10 },
  ],
  'all it wants where it is exempt': [
    { a: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }, b: limited(1) },
    { a: 100, b: 10 },
  ],
};

describe('SeatPool', () => {
  for (const [name, [levels, wanted]] of Object.entries(shares))
    it(`gives a level seats ${name}`, () => {
      const { fill } = makeBench(levels);
      for (const [level, count] of Object.entries(wanted)) assert.equal(fill(level).length, count, level);
    });

  it('lets requests wait for a seat, in turn', async () => {
    const { pool, fill, take } = makeBench({ a: limited(1, queuing) }, 1);
    const [first] = fill('a').slice(0, 1);
    const second = take('a');
    // The queue held one already: the last try of filling.
    assert.deepEqual(pool.load('a'), { executing: 1, waiting: 2 });
    assert.equal(await take('a'), undefined);
    first?.();
    assert.deepEqual(pool.load('a'), { executing: 1, waiting: 1 });
    assert.ok(second instanceof Promise);
  });

  it('refuses what has waited for too long, or whose client went', async () => {
    const { pool, clock, take } = makeBench({ a: limited(1, queuing) }, 1);
    const held = take('a');
    const late = take('a');
    const controller = new AbortController();
    const gone = take('a', controller.signal);
    controller.abort();
    assert.equal(await gone, undefined);
    clock.advance(1000);
    assert.equal(await late, undefined);
    assert.equal(typeof held, 'function');
    assert.deepEqual(pool.load('a'), { executing: 1, waiting: 0 });
  });

  it('lets a level finish that is gone, and gives its part to others then', async () => {
    const { pool, fill, take } = makeBench({ a: limited(1, queuing), b: limited(1) }, 2);
    const held = take('a');
    const waiting = take('a');
    pool.configure(new Map([['b', limited(1)]]));
    assert.equal(fill('b').length, 1);
    assert.ok(typeof held === 'function');
    held();
    const seat = await waiting;
    assert.ok(seat);
    seat();
    assert.equal(fill('b').length, 1);
  });

  it('serves those below their part before those that borrow', async () => {
    const lends = { ...queuing, lendablePercent: 100 };
    const { take } = makeBench({ a: limited(1, lends), b: limited(1, lends) }, 4);
    const seats = [1, 2, 3].map(() => take('a'));
    const one = take('b');
    const order: string[] = [];
    const wait = async (level: string): Promise<void> => {
      await take(level);
      order.push(level);
    };
    const waits = [wait('a'), wait('b')];
    for (const seat of [...seats, one]) if (typeof seat === 'function') seat();
    await Promise.all(waits);
    assert.deepEqual(order, ['b', 'a']);
  });
});
