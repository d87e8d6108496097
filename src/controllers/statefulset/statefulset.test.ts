import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StatefulSet } from '../../generated/api/apps/v1.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import { persistentvolumeclaims, pods, statefulsets } from '../../generated/resource-types.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import type { FakeTransport } from '../../testing/fake-transport.ts';
import { toTime } from '../timestamps.ts';

function statefulSet(image: string, replicas: number, more: Partial<StatefulSet['spec']> = {}): StatefulSet {
  const labels = { app: 'db' };
  return {
    metadata: { name: 'db', namespace: 'default' },
    spec: {
      replicas,
      serviceName: 'db',
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image }] } },
      volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } }],
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      ...more,
    },
  };
}

function makeReady(server: FakeTransport): void {
  for (const pod of server.all(pods, 'default')) {
    if (pod.status?.phase === 'Running') continue;
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: toTime(Date.now()) }];
    server.put<Pod>(pods, { ...pod, status: { phase: 'Running', conditions } });
  }
}

const namesOf = (server: FakeTransport): string[] => server.all(pods, 'default').map((pod) => pod.metadata.name ?? '');

describe('the stateful set controller', () => {
  it('starts pods one after the other, each with its claim, and scales from the end', async () => {
    await using cluster = startControllers(['statefulset-controller']);
    const { server, client, until, settle } = cluster;
    await client.create(statefulsets, statefulSet('a', 3));
    await until(() => namesOf(server).length === 1);
    await settle();
    assert.deepEqual(namesOf(server), ['db-0']);
    await until(() => {
      makeReady(server);
      return namesOf(server).length === 3;
    });
    makeReady(server);
    assert.deepEqual(
      server.all(persistentvolumeclaims, 'default').map((claim) => claim.metadata.name),
      ['data-db-0', 'data-db-1', 'data-db-2'],
    );
    await until(() => server.find(statefulsets, 'default', 'db')?.status?.readyReplicas === 3);
    const set = server.find(statefulsets, 'default', 'db');
    assert.ok(set);
    await client.update(statefulsets, { ...set, spec: { ...set.spec, replicas: 1 } });
    await until(() => namesOf(server).length === 1);
    assert.deepEqual(namesOf(server), ['db-0']);
    assert.equal(server.all(persistentvolumeclaims, 'default').length, 3);
  });

  it('updates from the end, one pod at a time, down to the partition', async () => {
    await using cluster = startControllers(['statefulset-controller']);
    const { server, client, until, settle } = cluster;
    await client.create(statefulsets, statefulSet('a', 3, { podManagementPolicy: 'Parallel' }));
    await until(() => namesOf(server).length === 3);
    makeReady(server);
    await until(() => server.find(statefulsets, 'default', 'db')?.status?.readyReplicas === 3);
    const set = server.find(statefulsets, 'default', 'db');
    assert.ok(set);
    const rollingUpdate = { partition: 1 };
    const spec = {
      ...statefulSet('b', 3).spec,
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate },
    };
    await client.update(statefulsets, { ...set, spec });
    const images = (): (string | undefined)[] =>
      server.all(pods, 'default').map((pod) => pod.spec.containers[0]?.image);
    await until(() => {
      makeReady(server);
      return images().join() === 'a,b,b';
    });
    makeReady(server);
    await settle();
    assert.equal(images().join(), 'a,b,b');
    const status = server.find(statefulsets, 'default', 'db')?.status;
    assert.notEqual(status?.currentRevision, status?.updateRevision);
    assert.equal(status?.updatedReplicas, 2);
  });
});
