import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  deployments,
  networkpolicies,
  persistentvolumeclaims,
  secrets,
  services,
} from '../../generated/resource-types.ts';
import { virtualClusters } from '../../operator/api/virtual-cluster.ts';
import { until } from '../memory-server.ts';
import type { OperatorLab } from './lab.ts';

/** What a tenant has from its first day on, and what becomes of it. */
export function tellLife(lab: OperatorLab): void {
  const { create, get, condition, exists, serve, at } = lab;

  it('makes everything that a tenant needs, and tells where it is', async () => {
    await create('demo');
    await serve('demo');
    const { status } = await get('demo');
    const service = await lab.client.get(services, at('demo-server'));
    const [port] = service.spec?.ports ?? [];
    assert.equal(service.spec?.type, 'NodePort');
    assert.deepEqual([port?.port, port?.targetPort], [port?.nodePort, port?.nodePort]);
    assert.equal(status?.endpoint, `https://192.0.2.1:${port?.nodePort}`);
    assert.equal(status?.nodes?.summary, '2/3');
    assert.match(status?.caCertHash ?? '', /^[0-9a-f]{64}$/);
    for (const name of ['demo-pki', 'demo-token', 'demo-kubeconfig']) assert.ok(await exists(secrets, name), name);
    assert.ok(await exists(persistentvolumeclaims, 'demo-data'));
    assert.ok(await exists(networkpolicies, 'demo-server'));
  });

  it('gives the tenant a pod that a restricted namespace takes', async () => {
    const { spec } = await lab.client.get(deployments, at('demo-server'));
    const pod = spec?.template.spec;
    const [container] = pod?.containers ?? [];
    assert.equal(pod?.automountServiceAccountToken, false);
    assert.equal(pod?.securityContext?.runAsNonRoot, true);
    assert.equal(pod?.securityContext?.seccompProfile?.type, 'RuntimeDefault');
    assert.equal(container?.securityContext?.allowPrivilegeEscalation, false);
    assert.equal(container?.securityContext?.readOnlyRootFilesystem, true);
    assert.deepEqual(container?.securityContext?.capabilities?.drop, ['ALL']);
  });

  it('brings back what somebody deletes or changes', async () => {
    const before = await lab.client.get(services, at('demo-server'));
    await lab.client.delete(services, at('demo-server'));
    await until('the service is back', () => exists(services, 'demo-server'));
    const again = await lab.client.get(services, at('demo-server'));
    assert.equal(again.spec?.ports?.[0]?.nodePort, before.spec?.ports?.[0]?.nodePort, 'agents know the port');
    await lab.client.patch(deployments, at('demo-server'), { spec: { replicas: 5 } }, { type: 'merge' });
    await until(
      'the replicas are back',
      async () => (await lab.client.get(deployments, at('demo-server'))).spec?.replicas === 1,
    );
  });

  it('keeps keys and tokens through everything', async () => {
    const { data } = await lab.client.get(secrets, at('demo-pki'));
    await lab.client.patch(
      virtualClusters,
      at('demo'),
      { spec: { tls: { extraSANs: ['demo.example'] } } },
      { type: 'merge' },
    );
    await until(
      'the change is seen',
      async () => (await get('demo')).status?.observedGeneration === (await get('demo')).metadata.generation,
    );
    assert.equal((await lab.client.get(secrets, at('demo-pki'))).data?.['server-ca.key'], data?.['server-ca.key']);
  });

  it('stops the server of a suspended tenant, keeps its data, and starts it again', async () => {
    const replicas = async () => (await lab.client.get(deployments, at('demo-server'))).spec?.replicas;
    await lab.client.patch(virtualClusters, at('demo'), { spec: { suspend: true } }, { type: 'merge' });
    await until('the tenant is suspended', async () => (await get('demo')).status?.phase === 'Suspended');
    assert.equal(await replicas(), 0);
    assert.ok(await exists(persistentvolumeclaims, 'demo-data'));
    await lab.client.patch(virtualClusters, at('demo'), { spec: { suspend: false } }, { type: 'merge' });
    await until('the tenant is Ready', async () => (await get('demo')).status?.phase === 'Ready');
    assert.equal(await replicas(), 1);
  });

  it('tells that a tenant that was ready does not answer any more', async () => {
    lab.tenant = undefined;
    await lab.client.patch(virtualClusters, at('demo'), { metadata: { labels: { look: 'again' } } }, { type: 'merge' });
    await until('the tenant is degraded', async () => (await get('demo')).status?.phase === 'Degraded');
    assert.equal((await condition('demo', 'Ready'))?.status, 'False');
  });

  it('says what is wrong with a wish that it cannot fulfil, and goes on once it is mended', async () => {
    await create('old', { version: 'v1.20' });
    await until('the fault is told', async () => (await condition('old', 'Ready'))?.reason === 'VersionNotServed');
    assert.equal(await exists(deployments, 'old-server'), false);
    await lab.client.patch(virtualClusters, at('old'), { spec: { version: 'v1.36' } }, { type: 'merge' });
    await serve('old');
  });

  it('gives two tenants that ask for one port each its own, or says that it is taken', async () => {
    const taken = (await lab.client.get(services, at('demo-server'))).spec?.ports?.[0]?.nodePort ?? 0;
    await create('second', { exposure: { nodePort: { port: taken } } });
    await until('the fault is told', async () => (await condition('second', 'Ready'))?.status === 'False');
    assert.match((await condition('second', 'Ready'))?.message ?? '', new RegExp(String(taken)));
  });

  it('warns of machines whose version is too far from the server', async () => {
    const { status, reason, message } = (await condition('old', 'UpToDate')) ?? {};
    assert.deepEqual([status, reason], ['False', 'NodeVersionSkew']);
    assert.equal(
      message,
      'node b runs v1.32.0+k3s1, which is more than 3 minor versions older than the server (v1.36.2+warren1): upgrade k3s there',
    );
    assert.equal((await condition('old', 'Ready'))?.status, 'True', 'it serves all the same');
  });
}
