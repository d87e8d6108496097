import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Deployment, ReplicaSet } from '../../generated/api/apps/v1.ts';
import { DESIRED, MAX } from './revisions.ts';
import { isScalingEvent, planNewSize, planOldSizes, planProportional } from './scaling.ts';

const deployment = (replicas: number, maxSurge: number | string, maxUnavailable: number | string): Deployment => ({
  metadata: { name: 'web' },
  spec: {
    replicas,
    selector: {},
    template: {},
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
  },
});

/** A replica set of this age (the oldest 0), size and number of available pods. */
function set(
  age: number,
  replicas: number,
  available = replicas,
  annotations: Record<string, string> = {},
): ReplicaSet {
  return {
    metadata: { name: `web-${age}`, creationTimestamp: `2030-01-0${age + 1}T00:00:00Z`, annotations },
    spec: { replicas, selector: {} },
    status: { replicas, availableReplicas: available },
  };
}

describe('planNewSize', () => {
  const cases: Record<string, [Deployment, ReplicaSet[], newSize: number, wanted: number]> = {
    'goes up by the surge': [deployment(10, 2, 0), [set(0, 10)], 0, 2],
    'stays where the surge is used up': [deployment(10, 2, 0), [set(0, 10), set(1, 2)], 2, 2],
    'takes the room that old pods left': [deployment(10, 2, 0), [set(0, 5), set(1, 2)], 2, 7],
    'takes no more than is wished': [deployment(10, 5, 0), [set(0, 1), set(1, 9)], 9, 10],
    'rounds a part up': [deployment(10, '25%', 0), [set(0, 10)], 0, 3],
    'comes down to what is wished': [deployment(5, 1, 0), [set(1, 9)], 9, 5],
  };
  for (const [name, [each, all, size, wanted]] of Object.entries(cases)) {
    it(name, () => assert.equal(planNewSize(each, all, size), wanted));
  }
});

describe('planOldSizes', () => {
  const sizes = (each: Deployment, current: ReplicaSet, old: ReplicaSet[]): string[] =>
    planOldSizes(each, current, old).map(({ replicaSet, replicas }) => `${replicaSet.metadata.name}=${replicas}`);
  const cases: Record<string, [Deployment, current: ReplicaSet, old: ReplicaSet[], wanted: string[]]> = {
    'takes as many as may be missing': [deployment(10, 0, 3), set(1, 0), [set(0, 10)], ['web-0=7']],
    'takes none while new pods are not there yet': [deployment(10, 2, 0), set(1, 2, 0), [set(0, 10)], []],
    'takes one for each new pod that serves': [deployment(10, 2, 0), set(1, 2, 2), [set(0, 10)], ['web-0=8']],
    'takes those that do not serve first': [deployment(10, 0, 2), set(2, 0), [set(0, 8), set(1, 2, 0)], ['web-1=0']],
    'takes the oldest set first': [deployment(4, 0, 2), set(2, 0), [set(1, 2), set(0, 2)], ['web-0=0']],
  };
  for (const [name, [each, current, old, wanted]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(sizes(each, current, old), wanted));
  }
});

describe('planProportional', () => {
  const remembers = (max: number): Record<string, string> => ({ [DESIRED]: '10', [MAX]: String(max) });
  const sizes = (each: Deployment, current: ReplicaSet | undefined, old: ReplicaSet[]): Record<string, number> =>
    Object.fromEntries(
      planProportional(each, current, old).scales.map(({ replicaSet, replicas }) => [
        replicaSet.metadata.name ?? '',
        replicas,
      ]),
    );
  const cases: Record<
    string,
    [Deployment, current: ReplicaSet | undefined, old: ReplicaSet[], wanted: Record<string, number>]
  > = {
    'scales the only set': [deployment(7, 1, 0), set(0, 5), [], { 'web-0': 7 }],
    'shares more among all, by their size': [
      deployment(20, 0, 2),
      set(1, 5, 3, remembers(10)),
      [set(0, 5, 5, remembers(10))],
      { 'web-0': 10, 'web-1': 10 },
    ],
    'shares less among all, by their size': [
      deployment(5, 0, 2),
      set(1, 6, 3, remembers(10)),
      [set(0, 4, 4, remembers(10))],
      { 'web-0': 2, 'web-1': 3 },
    ],
    'lets old sets go once the new one is whole': [
      deployment(10, 0, 2),
      set(1, 10, 10, { [DESIRED]: '10', [MAX]: '10' }),
      [set(0, 3)],
      { 'web-0': 0 },
    ],
  };
  for (const [name, [each, current, old, wanted]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(sizes(each, current, old), wanted));
  }
});

describe('isScalingEvent', () => {
  it('sees that a set with pods remembers another size', () => {
    assert.equal(isScalingEvent(deployment(5, 1, 0), [set(0, 3, 3, { [DESIRED]: '10' })]), true);
    assert.equal(isScalingEvent(deployment(10, 1, 0), [set(0, 3, 3, { [DESIRED]: '10' })]), false);
    assert.equal(isScalingEvent(deployment(5, 1, 0), [set(0, 0, 0, { [DESIRED]: '10' })]), false);
  });
});
