import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Timer } from '../std/clock.ts';
import { SendingGate } from './sending-gate.ts';

let sent: string[] = [];
let nowMs = 0;
let timers: { atMs: number; run: () => void }[] = [];
let mayLift = true;
let gate: SendingGate;

function after(delayMs: number, run: () => void): Timer {
  const timer = { atMs: nowMs + delayMs, run };
  timers.push(timer);
  return {
    cancel: () => {
      timers = timers.filter((each) => each !== timer);
    },
  };
}

/** Lets time pass, and whatever is due on the way happen. */
function pass(delayMs: number): void {
  const endMs = nowMs + delayMs;
  for (;;) {
    const [next] = timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
    if (next === undefined) break;
    timers = timers.filter((each) => each !== next);
    nowMs = next.atMs;
    next.run();
  }
  nowMs = endMs;
}

const send = (): void => void sent.push('data');

beforeEach(() => {
  sent = [];
  nowMs = 0;
  timers = [];
  mayLift = true;
  gate = new SendingGate({
    lift: () => void sent.push('resume'),
    probe: () => void sent.push('probe'),
    mayLift: () => mayLift,
    after,
  });
});

describe('the gate before what a connection sends', () => {
  it('holds a write during a pause and lets it go with the resume', () => {
    gate.pass(send);
    gate.pause();
    gate.pass(send);
    assert.deepEqual(sent, ['data']);
    gate.resume();
    assert.deepEqual(sent, ['data', 'data', 'resume']);
  });

  it('answers a resume, since the peer does not wake its own writes', () => {
    gate.pause();
    gate.resume();
    assert.deepEqual(sent, ['resume']);
  });

  it('answers no resume while it has asked for a pause itself', () => {
    mayLift = false;
    gate.pause();
    gate.resume();
    assert.deepEqual(sent, []);
  });

  it('lets the peer alone write when a pause lasts, and sends on when a probe finds it no longer full', () => {
    gate.pause();
    gate.pass(send);
    pass(999);
    assert.deepEqual(sent, []);
    pass(1);
    assert.deepEqual(sent, ['resume']);
    pass(100);
    assert.deepEqual(sent, ['resume', 'probe']);
    pass(500);
    assert.deepEqual(sent, ['resume', 'probe', 'data']);
  });

  it('sends a peer that stays full nothing but probes, however long', () => {
    gate.pause();
    gate.pass(send);
    for (let round = 0; round < 20; round++) {
      pass(1_100);
      gate.pause();
    }
    assert.equal(sent.filter((each) => each === 'data').length, 0);
    assert.equal(sent.filter((each) => each === 'probe').length, 20);
  });

  it('does not lift a pause while its own reader is behind, and tries again', () => {
    mayLift = false;
    gate.pause();
    pass(3_500);
    assert.deepEqual(sent, []);
    mayLift = true;
    // The next look is at 4,000.
    pass(500);
    assert.deepEqual(sent, ['resume']);
  });

  it('leaves no timer behind', () => {
    gate.pause();
    gate.open();
    assert.equal(timers.length, 0);
  });
});
