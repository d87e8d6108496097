import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node, NodeCondition, Taint } from '../../generated/api/core/v1.ts';
import { planEviction } from '../taint-eviction/plan.ts';
import { toTime } from '../timestamps.ts';
import { evictionsPerSecond, planHealth, planNoExecuteTaints, planNoScheduleTaints, planZoneState } from './plan.ts';

const times = { nowMs: 1_000_000, graceMs: 40_000, startupGraceMs: 60_000 };
const nowMs = Date.UTC(2030, 0, 1);
const ready: NodeCondition = { type: 'Ready', status: 'True', lastHeartbeatTime: '1970-01-01T00:10:00Z' };

function node(conditions: NodeCondition[], taints: Taint[] = []): Node {
  return {
    metadata: { name: 'n', creationTimestamp: '1970-01-01T00:10:00Z' },
    spec: { taints },
    status: { conditions },
  };
}

describe('planHealth', () => {
  const known = { heartbeatTime: ready.lastHeartbeatTime, renewTime: undefined, probeMs: 950_000 };
  it('trusts a node at first sight', () => {
    assert.equal(planHealth(node([ready]), undefined, undefined, times).conditions, undefined);
  });
  it('takes a renewed lease as a sign of life', () => {
    const lease = { metadata: { name: 'n' }, spec: { renewTime: '1970-01-01T00:16:00.000000Z' } };
    const plan = planHealth(node([ready]), lease, known, times);
    assert.equal(plan.health.probeMs, times.nowMs);
    assert.equal(plan.conditions, undefined);
  });
  it('makes a silent node Unknown, and the conditions it never told', () => {
    const plan = planHealth(node([ready]), undefined, known, times);
    assert.equal(plan.observed, 'True');
    assert.equal(plan.current, 'Unknown');
    assert.deepEqual(
      plan.conditions?.map((each) => [each.type, each.status, each.reason]),
      [
        ['Ready', 'Unknown', 'NodeStatusUnknown'],
        ['MemoryPressure', 'Unknown', 'NodeStatusNeverUpdated'],
        ['DiskPressure', 'Unknown', 'NodeStatusNeverUpdated'],
        ['PIDPressure', 'Unknown', 'NodeStatusNeverUpdated'],
      ],
    );
  });
});

describe('the taints of a node', () => {
  const foreign: Taint = { key: 'mine', effect: 'NoSchedule' };
  it('follow its conditions and leave those of others alone', () => {
    const sick = node(
      [
        { type: 'Ready', status: 'Unknown' },
        { type: 'DiskPressure', status: 'True' },
      ],
      [foreign],
    );
    assert.deepEqual(planNoScheduleTaints(sick, nowMs), [
      foreign,
      { key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule', timeAdded: toTime(nowMs) },
      { key: 'node.kubernetes.io/disk-pressure', effect: 'NoSchedule', timeAdded: toTime(nowMs) },
    ]);
    const healed = node([ready], [foreign, { key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' }]);
    assert.deepEqual(planNoScheduleTaints(healed, nowMs), [foreign]);
    assert.equal(planNoScheduleTaints(node([ready], [foreign]), nowMs), undefined);
  });
  it('that evict swap', () => {
    const unreachable = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' };
    const swapped = planNoExecuteTaints(node([ready], [unreachable]), 'node.kubernetes.io/not-ready', 0);
    assert.deepEqual(swapped, [
      { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute', timeAdded: '1970-01-01T00:00:00Z' },
    ]);
    assert.equal(planNoExecuteTaints(node([ready], [unreachable]), unreachable.key, 0), undefined);
    assert.deepEqual(planNoExecuteTaints(node([ready], [unreachable]), undefined, 0), []);
  });
});

describe('planZoneState', () => {
  it('calls a zone without a ready node fully disrupted, one mostly sick partially', () => {
    assert.equal(planZoneState(['Unknown']), 'full-disruption');
    assert.equal(planZoneState(['True', 'False', 'False', 'False']), 'partial-disruption');
    assert.equal(planZoneState(['True', 'False']), 'normal');
    assert.equal(evictionsPerSecond('partial-disruption', 4), 0);
  });
});

describe('planEviction', () => {
  const taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' };
  const pod = (tolerations: object[]) => ({ metadata: { name: 'p' }, spec: { containers: [], tolerations } });
  const cases: Record<string, [object[], ReturnType<typeof planEviction>]> = {
    'evicts at once without a toleration': [[], { step: 'evict' }],
    'waits as long as it is tolerated': [
      [{ key: taint.key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }],
      { step: 'wait', seconds: 300 },
    ],
    'keeps a pod that tolerates everything': [[{ operator: 'Exists' }], { step: 'keep' }],
    'evicts where the time is 0': [[{ operator: 'Exists', tolerationSeconds: 0 }], { step: 'evict' }],
  };
  for (const [name, [tolerations, plan]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(planEviction(pod(tolerations), [taint]), plan));
  }
});
