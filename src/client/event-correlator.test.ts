import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event } from '../generated/api/core/v1.ts';
import { EventCorrelator } from './event-correlator.ts';

function event(message: string): Event {
  const involvedObject = { kind: 'Pod', namespace: 'default', name: 'p', uid: 'u', apiVersion: 'v1' };
  return { metadata: { name: 'p.1' }, involvedObject, reason: 'Failed', message, type: 'Warning', count: 1 };
}

describe('EventCorrelator', () => {
  it('raises the count of an equal event', () => {
    const correlator = new EventCorrelator();
    const first = correlator.plan(event('no'), 0);
    assert.equal(first.step, 'create');
    if (first.step === 'create') correlator.remember(first.seenKey, event('no'));
    const second = correlator.plan(event('no'), 1000);
    assert.ok(second.step === 'count' && second.count === 2 && second.name === 'p.1');
  });

  it('combines many messages that differ only in their text', () => {
    const correlator = new EventCorrelator();
    const plans = Array.from({ length: 11 }, (_, i) => correlator.plan(event(`try ${i}`), i));
    assert.deepEqual(
      plans.slice(8).map((plan) => (plan.step === 'create' ? plan.message : plan.step)),
      ['try 8', '(combined from similar events): try 9', '(combined from similar events): try 10'],
    );
  });

  it('drops what exceeds a burst of 25 and lets one more through after five minutes', () => {
    const correlator = new EventCorrelator();
    const steps = Array.from({ length: 26 }, () => correlator.plan(event('no'), 0).step);
    assert.equal(steps[24], 'create');
    assert.equal(steps[25], 'drop');
    assert.equal(correlator.plan(event('no'), 300_000).step, 'create');
  });
});
