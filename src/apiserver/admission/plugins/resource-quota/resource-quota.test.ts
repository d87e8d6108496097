import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client } from '../../../../client/client.ts';
import type { ResourceQuota } from '../../../../generated/api/core/v1.ts';
import { conflict, notFound } from '../../../../machinery/errors/status-error.ts';
import { fromAmounts } from '../../../../resources/quota/amounts.ts';
import { admit, attemptOf } from '../../../../testing/admission.ts';
import { FakeFeed } from '../../../../testing/fake-feed.ts';
import type { AdmissionAttempt } from '../../admission.ts';
import { checkRequest, stateOf } from './check-request.ts';
import { evaluatorFor } from './evaluator-for.ts';
import { resourceQuota } from './resource-quota.ts';

type Texts = Record<string, string>;

function quota(name: string, hard: Texts, used: Texts, spec: ResourceQuota['spec'] = {}): ResourceQuota {
  const metadata = { name, namespace: 'ns', resourceVersion: '1' };
  return { metadata, spec: { hard, ...spec }, status: { hard, used } };
}

const pod = (cpu?: string, more: object = {}, name = 'p') => ({
  metadata: { name, namespace: 'ns' },
  spec: { containers: [{ name: 'c', ...(cpu === undefined ? {} : { resources: { requests: { cpu } } }) }], ...more },
});
const secret = (name = 's') =>
  attemptOf({
    resource: 'secrets',
    kind: { group: '', version: 'v1', kind: 'Secret' },
    object: { metadata: { name } },
  });

/** What the quotas hold afterwards, or the refusal. */
function check(quotas: readonly ResourceQuota[], attempt: AdmissionAttempt): (Texts | string)[] {
  const evaluator = evaluatorFor(attempt);
  if (evaluator === undefined) return ['not counted'];
  try {
    return checkRequest(quotas.map(stateOf), attempt, evaluator, 0).map(({ used }) => fromAmounts(used));
  } catch (error) {
    return [(error as Error).message];
  }
}

const cases: Record<string, [quotas: ResourceQuota[], attempt: AdmissionAttempt, wanted: (Texts | string)[]]> = {
  'takes what an object needs of each quota that limits it': [
    [quota('a', { pods: '2', cpu: '2' }, { pods: '0', cpu: '1' }), quota('b', { secrets: '1' }, { secrets: '1' })],
    attemptOf({ object: pod('500m') }),
    [{ pods: '1', cpu: '1500m' }, { secrets: '1' }],
  ],
  'refuses what is beyond a limit and tells of those limits alone': [
    [
      quota(
        'q',
        { pods: '9', 'requests.cpu': '1', 'limits.memory': '1Gi' },
        { pods: '1', 'requests.cpu': '800m', 'limits.memory': '0' },
      ),
    ],
    attemptOf({
      object: pod(undefined, {
        containers: [{ name: 'c', resources: { requests: { cpu: '300m' }, limits: { memory: '2Gi' } } }],
      }),
    }),
    [
      'pods "p" is forbidden: exceeded quota: q, requested: limits.memory=2Gi,requests.cpu=300m, used: limits.memory=0,requests.cpu=800m, limited: limits.memory=1Gi,requests.cpu=1',
    ],
  ],
  'demands amounts that are limited': [
    [quota('q', { 'requests.cpu': '1' }, { 'requests.cpu': '0' })],
    attemptOf({ object: pod() }),
    ['pods "p" is forbidden: failed quota: q: must specify requests.cpu for: c'],
  ],
  'refuses as long as nobody has counted': [
    [quota('q', { pods: '1', 'count/pods': '4' }, { pods: '0' })],
    attemptOf({ object: pod() }),
    ['pods "p" is forbidden: status unknown for quota: q, resources: count/pods,pods'],
  ],
  'limits nothing before the limits are in the status': [
    [{ metadata: { name: 'q', namespace: 'ns' }, spec: { hard: { pods: '0' } } }],
    attemptOf({ object: pod() }),
    [{}],
  ],
  'leaves quotas whose scopes the object is not under': [
    [quota('q', { pods: '0' }, { pods: '0' }, { scopes: ['Terminating'] })],
    attemptOf({ object: pod() }),
    [{ pods: '0' }],
  ],
  'counts an object that comes under a scope by an update as a whole': [
    [quota('q', { pods: '1' }, { pods: '0' }, { scopes: ['Terminating'] })],
    attemptOf({ object: pod('1', { activeDeadlineSeconds: 5 }), previous: pod('1') }),
    [{ pods: '1' }],
  ],
  'counts what a resize adds': [
    [quota('q', { cpu: '3' }, { cpu: '1' })],
    attemptOf({ subresource: 'resize', object: pod('2500m'), previous: pod('1') }),
    [{ cpu: '2500m' }],
  ],
  'gives nothing back by itself when a pod shrinks': [
    [quota('q', { cpu: '3' }, { cpu: '2' })],
    attemptOf({ subresource: 'resize', object: pod('1'), previous: pod('2') }),
    [{ cpu: '2' }],
  ],
  'does not count other updates of pods': [
    [quota('q', { pods: '0' }, { pods: '0' })],
    attemptOf({ object: pod(), previous: pod() }),
    ['not counted'],
  ],
  'counts objects by either name': [
    [quota('q', { 'count/secrets': '5', secrets: '1' }, { 'count/secrets': '1', secrets: '1' })],
    secret(),
    ['secrets "s" is forbidden: exceeded quota: q, requested: secrets=1, used: secrets=1, limited: secrets=1'],
  ],
  'counts custom objects': [
    [quota('q', { 'count/things.acme.com': '1' }, { 'count/things.acme.com': '0' })],
    attemptOf({ group: 'acme.com', resource: 'things', object: { metadata: { name: 't' } } }),
    [{ 'count/things.acme.com': '1' }],
  ],
  'lets a claim that has grown already tell so': [
    [quota('q', { 'requests.storage': '1Gi' }, { 'requests.storage': '1Gi' })],
    attemptOf({
      resource: 'persistentvolumeclaims',
      subresource: 'status',
      object: {
        metadata: { name: 'c' },
        spec: { resources: { requests: { storage: '1Gi' } } },
        status: { allocatedResources: { storage: '2Gi' } },
      },
      previous: { metadata: { name: 'c' }, spec: { resources: { requests: { storage: '1Gi' } } } },
    }),
    [{ 'requests.storage': '2Gi' }],
  ],
  'never counts events': [
    [quota('q', {}, {})],
    attemptOf({ resource: 'events', object: { metadata: {} } }),
    ['not counted'],
  ],
};

