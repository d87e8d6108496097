import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../generated/api/core/v1.ts';
import type { PodDisruptionBudget } from '../../generated/api/policy/v1.ts';
import { makeNode, makePod, makeSnapshot, type PodWords } from '../../testing/scheduling.ts';
import { toPodInfo } from '../cache/pod-info.ts';
import { decide } from '../cycle.ts';
import type { Snapshot } from '../framework/plugin.ts';
import { filterPlugins, scorePlugins } from '../plugins/index.ts';
import { Nominator } from './nominator.ts';
import { planPreemption } from './preemption.ts';

const NOW_MS = Date.parse('2026-01-02T00:00:00Z');

function plan(pod: Pod, snapshot: Snapshot, budgets: readonly PodDisruptionBudget[] = []) {
  const subject = toPodInfo(pod);
  const options = { random: () => 0, nominatedOn: () => [], startAt: 0 };
  const decision = decide(subject, snapshot, { filters: filterPlugins, scores: scorePlugins }, options);
  assert.equal(decision.nodeName, undefined, 'the pod must not fit as things are');
  return planPreemption(subject, snapshot, decision, { ...options, budgets, nowMs: NOW_MS });
}

function victimsOf(result: ReturnType<typeof plan>): string {
  if ('message' in result) return result.message;
  return `${result.candidate.nodeName}: ${result.candidate.victims.map(({ metadata }) => metadata.name).join(' ')}`;
}

const cpus = (cpu: string, priority = 0, rest: PodWords = {}): PodWords => ({ requests: { cpu }, priority, ...rest });
const urgent = makePod('urgent', cpus('3', 100));

function budget(labels: Record<string, string>, disruptionsAllowed: number): PodDisruptionBudget {
  return {
    metadata: { name: 'b', namespace: 'default' },
    spec: { selector: { matchLabels: labels } },
    status: { disruptionsAllowed },
  } as unknown as PodDisruptionBudget;
}

describe('preemption', () => {
  const cases: [what: string, expected: string, snapshot: Snapshot, budgets?: PodDisruptionBudget[]][] = [
    [
      'evicts no more than it must, and the least important first',
      'a: low',
      makeSnapshot([[makeNode('a'), makePod('low', cpus('2', 1)), makePod('middle', cpus('1', 50))]]),
    ],
    [
      'spares pods of its own priority and above',
      '0/1 nodes are available: 1 No preemption victims found for incoming pod.',
      makeSnapshot([[makeNode('a'), makePod('same', cpus('2', 100)), makePod('above', cpus('1', 200))]]),
    ],
    [
      'spares the pod that started first among equals',
      'a: late',
      makeSnapshot([
        [
          makeNode('a'),
          makePod('early', cpus('1', 1, { startTime: '2026-01-01T00:00:00Z' })),
          makePod('late', cpus('1', 1, { startTime: '2026-01-01T01:00:00Z' })),
        ],
      ]),
    ],
    [
      'takes the node whose victims matter least',
      'b: small',
      makeSnapshot([
        [makeNode('a'), makePod('large', cpus('4', 50))],
        [makeNode('b'), makePod('small', cpus('4', 10))],
      ]),
    ],
    [
      'takes the node with the fewest victims among equals',
      'b: one',
      makeSnapshot([
        [makeNode('a'), makePod('two', cpus('2', -10)), makePod('three', cpus('2', -10))],
        [makeNode('b'), makePod('one', cpus('4', -10))],
      ]),
    ],
    [
      'takes the node whose victims started last among equals',
      'b: young',
      makeSnapshot([
        [makeNode('a'), makePod('old', cpus('4', 1, { startTime: '2026-01-01T00:00:00Z' }))],
        [makeNode('b'), makePod('young', cpus('4', 1, { startTime: '2026-01-01T05:00:00Z' }))],
      ]),
    ],
    [
      'keeps to disruption budgets where another node will do',
      'b: free',
      makeSnapshot([
        [makeNode('a'), makePod('kept', cpus('4', 1, { labels: { app: 'kept' } }))],
        [makeNode('b'), makePod('free', cpus('4', 50))],
      ]),
      [budget({ app: 'kept' }, 0)],
    ],
    [
      'breaks disruption budgets where nothing else helps',
      'a: kept',
      makeSnapshot([[makeNode('a'), makePod('kept', cpus('4', 1, { labels: { app: 'kept' } }))]]),
      [budget({ app: 'kept' }, 0)],
    ],
    [
      'is of no use on nodes that no eviction helps',
      '0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
      makeSnapshot([
        [makeNode('a', { unschedulable: true }), makePod('p', cpus('4'))],
        [makeNode('b', { allocatable: { cpu: '2' } }), makePod('q', cpus('2'))],
      ]),
    ],
    [
      'waits while its victims are on their way out',
      'not eligible due to a terminating pod on the nominated node.',
      makeSnapshot([
        [
          makeNode('a'),
          ((pod) => ({
            ...pod,
            metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
            status: {
              conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }],
            },
          }))(makePod('going', cpus('4', 1))) as Pod,
        ],
      ]),
    ],
  ];
  for (const [what, expected, snapshot, budgets] of cases) {
    it(what, () => {
      const pod = expected.startsWith('not eligible')
        ? makePod('urgent', cpus('3', 100, { nominatedNodeName: 'a' }))
        : urgent;
      assert.equal(victimsOf(plan(pod, snapshot, budgets)), expected);
    });
  }

  it('sees that evicting an unfriendly pod helps', () => {
    const far = {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { labelSelector: { matchLabels: { app: 'web' } }, topologyKey: 'kubernetes.io/hostname' },
        ],
      },
    };
    const snapshot = makeSnapshot([[makeNode('a'), makePod('hermit', { affinity: far })]]);
    assert.equal(victimsOf(plan(makePod('web', { labels: { app: 'web' }, priority: 1 }), snapshot)), 'a: hermit');
  });

  it('is not for pods that never preempt', () => {
    const modest = makePod('modest', cpus('3', 100, { preemptionPolicy: 'Never' }));
    const snapshot = makeSnapshot([[makeNode('a'), makePod('low', cpus('4'))]]);
    assert.equal(victimsOf(plan(modest, snapshot)), 'not eligible due to preemptionPolicy=Never.');
  });
});

describe('promises', () => {
  it('bind pods of the same and of lower priority, and give way to higher ones', () => {
    const nominator = new Nominator();
    const promised = makePod('promised', { priority: 10 });
    nominator.set(promised, 'a');
    const rivalsOf = (priority: number) => nominator.rivals('a', toPodInfo(makePod('p', { priority }))).length;
    assert.deepEqual([rivalsOf(5), rivalsOf(10), rivalsOf(11)], [1, 1, 0]);
    assert.deepEqual(nominator.inferiors('a', makePod('p', { priority: 11 })), [promised]);
    nominator.set(promised, '');
    assert.equal(rivalsOf(5), 0);
  });
});
