import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job } from '../../generated/api/batch/v1.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import { events, jobs, pods } from '../../generated/resource-types.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import type { FakeTransport } from '../../testing/fake-transport.ts';
import { nextBackoff, remainingMs } from './backoff.ts';
import { formatIndexes, parseIndexes } from './indexes.ts';
import { judgeFailure, matchSuccess } from './policy.ts';
import { planCleanup } from './ttl.ts';

function job(spec: Partial<Job['spec']> = {}): Job {
  const labels = { 'batch.kubernetes.io/job-name': 'work' };
  return {
    metadata: { name: 'work', namespace: 'default' },
    spec: {
      parallelism: 2,
      completions: 3,
      backoffLimit: 6,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { restartPolicy: 'Never', containers: [{ name: 'c' }] } },
      ...spec,
    },
  };
}

function finish(server: FakeTransport, phase: 'Succeeded' | 'Failed', exitCode = 0): void {
  for (const pod of server.all(pods, 'default')) {
    if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') continue;
    const containerStatuses = [
      { name: 'c', ready: false, restartCount: 0, image: '', imageID: '', state: { terminated: { exitCode } } },
    ];
    server.put<Pod>(pods, { ...pod, status: { phase, containerStatuses } });
  }
}

describe('indexes', () => {
  it('are written in runs and read back', () => {
    assert.equal(formatIndexes(new Set([5, 0, 1, 3, 4, 6, 9])), '0,1,3-6,9');
    assert.deepEqual([...parseIndexes('0,1,3-6,9', 6)], [0, 1, 3, 4, 5]);
  });
});

describe('judgeFailure', () => {
  const spec: Job['spec'] = {
    template: {},
    podFailurePolicy: {
      rules: [
        { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        { action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } },
      ],
    },
  };
  const failed = (exitCode: number, disrupted = false): Pod => ({
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [] },
    status: {
      containerStatuses: [
        { name: 'c', ready: false, restartCount: 0, image: '', imageID: '', state: { terminated: { exitCode } } },
      ],
      conditions: disrupted ? [{ type: 'DisruptionTarget', status: 'True' }] : [],
    },
  });
  it('takes the first rule that fits', () => {
    assert.deepEqual(judgeFailure(spec, failed(42, true)), { counts: false, action: 'Ignore' });
    assert.equal(
      judgeFailure(spec, failed(42)).message,
      'Container c for pod default/p failed with exit code 42 matching FailJob rule at index 1',
    );
    assert.deepEqual(judgeFailure(spec, failed(1)), { counts: true });
  });
});

describe('matchSuccess', () => {
  it('wants the indexes of a rule, or so many of them', () => {
    const spec = {
      completions: 5,
      template: {},
      successPolicy: { rules: [{ succeededIndexes: '0,2-3', succeededCount: 2 }] },
    };
    assert.equal(matchSuccess(spec, new Set([0, 1])), undefined);
    assert.equal(matchSuccess(spec, new Set([0, 3])), 'Matched rules at index 0');
  });
});

describe('the back-off of a job', () => {
  const ended = (ms: number): Pod => ({
    metadata: { name: 'p', creationTimestamp: new Date(ms).toISOString() },
    spec: { containers: [] },
  });
  it('doubles with each failure and ends with a success', () => {
    const none = { failures: 0, lastFailureMs: undefined };
    const twice = nextBackoff(none, [], [ended(1000), ended(5000)]);
    assert.deepEqual(twice, { failures: 2, lastFailureMs: 5000 });
    assert.equal(remainingMs(twice, 10_000), 15_000);
    assert.deepEqual(nextBackoff(twice, [ended(6000)], []), none);
    assert.deepEqual(nextBackoff(twice, [ended(6000)], [ended(7000)]), { failures: 1, lastFailureMs: 7000 });
  });
});

