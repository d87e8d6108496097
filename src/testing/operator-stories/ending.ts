import assert from 'node:assert/strict';
import { it } from 'node:test';
import { persistentvolumeclaims, secrets, services } from '../../generated/resource-types.ts';
import { virtualClusters } from '../../operator/api/virtual-cluster.ts';
import { until } from '../memory-server.ts';
import type { OperatorLab } from './lab.ts';

/** What goes with a tenant, and what stays. */
export function tellEnding(lab: OperatorLab): void {
  const { create, exists, serve, removeServerLater, at } = lab;

  it('takes everything away with a tenant', async () => {
    await removeServerLater('old');
    await lab.client.delete(virtualClusters, at('old'));
    await until('the tenant is gone', async () => !(await exists(virtualClusters, 'old')));
    for (const name of ['old-pki', 'old-token', 'old-kubeconfig'])
      assert.equal(await exists(secrets, name), false, name);
    assert.equal(await exists(services, 'old-server'), false);
  });

  it('leaves data and authority where they are to be retained', async () => {
    await lab.client.patch(virtualClusters, at('demo'), { spec: { deletionPolicy: 'Retain' } }, { type: 'merge' });
    const { data } = await lab.client.get(secrets, at('demo-pki'));
    await removeServerLater('demo');
    await lab.client.delete(virtualClusters, at('demo'));
    await until('the tenant is gone', async () => !(await exists(virtualClusters, 'demo')));
    assert.ok(await exists(persistentvolumeclaims, 'demo-data'));
    await create('demo');
    await serve('demo');
    assert.deepEqual((await lab.client.get(secrets, at('demo-pki'))).data?.['server-ca.crt'], data?.['server-ca.crt']);
  });
}
