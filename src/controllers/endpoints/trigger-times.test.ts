import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, Service } from '../../generated/api/core/v1.ts';
import { TriggerTimes, withTriggerTime } from './trigger-times.ts';

const service: Service = { metadata: { name: 'web', creationTimestamp: '2030-01-01T00:00:00Z' }, spec: {} };
const pod = (name: string, lastTransitionTime: string): Pod => ({
  metadata: { name },
  spec: { containers: [] },
  status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime }] },
});
const [early, late] = ['2030-01-01T00:01:00Z', '2030-01-01T00:02:00Z'];

describe('TriggerTimes', () => {
  it('tells of a service when it is new, then of the earliest change of its pods, and of none without one', () => {
    const times = new TriggerTimes();
    const observe = (...pods: Pod[]): string | undefined => times.observe('default/web', service, pods);
    assert.equal(observe(pod('a', early)), '2030-01-01T00:00:00Z');
    assert.equal(observe(pod('a', early)), undefined);
    assert.equal(observe(pod('a', late), pod('b', early)), early);
    assert.equal(observe(pod('a', late)), undefined);
    times.forget('default/web');
    assert.equal(observe(), '2030-01-01T00:00:00Z');
  });
});

describe('withTriggerTime', () => {
  it('takes an old time off, and keeps what else there is', () => {
    const old = { a: 'b', 'endpoints.kubernetes.io/last-change-trigger-time': early };
    assert.deepEqual(withTriggerTime(old, undefined), { a: 'b' });
    assert.deepEqual(withTriggerTime(old, late), { ...old, 'endpoints.kubernetes.io/last-change-trigger-time': late });
    assert.equal(withTriggerTime(undefined, undefined), undefined);
  });
});
