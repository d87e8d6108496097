import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../generated/api/core/v1.ts';
import { planScale, planStatus, rankForDeletion } from './plan.ts';

const nowMs = Date.UTC(2030, 0, 2);

interface Words {
  readonly node?: string;
  readonly phase?: string;
  readonly ready?: boolean;
  readonly cost?: string;
  readonly restarts?: number;
  readonly created?: string;
}

function pod(name: string, words: Words = {}): Pod {
  const { node = 'n1', phase = 'Running', ready = true, cost, restarts = 0, created = '2030-01-01T00:00:00Z' } = words;
  return {
    metadata: {
      name,
      uid: name,
      labels: { app: 'web' },
      creationTimestamp: created,
      ...(cost === undefined ? {} : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
    },
    spec: { containers: [], ...(node === '' ? {} : { nodeName: node }) },
    status: {
      phase,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: created }],
      containerStatuses: [{ name: 'c', ready, restartCount: restarts, image: '', imageID: '' }],
    },
  };
}

describe('rankForDeletion', () => {
  const cases: Record<string, [first: Pod, second: Pod]> = {
    'takes pods without a node first': [pod('b', { node: '' }), pod('a')],
    'takes those that have not started first': [pod('b', { phase: 'Pending' }), pod('a')],
    'takes those that are not ready first': [pod('b', { ready: false }), pod('a')],
    'takes the cheaper first': [pod('b', { cost: '-5' }), pod('a')],
    'takes younger ones first': [pod('b', { created: '2030-01-01T23:59:00Z' }), pod('a')],
    'takes those that restarted more first': [pod('b', { restarts: 3 }), pod('a')],
    'does not tell ages apart that are alike': [pod('a'), pod('b', { created: '2030-01-01T01:00:00Z' })],
  };
  for (const [name, [first, second]] of Object.entries(cases)) {
    it(name, () => {
      const ranked = rankForDeletion([second, first], [], nowMs);
      assert.deepEqual(
        ranked.map(({ metadata }) => metadata.name),
        [first.metadata.name, second.metadata.name],
      );
    });
  }
  it('takes pods first that stand beside others of their kind', () => {
    const crowd = [pod('a', { node: 'n2' }), pod('b'), pod('c')];
    const ranked = rankForDeletion(crowd, crowd, nowMs).map(({ metadata }) => metadata.name);
    assert.deepEqual(ranked, ['b', 'c', 'a']);
  });
});

describe('planScale', () => {
  it('makes and deletes no more than a burst at a time', () => {
    assert.deepEqual(planScale(2000, [], [], nowMs), { step: 'create', count: 500 });
    const many = Array.from({ length: 800 }, (_, index) => pod(`p${index}`));
    const plan = planScale(0, many, [], nowMs);
    assert.equal(plan.step === 'delete' && plan.pods.length, 500);
    assert.deepEqual(planScale(1, [pod('a')], [], nowMs), { step: 'keep' });
  });
});

describe('planStatus', () => {
  const spec = {
    replicas: 2,
    minReadySeconds: 60,
    selector: {},
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [] } },
  };
  const status = (active: Pod[], failure?: unknown, current?: Parameters<typeof planStatus>[0]) =>
    planStatus(current, spec, { active, terminating: 1 }, { generation: 3, failure, nowMs });
  it('counts pods, also those that have not been ready for long', () => {
    const young = pod('b', { created: '2030-01-01T23:59:30Z' });
    assert.deepEqual(status([pod('a'), young, pod('c', { ready: false })]), {
      replicas: 3,
      fullyLabeledReplicas: 3,
      readyReplicas: 2,
      availableReplicas: 1,
      terminatingReplicas: 1,
      observedGeneration: 3,
    });
  });
  it('tells of a failure, once, and takes it back', () => {
    const failed = status([], new Error('no room'));
    const [condition] = failed.conditions ?? [];
    assert.deepEqual(
      [condition?.type, condition?.reason, condition?.message],
      ['ReplicaFailure', 'FailedCreate', 'no room'],
    );
    assert.deepEqual(status([], new Error('still none'), failed).conditions, failed.conditions);
    assert.equal(status([], undefined, failed).conditions, undefined);
  });
});
