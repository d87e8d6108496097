import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ControllerRevision, StatefulSet } from '../../generated/api/apps/v1.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import { planSet, planStatus, type SetStep, type SetView } from './plan.ts';

const nowMs = Date.UTC(2030, 0, 1);
const revision = (name: string): ControllerRevision => ({ metadata: { name }, revision: 1 });
const [old, fresh] = [revision('old'), revision('new')];

type Look = 'ready' | 'starting' | 'going' | 'failed';

/** `2old` is the pod of ordinal 2 with the old template. */
function pod(text: string, look: Look = 'ready'): Pod {
  const [, ordinal = '', hash = ''] = /^(\d+)(\w+)$/.exec(text) ?? [];
  const status = look === 'starting' ? 'False' : 'True';
  return {
    metadata: {
      name: `db-${ordinal}`,
      labels: { 'controller-revision-hash': hash },
      ...(look === 'going' ? { deletionTimestamp: '2029-12-31T23:59:59Z' } : {}),
    },
    spec: { containers: [] },
    status: {
      phase: look === 'failed' ? 'Failed' : 'Running',
      conditions: [{ type: 'Ready', status, lastTransitionTime: '2029-12-31T00:00:00Z' }],
    },
  };
}

function view(replicas: number, pods: Pod[], spec: Partial<StatefulSet['spec']> = {}, status = {}): SetView {
  const set: StatefulSet = {
    metadata: { name: 'db' },
    spec: { replicas, selector: {}, template: {}, serviceName: 'db', ...spec },
    status: { replicas: pods.length, ...status },
  };
  return { set, pods, current: old, update: fresh, nowMs };
}

const toText = (step: SetStep): string =>
  step.step === 'create'
    ? `create ${step.ordinal}${step.revision.metadata.name}`
    : `${step.step} ${step.pod.metadata.name}${step.step === 'delete' ? ` ${step.why}` : ''}`;

const parallel = { podManagementPolicy: 'Parallel' };
const all = [pod('0old'), pod('1old'), pod('2old')];
const rolling = (more: object): Partial<StatefulSet['spec']> => ({
  updateStrategy: { type: 'RollingUpdate', rollingUpdate: more },
});

describe('planSet', () => {
  const cases: Record<string, [SetView, string[]]> = {
    'makes the first pod': [view(3, []), ['create 0new']],
    'makes all at once where they need not wait': [
      view(3, [], parallel),
      ['create 0new', 'create 1new', 'create 2new'],
    ],
    'waits for the pod before': [view(3, [pod('0new', 'starting')]), []],
    'waits for the seconds that make a pod available': [view(3, [pod('0new')], { minReadySeconds: 90_000 }), []],
    'makes the next once the one before serves': [view(3, [pod('0new')]), ['create 1new']],
    'begins where the ordinals begin': [view(2, [], { ordinals: { start: 5 } }), ['create 5new']],
    'puts an ended pod away first': [view(2, [pod('0new', 'failed'), pod('1new')]), ['delete db-0 ended']],
    'waits for a pod that goes': [view(2, [pod('0new'), pod('1new', 'going')]), []],
    'scales down from the end': [view(1, all), ['delete db-2 scale-down']],
    'scales all down at once where they need not wait': [
      view(1, [pod('0new'), pod('1new'), pod('2new')], parallel),
      ['delete db-2 scale-down', 'delete db-1 scale-down'],
    ],
    'waits with scaling down for the one that goes': [view(1, [pod('0old'), pod('1old'), pod('2old', 'going')]), []],
    'updates the last pod first': [view(3, all), ['delete db-2 update']],
    'updates no further than the partition': [
      view(3, [...all.slice(0, 2), pod('2new')], rolling({ partition: 2 })),
      [],
    ],
    'updates several where several may be away': [
      view(3, all, rolling({ maxUnavailable: 2 })),
      ['delete db-2 update', 'delete db-1 update'],
    ],
    'rounds the part that may be away down, but never to none': [
      view(3, all, rolling({ maxUnavailable: '60%' })),
      ['delete db-2 update'],
    ],
    'makes a lost pod of the part that is not updated yet anew': [
      view(3, [pod('1old'), pod('2new')], rolling({ partition: 0 }), { currentReplicas: 2 }),
      ['create 0new'],
    ],
    'counts who is away already': [
      view(3, [pod('0old'), pod('1old'), pod('2new', 'starting')], { ...parallel, ...rolling({ maxUnavailable: 2 }) }),
      ['delete db-1 update'],
    ],
    'leaves updates to who deletes pods': [view(3, all, { updateStrategy: { type: 'OnDelete' } }), []],
    'makes a lost pod below the partition as it was': [
      view(3, [pod('1old'), pod('2new')], rolling({ partition: 2 })),
      ['create 0old'],
    ],
    'makes a lost pod of the part that is not updated yet as it was': [
      view(3, [pod('1old'), pod('2new')], {}, { currentReplicas: 2 }),
      ['create 0old'],
    ],
  };
  for (const [name, [each, wanted]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(planSet(each, { repair: () => false, owners: () => false }).map(toText), wanted));
  }
});

describe('planStatus', () => {
  it('ends a roll-out once every pod is new and ready', () => {
    const { currentRevision, currentReplicas } = planStatus(view(2, [pod('0new'), pod('1new')]));
    assert.deepEqual([currentRevision, currentReplicas], ['new', 2]);
  });
  it('counts both templates in between', () => {
    const { currentRevision, currentReplicas, updatedReplicas } = planStatus(view(2, [pod('0old'), pod('1new')]));
    assert.deepEqual([currentRevision, currentReplicas, updatedReplicas], ['old', 1, 1]);
  });
});
