import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { FakeFeed } from '../../testing/fake-feed.ts';
import { ManualClock } from '../../testing/manual-clock.ts';
import { readRecorded } from '../bootstrap/bootstrap.ts';
import { parseRequestInfo } from '../request-info.ts';
import { FlowControl } from './flow-control.ts';

/** What a kube-apiserver 1.36 with its own flow schemas answered; `-` stands for requests that it does not sort. */
const recorded = JSON.parse(readFileSync(new URL('testdata/flow-classes.json', import.meta.url), 'utf8')) as {
  levels: Record<string, string>;
  requests: Record<string, Record<string, string>>;
};

const authenticated = 'system:authenticated';
const robot = (namespace: string) => ({
  name: `system:serviceaccount:${namespace}:x`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, authenticated],
});
const users: Record<string, { name: string; groups: string[] }> = {
  admin: { name: 'admin', groups: ['system:masters', authenticated] },
  bob: { name: 'bob', groups: [authenticated] },
  node: { name: 'system:node:n1', groups: ['system:nodes', authenticated] },
  'sa-default': robot('default'),
  'sa-kubesystem': robot('kube-system'),
  kcm: { name: 'system:kube-controller-manager', groups: [authenticated] },
  sched: { name: 'system:kube-scheduler', groups: [authenticated] },
  anon: { name: 'system:anonymous', groups: ['system:unauthenticated'] },
  weird: robot('kube-systemx'),
};

function withUids(objects: readonly object[] = []): object[] {
  return objects.map((object) => {
    const { metadata } = object as { metadata: { name: string } };
    return { ...object, metadata: { ...metadata, uid: `uid-of-${metadata.name}`, generation: 1 } };
  });
}

async function startControl(): Promise<{ control: FlowControl; feed: FakeFeed }> {
  const { flowschemas, prioritylevelconfigurations } = await readRecorded();
  const feed = new FakeFeed({
    flowschemas: withUids(flowschemas),
    prioritylevelconfigurations: withUids(prioritylevelconfigurations),
  });
  const control = new FlowControl({ feed, clock: new ManualClock() });
  await control.start(new AbortController().signal);
  return { control, feed };
}

const bob = users['bob'] ?? assert.fail();
const list = parseRequestInfo('GET', '/api/v1/pods', new URLSearchParams());
const flowOf = (name: string, level: string, matchingPrecedence: number, generation = 1): object => ({
  metadata: { name, uid: `uid-of-${name}`, generation },
  spec: {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence,
    rules: [
      {
        subjects: [{ kind: 'User', user: { name: 'bob' } }],
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
      },
    ],
  },
});

describe('FlowControl', () => {
  for (const [request, classes] of Object.entries(recorded.requests)) {
    it(`sorts ${request} as upstream does`, async () => {
      const { control } = await startControl();
      const [method = '', url = ''] = request.split(' ');
      const { pathname, searchParams } = new URL(url, 'https://server');
      const info = parseRequestInfo(method, pathname, searchParams);
      for (const [schema, names] of Object.entries(classes)) {
        for (const name of schema === '-' ? [] : names.split(' ')) {
          const found = control.classify(users[name] ?? assert.fail(name), info);
          assert.deepEqual([name, found.schema, found.level], [name, schema, recorded.levels[schema]]);
          assert.deepEqual(Object.values(found.headers), [`uid-of-${schema}`, `uid-of-${found.level}`]);
          assert.equal(found.isExempt, found.level === 'exempt');
        }
      }
    });
  }

  it('takes the schema of the lowest precedence, and of equal ones the first by name', async () => {
    const { control, feed } = await startControl();
    feed.tell('flowschemas', 'set', flowOf('zoo', 'system', 50));
    feed.tell('flowschemas', 'set', flowOf('ape', 'system', 60));
    assert.equal(control.classify(bob, list).schema, 'zoo');
    feed.tell('flowschemas', 'set', flowOf('ape', 'system', 50, 2));
    assert.equal(control.classify(bob, list).schema, 'ape');
    feed.tell('flowschemas', 'gone', flowOf('ape', 'system', 50, 2));
    assert.equal(control.classify(bob, list).schema, 'zoo');
  });

  it('passes over schemas without a level, until the level is there', async () => {
    const { control, feed } = await startControl();
    feed.tell('flowschemas', 'set', flowOf('zoo', 'cage', 50));
    assert.equal(control.classify(bob, list).schema, 'global-default');
    const limited = { nominalConcurrencyShares: 1, limitResponse: { type: 'Reject' } };
    const metadata = { name: 'cage', uid: 'uid-of-cage', generation: 1 };
    feed.tell('prioritylevelconfigurations', 'set', { metadata, spec: { type: 'Limited', limited } });
    assert.equal(control.classify(bob, list).level, 'cage');
  });

  it('knows the mandatory schemas before they are written', () => {
    const control = new FlowControl({ feed: new FakeFeed({}), clock: new ManualClock() });
    const found = control.classify(bob, list);
    assert.deepEqual([found.schema, ...Object.values(found.headers)], ['catch-all', '', '']);
    assert.equal(control.classify(users['admin'] ?? assert.fail(), list).schema, 'exempt');
  });
});
