import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client } from '../../client/client.ts';
import type { PodDisruptionBudget } from '../../generated/api/policy/v1.ts';
import { conflict, StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { readerOf } from '../../testing/admission.ts';
import type { ResourceStore } from '../registry/store.ts';
import type { CreaterRequest } from './creater.ts';
import { evictionCreater } from './eviction.ts';

const NOW = Date.UTC(2030, 0, 1);
const clock = { nowMs: () => NOW } as Parameters<typeof evictionCreater>[0]['clock'];

interface Scene {
  readonly phase?: string;
  readonly ready?: boolean;
  readonly budgets?: readonly object[];
  readonly deleteOptions?: object;
  readonly dryRun?: boolean;
  /** So many deletions meet a pod that has changed. */
  readonly races?: number;
  /** So many writes of the budget come too late. */
  readonly budgetRaces?: number;
}

const budget = (status: object, more: object = {}) => ({
  metadata: { name: 'b', namespace: 'ns', generation: 1 },
  spec: { selector: { matchLabels: { a: 'b' } }, ...more },
  status: { observedGeneration: 1, ...status },
});

/** Evicts the pod `p`, and tells what became of it. */
async function evict(scene: Scene) {
  const { phase = 'Running', ready = true, budgets = [], deleteOptions, dryRun = false } = scene;
  const conditions = ready ? [{ type: 'Ready', status: 'True' }] : [];
  const metadata = { name: 'p', namespace: 'ns', uid: 'u', resourceVersion: '7', labels: { a: 'b' } };
  let pod = { metadata, status: { phase, conditions } } as unknown as AnyObject;
  let [races, budgetRaces] = [scene.races ?? 0, scene.budgetRaces ?? 0];
  const deletions: unknown[] = [];
  const written: PodDisruptionBudget[] = [];
  const pods = {
    get: async () => ({ object: pod }),
    async modify(_key: unknown, change: (draft: AnyObject) => void) {
      const draft = structuredClone(pod);
      change(draft);
      draft.metadata.resourceVersion = '8';
      pod = draft;
      return { object: draft };
    },
    async delete(_key: unknown, { resourceVersion, uid, dryRun: dry }: Record<string, unknown>) {
      if (races-- > 0) throw conflict({ group: '', resource: 'pods' }, 'p');
      deletions.push({ resourceVersion, uid, dryRun: dry });
    },
  } as unknown as ResourceStore;
  const client = {
    async update(_type: unknown, next: PodDisruptionBudget) {
      if (budgetRaces-- > 0) throw conflict({ group: 'policy', resource: 'poddisruptionbudgets' }, 'b');
      written.push(next);
    },
    get: async () => budgets[0],
  } as unknown as Client;
  const creater = evictionCreater({ pods, client, clock, reader: readerOf({ poddisruptionbudgets: budgets }) });
  const request = {
    key: { namespace: 'ns', name: 'p' },
    dryRun,
    validate: async () => {},
    signal: new AbortController().signal,
  };
  const object = { metadata: { name: 'p' }, deleteOptions } as unknown as AnyObject;
  try {
    await creater.create(object, request as unknown as CreaterRequest);
    return { deletions, written };
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { code: error.code, why: error.details?.causes?.[0]?.message ?? error.message, deletions, written, error };
  }
}

const free = { resourceVersion: undefined, uid: undefined, dryRun: false };

describe('evictionCreater', () => {
  it('deletes a pod that nothing guards', async () => {
    assert.deepEqual((await evict({})).deletions, [free]);
  });

  it('deletes a pod that does not run yet only as it was seen, however often it changes meanwhile', async () => {
    const { deletions } = await evict({ phase: 'Pending', races: 3, budgets: [budget({ disruptionsAllowed: 0 })] });
    assert.deepEqual(deletions, [{ ...free, resourceVersion: '8' }]);
  });

  it('asks no budget for pods that are over', async () => {
    const { deletions } = await evict({ phase: 'Failed', budgets: [budget({ disruptionsAllowed: 0 })] });
    assert.deepEqual(deletions, [free]);
  });

  it('takes one disruption, and says so where it was the last', async () => {
    const { written, deletions } = await evict({ budgets: [budget({ disruptionsAllowed: 1 })], budgetRaces: 2 });
    assert.equal(deletions.length, 1);
    assert.deepEqual(
      written.map(({ status }) => status),
      [
        {
          observedGeneration: 1,
          disruptionsAllowed: 0,
          disruptedPods: { p: '2030-01-01T00:00:00Z' },
          conditions: [
            {
              type: 'DisruptionAllowed',
              status: 'False',
              observedGeneration: 1,
              lastTransitionTime: '2030-01-01T00:00:00Z',
              reason: 'InsufficientPods',
              message: '',
            },
          ],
        },
      ],
    );
  });

  const refusals: Record<string, [Scene, code: number, why: string]> = {
    'where too few would be left': [
      { budgets: [budget({ disruptionsAllowed: 0, currentHealthy: 2, desiredHealthy: 2 })] },
      429,
      'The disruption budget b needs 2 healthy pods and has 2 currently',
    ],
    'where the budget has not been looked at': [
      { budgets: [budget({ observedGeneration: 0, disruptionsAllowed: 5 })] },
      429,
      'The disruption budget b is still being processed by the server.',
    ],
    'where the budget failed': [
      {
        budgets: [
          budget({
            disruptionsAllowed: 0,
            conditions: [{ type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message: 'oh' }],
          }),
        ],
      },
      429,
      'The disruption budget b does not allow evicting pods currently because it failed sync: oh',
    ],
    'where two budgets guard it': [
      { budgets: [budget({}), budget({})] },
      500,
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    ],
    'another pod': [
      { deleteOptions: { preconditions: { uid: 'x' } } },
      409,
      'Operation cannot be fulfilled on Pod "p": the UID in the precondition (x) does not match the UID in record (u). The object might have been deleted and then recreated',
    ],
    'a changed pod': [
      { deleteOptions: { preconditions: { resourceVersion: '6' } } },
      409,
      'Operation cannot be fulfilled on Pod "p": the ResourceVersion in the precondition (6) does not match the ResourceVersion in record (7). The object might have been modified',
    ],
    'a pod that may have become ready meanwhile': [
      { ready: false, races: 1, budgets: [budget({ currentHealthy: 2, desiredHealthy: 2 })] },
      429,
      'The disruption budget b is still being processed by the server.',
    ],
  };
  for (const [title, [scene, code, why]] of Object.entries(refusals)) {
    it(`refuses ${title}`, async () => {
      const result = await evict(scene);
      assert.deepEqual([result.code, result.why, result.deletions], [code, why, []]);
    });
  }

  it('lets pods go that are not ready, where the others suffice or the budget always does', async () => {
    for (const guard of [
      budget({ disruptionsAllowed: 0, currentHealthy: 2, desiredHealthy: 2 }),
      budget({ disruptionsAllowed: 0 }, { unhealthyPodEvictionPolicy: 'AlwaysAllow' }),
    ]) {
      const { deletions, written } = await evict({ ready: false, budgets: [guard] });
      assert.deepEqual([deletions, written], [[{ ...free, resourceVersion: '8' }], []]);
    }
  });

  it('changes nothing in a dry run', async () => {
    const { deletions, written } = await evict({ budgets: [budget({ disruptionsAllowed: 1 })], dryRun: true });
    assert.deepEqual([deletions, written], [[{ ...free, dryRun: true }], []]);
  });
});
