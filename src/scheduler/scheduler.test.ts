import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Pod } from '../generated/api/core/v1.ts';
import { events, namespaces, nodes, pods, priorityclasses, serviceaccounts } from '../generated/resource-types.ts';
import { type ScheduledCluster, startScheduledCluster } from '../testing/scheduled-cluster.ts';
import { makeNode } from '../testing/scheduling.ts';
import { parseSchedulerConfiguration } from './configuration.ts';

describe('the scheduler on a real server', () => {
  let cluster: ScheduledCluster;
  const inDefault = (name: string) => ({ namespace: 'default', name });

  before(async () => {
    cluster = await startScheduledCluster(
      parseSchedulerConfiguration({
        apiVersion: 'kubescheduler.config.k8s.io/v1',
        kind: 'KubeSchedulerConfiguration',
        profiles: [
          { schedulerName: 'default-scheduler' },
          {
            schedulerName: 'packer',
            pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy: { type: 'MostAllocated' } } }],
            plugins: {
              score: { disabled: [{ name: '*' }], enabled: [{ name: 'NodeResourcesFit', weight: 1 }] },
            },
          },
        ],
      }),
    );
    const { admin } = cluster;
    for (const [name, value] of [
      ['high', 1000],
      ['low', 1],
    ] as const)
      await admin.create(priorityclasses, {
        apiVersion: 'scheduling.k8s.io/v1',
        kind: 'PriorityClass',
        metadata: { name },
        value,
      });
    await cluster.until('the default namespace is there', async () =>
      (await admin.list(namespaces)).items.some(({ metadata }) => metadata.name === 'default'),
    );
    await admin
      .create(serviceaccounts, {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'default', namespace: 'default' },
      })
      .catch(() => {});
  });
  after(async () => await cluster[Symbol.asyncDispose]());

  async function createPod(name: string, cpu: string, rest: Partial<Pod['spec']> = {}): Promise<void> {
    await cluster.admin.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'app', image: 'app:1', resources: { requests: { cpu } } }],
        ...rest,
      },
    } as Pod);
  }
  const get = (name: string): Promise<Pod> => cluster.admin.get(pods, inDefault(name));

  it('tells a pod that it has no node, and gives it the first that comes', async () => {
    await createPod('first', '1');
    await cluster.until('the pod is told', async () => {
      const condition = (await get('first')).status?.conditions?.find(({ type }) => type === 'PodScheduled');
      return condition?.reason === 'Unschedulable' && condition.message === 'no nodes available to schedule pods';
    });
    await cluster.admin.create(nodes, makeNode('a'));
    // Admission gives a new node the taint of one that is not ready.
    await cluster.admin.patch(nodes, { name: 'a' }, { spec: { taints: null } }, { type: 'merge' });
    await cluster.until('the pod has the node', async () => (await get('first')).spec.nodeName === 'a');
  });

  it('binds many pods no more than a node holds, and binds the rest when there is room', async () => {
    for (let index = 0; index < 4; index++) await createPod(`many-${index}`, '1');
    const bound = async () => (await cluster.admin.list(pods)).items.filter(({ spec }) => spec.nodeName === 'a').length;
    await cluster.until('the node is full', async () => (await bound()) === 4);
    await cluster.admin.delete(pods, inDefault('first'), { gracePeriodSeconds: 0 });
    await cluster.until('the last is bound', async () =>
      (await cluster.admin.list(pods)).items.every(({ spec }) => spec.nodeName === 'a'),
    );
  });

  it('evicts pods of lower priority for one that matters more, and tells why', async () => {
    await createPod('urgent', '2', { priorityClassName: 'high' });
    await cluster.until('the pod is bound', async () => (await get('urgent')).spec.nodeName === 'a');
    const left = (await cluster.admin.list(pods)).items.map(({ metadata }) => metadata.name);
    assert.equal(left.filter((name) => name?.startsWith('many')).length, 2);
    await cluster.until('events tell of it', async () => {
      const found = (await cluster.admin.list(events)).items.filter(({ reason }) => reason === 'Preempted');
      return found.length === 2 && found.every(({ message }) => message?.endsWith('on node a'));
    });
  });

  it('leaves pods with gates alone until these are lifted', async () => {
    await createPod('gated', '0', { schedulingGates: [{ name: 'example.com/wait' }] });
    await createPod('free', '0');
    await cluster.until('the other is bound', async () => (await get('free')).spec.nodeName === 'a');
    assert.equal((await get('gated')).spec.nodeName, undefined);
    await cluster.admin.patch(pods, inDefault('gated'), { spec: { schedulingGates: null } }, { type: 'merge' });
    await cluster.until('the pod is bound', async () => (await get('gated')).spec.nodeName === 'a');
  });

  it('places pods of another profile by its rules, and leaves those of other schedulers', async () => {
    await cluster.admin.create(nodes, makeNode('b', { allocatable: { cpu: '64' } }));
    await cluster.admin.patch(nodes, { name: 'b' }, { spec: { taints: null } }, { type: 'merge' });
    await createPod('foreign', '0', { schedulerName: 'somebody-else' });
    await createPod('spread', '100m');
    await cluster.until('the emptier node is taken', async () => (await get('spread')).spec.nodeName === 'b');
    await cluster.admin.delete(pods, inDefault('urgent'), { gracePeriodSeconds: 0 });
    await createPod('packed', '100m', { schedulerName: 'packer' });
    await cluster.until('the fuller node is taken', async () => (await get('packed')).spec.nodeName === 'a');
    assert.equal((await get('foreign')).spec.nodeName, undefined);
    await cluster.until('the event names the profile', async () =>
      (await cluster.admin.list(events)).items.some(
        ({ reason, involvedObject, reportingComponent }) =>
          reason === 'Scheduled' && involvedObject.name === 'packed' && reportingComponent === 'packer',
      ),
    );
  });
});
