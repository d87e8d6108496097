import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Secret } from '../../generated/api/core/v1.ts';
import {
  deployments,
  networkpolicies,
  persistentvolumeclaims,
  poddisruptionbudgets,
  secrets,
} from '../../generated/resource-types.ts';
import { virtualClusters } from '../../operator/api/virtual-cluster.ts';
import { until } from '../memory-server.ts';
import type { OperatorLab } from './lab.ts';

/** Tenants with a database, and replicas. */
export function tellDatastore(lab: OperatorLab): void {
  const { create, get, condition, exists, serve, at } = lab;

  it('waits for the Secret of a database, says what it lacks, and starts replicas apart from each other', async () => {
    const reason = async () => (await condition('big', 'DatastoreReady'))?.reason;
    await create('big', { replicas: 2, datastore: { type: 'PostgreSQL', secretRef: { name: 'dsn' } } });
    await until('the Secret is missed', async () => (await reason()) === 'SecretMissing');
    const secret = { metadata: { name: 'dsn', namespace: 'default' }, stringData: { other: 'x' } } as Secret;
    await lab.client.create(secrets, secret);
    const look = (label: string) =>
      lab.client.patch(virtualClusters, at('big'), { metadata: { labels: { look: label } } }, { type: 'merge' });
    await look('1');
    await until('the key is missed', async () => (await reason()) === 'SecretKeyMissing');
    const endpoint = 'postgres://warren:very-secret@db.example:6432/tenant';
    await lab.client.patch(secrets, at('dsn'), { stringData: { endpoint, 'ca.crt': 'PEM' } }, { type: 'merge' });
    await look('2');
    await serve('big');
    const { spec } = await lab.client.get(deployments, at('big-server'));
    const pod = spec?.template.spec;
    const [container] = pod?.containers ?? [];
    assert.deepEqual(spec?.strategy, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } });
    assert.equal(spec?.replicas, 2);
    assert.ok(pod?.affinity?.podAntiAffinity && pod.topologySpreadConstraints?.length === 1);
    assert.deepEqual(container?.env?.[0], {
      name: 'WARREN_DATASTORE_ENDPOINT',
      valueFrom: { secretKeyRef: { name: 'dsn', key: 'endpoint' } },
    });
    assert.ok(container?.args?.includes('--datastore-cafile=/etc/warren/datastore/ca.crt'));
    assert.equal(await exists(persistentvolumeclaims, 'big-data'), false);
    const { egress } = (await lab.client.get(networkpolicies, at('big-server'))).spec ?? {};
    assert.deepEqual(egress?.[1]?.ports, [{ protocol: 'TCP', port: 6432 }]);
    const budget = await lab.client.get(poddisruptionbudgets, at('big-server'));
    assert.equal(budget.spec?.maxUnavailable, 1);
    assert.doesNotMatch(JSON.stringify([spec, await get('big')]), /very-secret/);
  });

  it('takes the disruption budget away from a single replica, which would hold up drains', async () => {
    await lab.client.patch(virtualClusters, at('big'), { spec: { replicas: 1 } }, { type: 'merge' });
    await until('it is gone', async () => !(await exists(poddisruptionbudgets, 'big-server')));
  });
}
