import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../generated/api/core/v1.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { virtualClusters } from './api/virtual-cluster.ts';
import { createOperatorMetrics } from './metrics.ts';
import { createNameResolver } from './name-resolver.ts';
import { finishRotation } from './rotation.ts';
import { skewedNodes, ToldSkew, toSkewMessage } from './skew.ts';
import { troubleOf } from './trouble.ts';

describe('skewedNodes', () => {
  const rows: Record<string, [version: string, told: boolean]> = {
    'takes the same version': ['v1.36.2+k3s1', false],
    'takes three minors older': ['v1.33.0+k3s1', false],
    'tells of four minors older': ['v1.32.9+k3s1', true],
    'tells of a newer minor': ['v1.37.0', true],
    'takes a newer patch': ['v1.36.9', false],
    'says nothing of what it cannot read': ['', false],
  };
  for (const [title, [version, told]] of Object.entries(rows)) {
    it(title, () => assert.equal(skewedNodes({ a: version }, 'v1.36.2+warren1').length > 0, told));
  }
});

describe('what is told of versions', () => {
  const old = (count: number) =>
    skewedNodes(
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, 'v1.21.2+k3s1'])),
      'v1.36.2+warren1',
    );

  it('says what to do', () => {
    assert.equal(
      toSkewMessage(old(1)),
      'node n0 runs v1.21.2+k3s1, which is more than 3 minor versions older than the server (v1.36.2+warren1): upgrade k3s there',
    );
  });

  it('names some of many', () => assert.match(toSkewMessage(old(7)), /node n4 [^;]*; and 2 more$/));

  it('comes once for each machine, and again where it was well in between', () => {
    const told = new ToldSkew();
    assert.equal(told.news('a', old(2)).length, 2);
    assert.equal(told.news('a', old(2)).length, 0);
    assert.deepEqual(
      told.news('a', old(3)).map(({ node }) => node),
      ['n2'],
    );
    told.news('a', []);
    assert.equal(told.news('a', old(1)).length, 1);
  });
});