describe('planCleanup', () => {
  const ended = (ttlSecondsAfterFinished: number | undefined): Job => ({
    ...job({ ttlSecondsAfterFinished }),
    status: { conditions: [{ type: 'Complete', status: 'True', lastTransitionTime: '2030-01-01T00:00:00Z' }] },
  });
  const at = Date.UTC(2030, 0, 1);
  it('waits, then deletes; without a time to live it keeps', () => {
    assert.deepEqual(planCleanup(ended(60), at + 45_000), { step: 'wait', delayMs: 15_000 });
    assert.deepEqual(planCleanup(ended(60), at + 60_000), { step: 'delete' });
    assert.deepEqual(planCleanup(ended(undefined), at), { step: 'keep' });
  });
});

describe('the job controller', () => {
  const current = (server: FakeTransport): Job | undefined => server.find(jobs, 'default', 'work');
  it('runs pods until enough have succeeded, counts each once, and tells', async () => {
    await using cluster = startControllers(['job-controller'], { jobBatchMs: 0 });
    const { server, client, until } = cluster;
    await client.create(jobs, job());
    await until(() => server.all(pods, 'default').length === 2);
    assert.equal(current(server)?.status?.active, 2);
    finish(server, 'Succeeded');
    await until(() => server.all(pods, 'default').length === 3);
    finish(server, 'Succeeded');
    await until(() => Boolean(current(server)?.status?.completionTime));
    const status = current(server)?.status;
    assert.equal(status?.succeeded, 3);
    assert.deepEqual(
      status?.conditions?.map((each) => [each.type, each.reason]),
      [
        ['SuccessCriteriaMet', 'CompletionsReached'],
        ['Complete', 'CompletionsReached'],
      ],
    );
    assert.ok(server.all(pods, 'default').every((pod) => (pod.metadata.finalizers ?? []).length === 0));
    await until(() => server.all(events, 'default').some((event) => event.message === 'Job completed'));
  });

  it('numbers the pods of an indexed job', async () => {
    await using cluster = startControllers(['job-controller'], { jobBatchMs: 0 });
    const { server, client, until } = cluster;
    await client.create(jobs, job({ completionMode: 'Indexed', completions: 2 }));
    await until(() => server.all(pods, 'default').length === 2);
    assert.deepEqual(
      server
        .all(pods, 'default')
        .map((pod) => pod.spec.hostname)
        .sort(),
      ['work-0', 'work-1'],
    );
    finish(server, 'Succeeded');
    await until(() => Boolean(current(server)?.status?.completionTime));
    assert.equal(current(server)?.status?.completedIndexes, '0,1');
  });

  it('fails after its back-off limit and deletes what still runs', async () => {
    await using cluster = startControllers(['job-controller'], { jobBatchMs: 0 });
    const { server, client, until } = cluster;
    await client.create(jobs, job({ backoffLimit: 0 }));
    await until(() => server.all(pods, 'default').length === 2);
    const [first] = server.all(pods, 'default');
    assert.ok(first);
    server.put<Pod>(pods, { ...first, status: { phase: 'Failed' } });
    await until(() => current(server)?.status?.conditions?.some((each) => each.type === 'Failed') ?? false);
    assert.equal(
      current(server)?.status?.conditions?.find((each) => each.type === 'Failed')?.reason,
      'BackoffLimitExceeded',
    );
    assert.equal(server.all(pods, 'default').filter((pod) => pod.status?.phase !== 'Failed').length, 0);
  });

  it('stops its pods while it is suspended, without counting them', async () => {
    await using cluster = startControllers(['job-controller'], { jobBatchMs: 0 });
    const { server, client, until } = cluster;
    await client.create(jobs, job());
    await until(() => server.all(pods, 'default').length === 2 && current(server)?.status?.active === 2);
    const stored = current(server);
    assert.ok(stored);
    await client.update(jobs, { ...stored, spec: { ...stored.spec, suspend: true } });
    await until(() => server.all(pods, 'default').length === 0);
    await until(() => current(server)?.status?.conditions?.some((each) => each.reason === 'JobSuspended') ?? false);
    assert.equal(current(server)?.status?.failed ?? 0, 0);
  });
});
