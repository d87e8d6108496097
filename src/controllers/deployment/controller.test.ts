import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Deployment } from '../../generated/api/apps/v1.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import { deployments, events, pods, replicasets } from '../../generated/resource-types.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import type { FakeTransport } from '../../testing/fake-transport.ts';
import { toTime } from '../timestamps.ts';

function deployment(image: string, replicas: number, more: Partial<Deployment['spec']> = {}): Deployment {
  return {
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } },
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      ...more,
    },
  };
}

/** Plays the kubelet: pods that are not ready become so. */
function makeReady(server: FakeTransport): void {
  for (const pod of server.all(pods, 'default')) {
    if (pod.status?.phase === 'Running') continue;
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: toTime(Date.now()) }];
    server.put<Pod>(pods, { ...pod, status: { phase: 'Running', conditions } });
  }
}

function imagesOf(server: FakeTransport): string[] {
  return server.all(pods, 'default').map((pod) => pod.spec.containers[0]?.image ?? '');
}

describe('the deployment and replica set controllers', () => {
  it('bring a deployment up, roll it to another image, and tell of both', async () => {
    await using cluster = startControllers(['deployment-controller', 'replicaset-controller']);
    const { server, client, until } = cluster;
    const current = (): Deployment | undefined => server.find(deployments, 'default', 'web');
    await client.create(deployments, deployment('a', 3));
    await until(() => server.all(pods, 'default').length === 3);
    makeReady(server);
    await until(() => current()?.status?.availableReplicas === 3);
    await until(() => Boolean(current()?.status?.conditions?.some((each) => each.reason === 'NewReplicaSetAvailable')));
    assert.equal(current()?.metadata.annotations?.['deployment.kubernetes.io/revision'], '1');

    await client.update(deployments, { ...deployment('b', 3), metadata: { ...current()?.metadata } });
    await until(() => {
      makeReady(server);
      const images = imagesOf(server);
      assert.ok(images.length <= 4, 'the surge is one pod');
      return images.length === 3 && images.every((image) => image === 'b');
    });
    await until(() => current()?.status?.updatedReplicas === 3 && current()?.status?.replicas === 3);
    assert.equal(current()?.metadata.annotations?.['deployment.kubernetes.io/revision'], '2');
    const [first, second] = server.all(replicasets, 'default').map((each) => each.spec.replicas);
    assert.deepEqual([first, second].sort(), [0, 3]);
    const messages = server.all(events, 'default').map((event) => event.message ?? '');
    assert.ok(messages.some((message) => /^Scaled up replica set web-\w+ from 0 to 3$/.test(message)));
    assert.ok(messages.some((message) => /^Scaled down replica set web-\w+ from 1 to 0$/.test(message)));
  });

  it('stop all old pods before new ones start where the strategy is Recreate', async () => {
    await using cluster = startControllers(['deployment-controller', 'replicaset-controller']);
    const { server, client, until } = cluster;
    const strategy = { strategy: { type: 'Recreate' } };
    await client.create(deployments, deployment('a', 2, strategy));
    await until(() => server.all(pods, 'default').length === 2);
    makeReady(server);
    const metadata = { ...server.find(deployments, 'default', 'web')?.metadata };
    delete metadata.resourceVersion;
    await client.update(deployments, { ...deployment('b', 2, strategy), metadata });
    await until(() => {
      makeReady(server);
      assert.ok(new Set(imagesOf(server)).size <= 1, 'old and new never meet');
      const images = imagesOf(server);
      return images.length === 2 && images[0] === 'b';
    });
  });
});
