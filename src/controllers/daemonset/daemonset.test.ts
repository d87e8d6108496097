import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DaemonSet } from '../../generated/api/apps/v1.ts';
import type { Node, Pod, Taint } from '../../generated/api/core/v1.ts';
import { controllerrevisions, daemonsets, nodes, pods } from '../../generated/resource-types.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import type { FakeTransport } from '../../testing/fake-transport.ts';
import { toTime } from '../timestamps.ts';
import { planPlacement } from './placement.ts';
import { groupByNode, planPods, planUpdate } from './plan.ts';

function daemonSet(image: string, rollingUpdate: object = { maxUnavailable: 1 }): DaemonSet {
  return {
    metadata: { name: 'agent', namespace: 'default', uid: 'agent-uid' },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'c', image }] } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate },
      revisionHistoryLimit: 10,
    },
  };
}

function node(name: string, taints: Taint[] = []): Node {
  return { metadata: { name }, spec: { taints } };
}

function daemonPod(nodeName: string, hash: string, isReady = true): Pod {
  const conditions = [
    { type: 'Ready', status: isReady ? 'True' : 'False', lastTransitionTime: '2030-01-01T00:00:00Z' },
  ];
  return {
    metadata: { name: `p-${nodeName}-${hash}`, labels: { 'controller-revision-hash': hash } },
    spec: { containers: [], nodeName },
    status: { phase: 'Running', conditions },
  };
}

describe('planPlacement', () => {
  const cases: Record<string, [Taint[], { run: boolean; stay: boolean }]> = {
    'runs on a clean node': [[], { run: true, stay: true }],
    'runs on a node that is not ready': [
      [{ key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }],
      { run: true, stay: true },
    ],
    'runs on a cordoned node': [
      [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }],
      { run: true, stay: true },
    ],
    'stays, but does not start, beside a foreign taint': [
      [{ key: 'x', effect: 'NoSchedule' }],
      { run: false, stay: true },
    ],
    'leaves a node that evicts': [[{ key: 'x', effect: 'NoExecute' }], { run: false, stay: false }],
  };
  for (const [name, [taints, plan]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(planPlacement(daemonSet('a'), node('n', taints)), plan));
  }
});

describe('planPods', () => {
  const surge = { maxSurge: 1, maxUnavailable: 0 };
  const phase = (pod: Pod, value: string): Pod => ({ ...pod, status: { ...pod.status, phase: value } });
  const going = (pod: Pod): Pod => ({
    ...pod,
    metadata: { ...pod.metadata, deletionTimestamp: '2030-01-01T00:00:00Z' },
  });
  const plan = (podList: Pod[], rollingUpdate?: object, delayMs = 0, taints: Node['spec']['taints'] = []) => {
    const nodeList = [node('n1', taints)];
    const podsByNode = groupByNode(podList);
    const nowMs = Date.UTC(2031, 0, 1);
    const context = { daemonSet: daemonSet('b', rollingUpdate), nodes: nodeList, podsByNode, hash: 'new', nowMs };
    const { create, remove, retryInMs } = planPods(context, () => delayMs);
    return [...create.map((name) => `+${name}`), ...remove.map(({ metadata }) => `-${metadata.name}`), retryInMs ?? ''];
  };
  const [old, fresh] = [daemonPod('n1', 'old'), daemonPod('n1', 'new')];
  const cases: Record<string, [got: () => (string | number)[], wanted: (string | number)[]]> = {
    'makes a pod where there is none': [() => plan([]), ['+n1', '']],
    'waits for a pod that goes': [() => plan([going(old)]), ['']],
    'starts beside a pod that goes, with a surge': [() => plan([going(old)], surge), ['+n1', '']],
    'puts ended pods away': [() => plan([phase(old, 'Failed')]), ['-p-n1-old', '']],
    'leaves a failed pod for a while': [() => plan([phase(old, 'Failed')], undefined, 4000), [4000]],
    'starts beside a failed pod, with a surge': [() => plan([phase(old, 'Failed')], surge, 4000), ['+n1', 4000]],
    'keeps the old pod until the new one serves': [() => plan([old, daemonPod('n1', 'new', false)], surge), ['']],
    'ends the old pod once the new one serves': [() => plan([old, fresh], surge), ['-p-n1-old', '']],
    'ends an old pod that does not serve': [
      () => plan([daemonPod('n1', 'old', false), daemonPod('n1', 'new', false)], surge),
      ['-p-n1-old', ''],
    ],
    'takes pods off a node that evicts them': [
      () => plan([old], undefined, 0, [{ key: 'x', effect: 'NoExecute' }]),
      ['-p-n1-old', ''],
    ],
    'leaves pods on a node that takes no new ones': [
      () => plan([old], undefined, 0, [{ key: 'x', effect: 'NoSchedule' }]),
      [''],
    ],
  };
  for (const [name, [got, wanted]] of Object.entries(cases)) it(name, () => assert.deepEqual(got(), wanted));
});

