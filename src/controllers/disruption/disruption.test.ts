import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../generated/api/core/v1.ts';
import type { PodDisruptionBudget } from '../../generated/api/policy/v1.ts';
import { poddisruptionbudgets, pods, replicasets } from '../../generated/resource-types.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import { planExpected, planStatus, staleMarkInMs } from './plan.ts';

const budget = (spec: PodDisruptionBudget['spec']): PodDisruptionBudget => ({
  metadata: { name: 'b', namespace: 'default' },
  spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
});

const pod = (name: string, isReady = true): Pod => ({
  metadata: {
    name,
    namespace: 'default',
    labels: { app: 'web' },
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'rs-uid', controller: true }],
  },
  spec: { containers: [] },
  status: { conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
});

describe('planExpected', () => {
  const cases: Record<string, [PodDisruptionBudget['spec'], { expected: number; desired: number }]> = {
    'keeps a number': [{ minAvailable: 2 }, { expected: 3, desired: 2 }],
    'keeps a share of what is wished for, rounded up': [{ minAvailable: '50%' }, { expected: 5, desired: 3 }],
    'lets a number go': [{ maxUnavailable: 1 }, { expected: 5, desired: 4 }],
    'lets a share go, rounded up': [{ maxUnavailable: '30%' }, { expected: 5, desired: 3 }],
  };
  for (const [name, [spec, wanted]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(planExpected(budget(spec), 3, 5), wanted));
  }
});

describe('planStatus', () => {
  const now = Date.UTC(2030, 0, 1);
  it('counts an evicted pod as gone for two minutes', () => {
    const evicted = { ...budget({ minAvailable: 1 }), status: { disruptedPods: { a: '2030-01-01T00:00:00Z' } } };
    const all = [pod('a'), pod('b')];
    const soon = planStatus(evicted, all, { expected: 2, desired: 1 }, now + 1000);
    assert.equal(soon.status.disruptionsAllowed, 0);
    assert.equal(soon.status.currentHealthy, 1);
    const late = planStatus(evicted, all, { expected: 2, desired: 1 }, now + 121_000);
    assert.equal(late.status.disruptionsAllowed, 1);
    assert.deepEqual(
      late.notDeleted.map((each) => each.metadata.name),
      ['a'],
    );
  });
});

describe('staleMarkInMs', () => {
  it('gives a marked pod two minutes', () => {
    const marked: Pod = {
      ...pod('a'),
      status: {
        conditions: [{ type: 'DisruptionTarget', status: 'True', lastTransitionTime: '2030-01-01T00:00:00Z' }],
      },
    };
    assert.equal(staleMarkInMs(marked, Date.UTC(2030, 0, 1, 0, 1)), 60_000);
    assert.equal(staleMarkInMs(pod('a'), 0), undefined);
  });
});

describe('the disruption controller', () => {
  it('reckons from the scale of the owner', async () => {
    await using cluster = startControllers(['disruption-controller']);
    const { server, until } = cluster;
    const spec = { replicas: 3, selector: {} };
    server.put(replicasets, { metadata: { name: 'rs', namespace: 'default', uid: 'rs-uid' }, spec });
    server.put(pods, pod('a'), pod('b'), pod('c', false));
    server.put(poddisruptionbudgets, budget({ maxUnavailable: 2 }));
    await until(() => server.find(poddisruptionbudgets, 'default', 'b')?.status?.disruptionsAllowed === 1);
    assert.equal(server.find(poddisruptionbudgets, 'default', 'b')?.status?.expectedPods, 3);
    assert.equal(server.find(poddisruptionbudgets, 'default', 'b')?.status?.conditions?.[0]?.reason, 'SufficientPods');
  });
});
