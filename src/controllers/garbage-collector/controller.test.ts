import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ConfigMap } from '../../generated/api/core/v1.ts';
import { configmaps, secrets } from '../../generated/resource-types.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import { planCollect } from './plan.ts';

function dependent(name: string, ownerUid: string, block = true): ConfigMap {
  const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: ownerUid, blockOwnerDeletion: block };
  return { metadata: { name, namespace: 'default', ownerReferences: [reference] } };
}

const owner: ConfigMap = { metadata: { name: 'owner', namespace: 'default', uid: 'owner-uid' } };

describe('the garbage collector', () => {
  it('deletes dependents after their owner, through generations', async () => {
    await using cluster = startControllers(['garbage-collector-controller']);
    const { server, client, until } = cluster;
    server.put(configmaps, owner, dependent('child', 'owner-uid'));
    const grandchild = { apiVersion: 'v1', kind: 'ConfigMap', name: 'child', uid: 'uid-configmaps-child' };
    server.put(secrets, { metadata: { name: 's', namespace: 'default', ownerReferences: [grandchild] } });
    await cluster.settle();
    await client.delete(configmaps, { namespace: 'default', name: 'owner' });
    await until(() => server.all(configmaps).length === 0 && server.all(secrets).length === 0);
  });

  it('deletes a dependent whose owner never was', async () => {
    await using cluster = startControllers(['garbage-collector-controller']);
    const { server, until } = cluster;
    server.put(configmaps, dependent('child', 'nobody'));
    await until(() => server.all(configmaps).length === 0);
  });

  it('keeps the owner until its blocking dependents are gone, in the foreground', async () => {
    await using cluster = startControllers(['garbage-collector-controller']);
    const { server, client, until } = cluster;
    const held = dependent('child', 'owner-uid');
    held.metadata.finalizers = ['example.com/hold'];
    server.put(configmaps, owner, held);
    await cluster.settle();
    await client.delete(configmaps, { namespace: 'default', name: 'owner' }, { propagationPolicy: 'Foreground' });
    await until(() => server.find(configmaps, 'default', 'child')?.metadata.deletionTimestamp !== undefined);
    await cluster.settle();
    assert.notEqual(server.find(configmaps, 'default', 'owner'), undefined);
    server.remove(configmaps, 'default', 'child');
    await until(() => server.all(configmaps).length === 0);
  });

  it('cuts dependents loose when the owner is orphaned', async () => {
    await using cluster = startControllers(['garbage-collector-controller']);
    const { server, client, until } = cluster;
    server.put(configmaps, owner, dependent('child', 'owner-uid'));
    await cluster.settle();
    await client.delete(configmaps, { namespace: 'default', name: 'owner' }, { propagationPolicy: 'Orphan' });
    await until(() => server.find(configmaps, 'default', 'owner') === undefined);
    assert.deepEqual(server.find(configmaps, 'default', 'child')?.metadata.ownerReferences ?? [], []);
  });
});

describe('planCollect', () => {
  const object = dependent('child', 'a');
  const reference = (uid: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid });
  const none = { count: 0, someDeleteTheirs: false };
  it('keeps what has a living owner and drops the references to the others', () => {
    const judged = [
      { reference: reference('a'), state: 'solid' as const },
      { reference: reference('b'), state: 'dangling' as const },
      { reference: reference('c'), state: 'waiting' as const },
    ];
    assert.deepEqual(planCollect(object, judged, none), { step: 'drop-references', uids: ['b', 'c'] });
  });
  it('goes in the foreground itself where its owner does and it has dependents', () => {
    const judged = [{ reference: reference('a'), state: 'waiting' as const }];
    assert.deepEqual(planCollect(object, judged, { count: 2, someDeleteTheirs: true }), {
      step: 'delete',
      policy: 'Foreground',
      unblock: true,
    });
    assert.deepEqual(planCollect(object, judged, none), { step: 'delete', policy: 'Background', unblock: false });
  });
});