describe('troubleOf', () => {
  const pod = (status: Pod['status'], nodeName?: string): Pod =>
    ({
      metadata: { name: 'p' },
      spec: { containers: [], ...(nodeName === undefined ? {} : { nodeName }) },
      status,
    }) as Pod;
  const state = (more: object): Pod['status'] =>
    ({ containerStatuses: [{ name: 'server', ...more }] }) as Pod['status'];
  const rows: Record<string, [pod: Pod, reason: string | undefined, message?: RegExp]> = {
    'is silent while a container is made': [
      pod(state({ state: { waiting: { reason: 'ContainerCreating' } } })),
      undefined,
    ],
    'tells of an image that cannot be had': [
      pod(state({ state: { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image "x"' } } })),
      'ImagePullBackOff',
      /pod p: Back-off pulling/,
    ],
    'tells the last words of a server that crashes': [
      pod(
        state({
          state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
          lastState: { terminated: { exitCode: 1, message: 'noise\nwarren: the database refuses the password\n' } },
        }),
      ),
      'CrashLoopBackOff',
      /back-off 10s: warren: the database refuses the password$/,
    ],
    'tells of a pod that no node takes': [
      pod({ conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' }] }),
      'Unschedulable',
      /0\/3 nodes/,
    ],
    'is silent about a server that is ready again': [
      pod(state({ ready: true, state: { running: {} }, lastState: { terminated: { exitCode: 1 } } })),
      undefined,
    ],
  };
  for (const [title, [found, reason, message]] of Object.entries(rows)) {
    it(title, () => {
      const trouble = troubleOf([found], undefined);
      assert.equal(trouble?.reason, reason);
      if (message !== undefined) assert.match(trouble?.message ?? '', message);
    });
  }
});

describe('the name resolver', () => {
  it('remembers answers, and keeps the last one while nobody answers', async () => {
    const clock = new ManualClock();
    const answers: (string[] | Error)[] = [[], ['192.0.2.1'], new Error('timeout'), ['192.0.2.2']];
    const resolve = createNameResolver(clock, async () => {
      const answer = answers.shift() ?? [];
      if (answer instanceof Error) throw answer;
      return answer;
    });
    assert.deepEqual(await resolve('a'), []);
    await clock.advance(6_000);
    assert.deepEqual(await resolve('a'), ['192.0.2.1']);
    assert.deepEqual(await resolve('a'), ['192.0.2.1']);
    await clock.advance(61_000);
    assert.deepEqual(await resolve('a'), ['192.0.2.1']);
    await clock.advance(61_000);
    assert.deepEqual(await resolve('a'), ['192.0.2.2']);
  });
});

describe('metrics of the operator', () => {
  it('show each tenant until it is gone', async () => {
    const metrics = createOperatorMetrics();
    const metadata = { namespace: 'default', name: 'demo' };
    const condition = {
      type: 'Ready',
      status: 'True' as const,
      reason: 'Serving',
      message: '',
      lastTransitionTime: '',
    };
    metrics.seen(
      { apiVersion: 'warren.dev/v1alpha1', kind: virtualClusters.kind, metadata, spec: {} },
      { phase: 'Ready', conditions: [condition], nodes: { total: 3, ready: 2, summary: '2/3' }, replicas: 1 },
    );
    metrics.controller.reconciled('virtualcluster', 'failed', 20);
    const text = await metrics.text();
    assert.match(text, /warren_virtualcluster_phase\{name="demo",namespace="default",phase="Ready"\} 1/);
    assert.match(text, /warren_virtualcluster_condition\{condition="Ready",name="demo",namespace="default"\} 1/);
    assert.match(text, /warren_virtualcluster_nodes\{name="demo",namespace="default",state="not_ready"\} 1/);
    assert.match(text, /controller_runtime_reconcile_total\{controller="virtualcluster",result="error"\} 1/);
    metrics.gone(metadata);
    assert.doesNotMatch(await metrics.text(), /name="demo"/);
  });
});

describe('metrics of an operator that lost the lead', () => {
  it('tell of no tenants any more', async () => {
    const metrics = createOperatorMetrics();
    metrics.leads(true);
    metrics.seen({ metadata: { namespace: 'a', name: 'b' }, spec: {} }, { phase: 'Ready' });
    assert.match(await metrics.text(), /namespace="a"/);
    metrics.leads(false);
    assert.doesNotMatch(await metrics.text(), /namespace="a"/);
  });
});

describe('finishRotation', () => {
  const data = (texts: Record<string, string>) =>
    Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
  const hash = 'a'.repeat(64);
  const rows: Record<string, [secret: Record<string, string>, says: string, token: string | undefined]> = {
    'puts the new password in where the server refuses the old one': [
      { token: `K10${hash}::server:old`, 'next-password': 'new' },
      'warren: the datastore holds a cluster, and the token is not the one of it: give the right one by --token',
      `K10${hash}::server:new`,
    ],
    'does nothing where the server has another fault': [
      { token: `K10${hash}::server:old`, 'next-password': 'new' },
      'warren: the database cannot be reached',
      undefined,
    ],
    'does nothing where no rotation is under way': [
      { token: `K10${hash}::server:old` },
      'the token is not the one of it',
      undefined,
    ],
  };
  for (const [title, [texts, message, token]] of Object.entries(rows)) {
    it(title, async () => {
      const patches: { data: Record<string, string | null> }[] = [];
      const client = { patch: async (_type: unknown, _key: unknown, patch: never) => void patches.push(patch) };
      const status = { containerStatuses: [{ name: 'server', lastState: { terminated: { exitCode: 1, message } } }] };
      const observed = {
        cluster: { metadata: { name: 'demo' } },
        tokenSecret: { metadata: {}, data: data(texts) },
        pods: [{ metadata: { name: 'p' }, spec: {}, status }],
      };
      await finishRotation({ client } as never, observed as never, new AbortController().signal);
      const [change] = patches;
      assert.equal(
        change === undefined ? undefined : Buffer.from(change.data['token'] ?? '', 'base64').toString(),
        token,
      );
      if (change !== undefined) assert.equal(change.data['next-password'], null);
    });
  }
});