describe('planUpdate', () => {
  const all = ['n1', 'n2', 'n3'].map((name) => node(name));
  const plan = (podList: Pod[], rollingUpdate?: object) => {
    const { create, remove } = planUpdate({
      daemonSet: daemonSet('b', rollingUpdate),
      nodes: all,
      podsByNode: groupByNode(podList),
      hash: 'new',
      nowMs: Date.UTC(2031, 0, 1),
    });
    return { create, remove: remove.map((pod) => pod.metadata.name) };
  };
  it('replaces one pod at a time', () => {
    const before = [daemonPod('n1', 'old'), daemonPod('n2', 'old'), daemonPod('n3', 'old')];
    assert.deepEqual(plan(before), { create: [], remove: ['p-n1-old'] });
    assert.deepEqual(plan([daemonPod('n1', 'new', false), ...before.slice(1)]), { create: [], remove: [] });
    assert.deepEqual(plan([daemonPod('n1', 'new'), ...before.slice(1)]), { create: [], remove: ['p-n2-old'] });
  });
  it('replaces pods that serve nobody at once', () => {
    const before = [daemonPod('n1', 'old', false), daemonPod('n2', 'old', false), daemonPod('n3', 'old')];
    assert.deepEqual(plan(before), { create: [], remove: ['p-n1-old', 'p-n2-old'] });
  });
  it('starts the new pod beside the old one with a surge', () => {
    const surge = { maxSurge: 1, maxUnavailable: 0 };
    const before = [daemonPod('n1', 'old'), daemonPod('n2', 'old'), daemonPod('n3', 'old')];
    assert.deepEqual(plan(before, surge), { create: ['n1'], remove: [] });
    assert.deepEqual(plan([...before, daemonPod('n1', 'new')], surge), { create: ['n2'], remove: ['p-n1-old'] });
  });
});

function play(server: FakeTransport): void {
  for (const pod of server.all(pods, 'default')) {
    if (pod.status?.phase === 'Running') continue;
    const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    const nodeName = required?.nodeSelectorTerms?.[0]?.matchFields?.[0]?.values?.[0];
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: toTime(Date.now()) }];
    server.put<Pod>(pods, { ...pod, spec: { ...pod.spec, nodeName }, status: { phase: 'Running', conditions } });
  }
}

describe('the daemon set controller', () => {
  it('puts a pod on every node and rolls to a new template, keeping its history', async () => {
    await using cluster = startControllers(['daemonset-controller']);
    const { server, client, until } = cluster;
    server.put(nodes, node('n1'), node('n2'));
    await client.create(daemonsets, daemonSet('a'));
    await until(() => server.all(pods, 'default').length === 2);
    play(server);
    await until(() => server.find(daemonsets, 'default', 'agent')?.status?.numberReady === 2);
    server.put(nodes, node('n3'));
    await until(() => server.all(pods, 'default').length === 3);
    const current = server.find(daemonsets, 'default', 'agent');
    await client.update(daemonsets, {
      ...daemonSet('b'),
      metadata: { name: 'agent', namespace: 'default', uid: current?.metadata.uid },
    });
    await until(() => {
      play(server);
      const list = server.all(pods, 'default');
      return list.length === 3 && list.every((pod) => pod.spec.containers[0]?.image === 'b');
    });
    assert.deepEqual(
      server
        .all(controllerrevisions, 'default')
        .map((each) => each.revision)
        .sort(),
      [1, 2],
    );
    server.put(nodes, node('n3', [{ key: 'x', effect: 'NoExecute' }]));
    await until(() => server.all(pods, 'default').length === 2);
  });
});
