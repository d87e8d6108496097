import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AnyObject, ObjectMeta } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { type DeletionPlan, type DeletionWish, planDeletion } from './deletion.ts';

const now = Date.UTC(2030, 0, 1);
const plain: DeletionWish = {
  gracePeriodSeconds: undefined,
  propagationPolicy: undefined,
  orphanDependents: undefined,
  uid: undefined,
  resourceVersion: undefined,
};
const configMaps = {
  group: '',
  kind: 'ConfigMap',
  plural: 'configmaps',
  defaultPropagation: 'Background',
  strategy: {},
} as unknown as ResourceDefinition;
const pods = {
  ...configMaps,
  kind: 'Pod',
  plural: 'pods',
  strategy: { gracePeriodSeconds: (_pod: AnyObject, wished: number | undefined) => wished ?? 30 },
} as unknown as ResourceDefinition;
const objectWith = (metadata: ObjectMeta): AnyObject => ({ metadata: { name: 'x', uid: 'u', ...metadata } });
const going = { deletionTimestamp: '2030-01-01T00:00:20Z', deletionGracePeriodSeconds: 30 };

const cases: Record<string, [ResourceDefinition, ObjectMeta, Partial<DeletionWish>, DeletionPlan | ObjectMeta]> = {
  'deletes what nothing holds': [configMaps, {}, {}, { step: 'delete' }],
  'marks what a finalizer holds': [
    configMaps,
    { finalizers: ['a/b'], generation: 1 },
    {},
    { finalizers: ['a/b'], deletionTimestamp: '2030-01-01T00:00:00Z', deletionGracePeriodSeconds: 0, generation: 2 },
  ],
  'adds the finalizer of a foreground deletion': [
    configMaps,
    { finalizers: ['a/b', 'orphan'] },
    { propagationPolicy: 'Foreground' },
    {
      finalizers: ['a/b', 'foregroundDeletion'],
      deletionTimestamp: '2030-01-01T00:00:00Z',
      deletionGracePeriodSeconds: 0,
    },
  ],
  'drops the finalizers of propagation for a background deletion': [
    configMaps,
    { finalizers: ['orphan'] },
    { orphanDependents: false },
    { step: 'delete' },
  ],
  'gives a pod its grace': [
    pods,
    { generation: 1 },
    {},
    { deletionTimestamp: '2030-01-01T00:00:30Z', deletionGracePeriodSeconds: 30, generation: 2 },
  ],
  'leaves a running grace period alone': [pods, going, {}, { step: 'pending' }],
  'does not lengthen a running grace period': [pods, going, { gracePeriodSeconds: 100 }, { step: 'pending' }],
  'shortens a running grace period': [
    pods,
    going,
    { gracePeriodSeconds: 20 },
    { deletionTimestamp: '2030-01-01T00:00:10Z', deletionGracePeriodSeconds: 20 },
  ],
  'ends a grace period no earlier than now': [
    pods,
    going,
    { gracePeriodSeconds: 5 },
    { deletionTimestamp: '2030-01-01T00:00:00Z', deletionGracePeriodSeconds: 1 },
  ],
};

describe('planDeletion', () => {
  for (const [title, [definition, metadata, wish, expected]] of Object.entries(cases)) {
    it(title, () => {
      const plan = planDeletion(objectWith(metadata), definition, { ...plain, ...wish }, now);
      if ('step' in expected) assert.deepEqual(plan, expected);
      else assert.deepEqual(plan, { step: 'mark', next: objectWith(expected), thenDelete: false });
    });
  }

  it('marks and then deletes a pod whose grace is zero', () => {
    const plan = planDeletion(objectWith({}), pods, { ...plain, gracePeriodSeconds: 0 }, now);
    assert.equal(plan.step === 'mark' && plan.thenDelete, true);
  });

  it('refuses another uid than the one asked for', () => {
    assert.throws(
      () => planDeletion(objectWith({}), configMaps, { ...plain, uid: 'v' }, now),
      /the UID in the precondition \(v\) does not match the UID in record \(u\)/,
    );
  });
});
