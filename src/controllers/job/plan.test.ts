import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job, JobStatus } from '../../generated/api/batch/v1.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import { planActive, planEnd, planIndexes, viewJob } from './plan.ts';

const nowMs = Date.UTC(2030, 0, 1, 1);
const started = '2030-01-01T00:00:00Z';
const INDEX = 'batch.kubernetes.io/job-completion-index';
const FAILURES = 'batch.kubernetes.io/job-index-failure-count';

type Look = 'active' | 'succeeded' | 'failed' | 'going' | 'disrupted';
const phases: Readonly<Record<Look, string>> = {
  active: 'Running',
  succeeded: 'Succeeded',
  failed: 'Failed',
  going: 'Running',
  disrupted: 'Failed',
};

function pod(look: Look, index?: number, failures = 0): Pod {
  const name = `${look}-${index ?? ''}-${failures}`;
  const conditions = look === 'disrupted' ? [{ type: 'DisruptionTarget', status: 'True' }] : [];
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      creationTimestamp: started,
      finalizers: ['batch.kubernetes.io/job-tracking'],
      annotations: index === undefined ? {} : { [INDEX]: String(index), [FAILURES]: String(failures) },
      ...(look === 'going' ? { deletionTimestamp: started } : {}),
    },
    spec: { containers: [] },
    status: { phase: phases[look], conditions },
  };
}

function job(spec: Partial<Job['spec']>, status: JobStatus = {}): Job {
  return {
    metadata: { name: 'work', namespace: 'default' },
    spec: { parallelism: 2, completions: 5, backoffLimit: 6, template: { spec: { containers: [] } }, ...spec },
    status: { startTime: started, ...status },
  };
}

const view = (each: Job, pods: Pod[]) => viewJob(each, pods, new Set(), { failures: 0, lastFailureMs: undefined });
const indexed = { completionMode: 'Indexed' } as const;
const disruptions = {
  podFailurePolicy: {
    rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
  },
};

describe('planActive', () => {
  const cases: Record<string, [Job, Pod[], wanted: string]> = {
    'fills up to the parallelism': [job({}), [], 'create 2'],
    'makes no more than are still to succeed': [job({}, { succeeded: 4 }), [], 'create 1'],
    'keeps what runs': [job({}), [pod('active', 0), pod('active', 1)], 'keep'],
    'deletes what is too much': [job({ parallelism: 1 }), [pod('active', 0), pod('active', 1)], 'delete 1'],
    'deletes all while it is suspended': [job({ suspend: true }), [pod('active', 0)], 'delete 1'],
    'replaces a pod that goes at once': [job({ parallelism: 1 }), [pod('going')], 'create 1'],
    'waits until a pod has failed where it is wished': [
      job({ parallelism: 1, podReplacementPolicy: 'Failed' }),
      [pod('going')],
      'keep',
    ],
    'makes none after the first success of a work queue': [job({ completions: undefined }), [pod('succeeded')], 'keep'],
    'deletes a second pod of an index': [
      job({ ...indexed, parallelism: 3 }),
      [pod('active', 0), pod('active', 0, 1), pod('active', 1)],
      'delete 1',
    ],
  };
  for (const [name, [each, pods, wanted]] of Object.entries(cases)) {
    it(name, () => {
      const plan = planActive(view(each, pods), nowMs);
      const count = plan.step === 'create' ? ` ${plan.count}` : plan.step === 'delete' ? ` ${plan.pods.length}` : '';
      assert.equal(plan.step + count, wanted);
    });
  }
});

describe('planIndexes', () => {
  it('takes the lowest that neither succeeded nor failed for good nor run', () => {
    const each = job({ ...indexed, completions: 6, backoffLimitPerIndex: 0 }, { completedIndexes: '0' });
    assert.deepEqual(planIndexes(view(each, [pod('active', 1), pod('failed', 3)]), 2), [2, 4]);
  });
});

describe('planEnd', () => {
  const perIndex = { ...indexed, completions: 3, backoffLimitPerIndex: 1 };
  const cases: Record<string, [Job, Pod[], wanted: string | undefined]> = {
    'goes on': [job({}), [pod('failed')], undefined],
    'fails after its limit of failures': [
      job({ backoffLimit: 0 }),
      [pod('failed')],
      'FailureTarget BackoffLimitExceeded',
    ],
    'does not count what a policy ignores': [job({ backoffLimit: 0, ...disruptions }), [pod('disrupted')], undefined],
    'fails after its deadline': [job({ activeDeadlineSeconds: 60 }), [], 'FailureTarget DeadlineExceeded'],
    'has no deadline while it is suspended': [job({ activeDeadlineSeconds: 60, suspend: true }), [], undefined],
    'fails where a policy says so': [
      job({
        podFailurePolicy: {
          rules: [{ action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
        },
      }),
      [pod('disrupted')],
      'FailureTarget PodFailurePolicy',
    ],
    'gives an index another try': [job(perIndex), [pod('failed', 0)], undefined],
    'goes on with other indexes': [job(perIndex), [pod('failed', 0, 1)], undefined],
    'fails once all indexes have ended and one has failed': [
      job(perIndex, { completedIndexes: '1,2' }),
      [pod('failed', 0, 1)],
      'FailureTarget FailedIndexes',
    ],
    'fails after too many failed indexes': [
      job({ ...perIndex, maxFailedIndexes: 1 }),
      [pod('failed', 0, 1), pod('failed', 1, 1)],
      'FailureTarget MaxFailedIndexesExceeded',
    ],
    'succeeds by its policy': [
      job({ ...indexed, successPolicy: { rules: [{ succeededIndexes: '0' }] } }),
      [pod('succeeded', 0)],
      'SuccessCriteriaMet SuccessPolicy',
    ],
    'keeps to the end that it has begun': [
      job({}, { conditions: [{ type: 'FailureTarget', status: 'True', reason: 'DeadlineExceeded' }] }),
      [],
      'Failed DeadlineExceeded',
    ],
  };
  for (const [name, [each, pods, wanted]] of Object.entries(cases)) {
    it(name, () => {
      const end = planEnd(view(each, pods), nowMs);
      assert.equal(end && `${end.type} ${end.reason}`, wanted);
    });
  }
});