describe('checkRequest', () => {
  for (const [title, [quotas, attempt, wanted]] of Object.entries(cases)) {
    it(title, () => assert.deepEqual(check(quotas, attempt), wanted));
  }
});

/** A store of one quota; a write on an old revision loses. */
function harness(hard: Texts, used: Texts) {
  const feed = new FakeFeed({ resourcequotas: [quota('q', hard, used)] });
  let stored: ResourceQuota | undefined = quota('q', hard, used);
  let writes = 0;
  const client = {
    async update(_type: unknown, next: ResourceQuota) {
      await new Promise((resolve) => setImmediate(resolve));
      writes++;
      if (stored === undefined) throw notFound({ group: '', resource: 'resourcequotas' }, 'q');
      if (next.metadata?.resourceVersion !== stored.metadata?.resourceVersion) {
        throw conflict({ group: '', resource: 'resourcequotas' }, 'q');
      }
      const resourceVersion = String(Number(stored.metadata?.resourceVersion) + 1);
      stored = { ...next, metadata: { ...next.metadata, resourceVersion } };
      feed.tell('resourcequotas', 'set', stored);
      return stored;
    },
    async get() {
      if (stored === undefined) throw notFound({ group: '', resource: 'resourcequotas' }, 'q');
      return stored;
    },
  } as unknown as Client;
  const plugin = resourceQuota({ feed, client, clock: { nowMs: () => 0 } });
  return {
    plugin,
    used: () => stored?.status?.used,
    writes: () => writes,
    /** Somebody else writes, and the index does not know of it yet. */
    overtake(next: Texts | undefined) {
      stored =
        next === undefined
          ? undefined
          : { ...quota('q', hard, next), metadata: { name: 'q', namespace: 'ns', resourceVersion: '7' } };
    },
  };
}

describe('resourceQuota', () => {
  it('lets exactly so many through that come at once, with a few writes', async () => {
    const { plugin, used, writes } = harness({ secrets: '5' }, { secrets: '0' });
    const results = await Promise.all(Array.from({ length: 20 }, (_, index) => admit(plugin, secret(`s${index}`))));
    assert.equal(results.filter((result) => result === undefined).length, 5);
    assert.deepEqual(used(), { secrets: '5' });
    assert.ok(writes() <= 2, `${writes()} writes`);
  });

  it('reserves nothing for a dry run, and refuses there too', async () => {
    const { plugin, writes } = harness({ secrets: '1' }, { secrets: '0' });
    assert.equal(await admit(plugin, { ...secret(), dryRun: true }), undefined);
    assert.equal(writes(), 0);
    await admit(plugin, secret());
    assert.match((await admit(plugin, { ...secret(), dryRun: true })) ?? '', /exceeded quota/);
  });

  it('looks again where somebody else was quicker', async () => {
    const { plugin, used, overtake } = harness({ secrets: '5' }, { secrets: '0' });
    await admit(plugin, secret('before'));
    overtake({ secrets: '4' });
    assert.equal(await admit(plugin, secret('a')), undefined);
    assert.deepEqual(used(), { secrets: '5' });
    overtake({ secrets: '5' });
    assert.match((await admit(plugin, secret('b'))) ?? '', /exceeded quota: q/);
  });

  it('is not held up by a quota that is gone', async () => {
    const { plugin, overtake } = harness({ secrets: '5' }, { secrets: '0' });
    overtake(undefined);
    assert.equal(await admit(plugin, secret()), undefined);
  });

  it('asks nothing of namespaces without quotas', async () => {
    const { plugin, writes } = harness({ secrets: '0' }, { secrets: '0' });
    assert.equal(await admit(plugin, { ...secret(), namespace: 'other' }), undefined);
    assert.equal(writes(), 0);
  });
});
