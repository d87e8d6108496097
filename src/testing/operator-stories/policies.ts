import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Node } from '../../generated/api/core/v1.ts';
import { deployments, nodes, secrets, services } from '../../generated/resource-types.ts';
import { type JoinToken, joinTokens } from '../../operator/api/join-token.ts';
import { type VirtualCluster, virtualClusters } from '../../operator/api/virtual-cluster.ts';
import { type VirtualClusterPolicy, virtualClusterPolicies } from '../../operator/api/virtual-cluster-policy.ts';
import { until } from '../memory-server.ts';
import { type OperatorLab, text } from './lab.ts';

/** Policies, and machines that never come back. */
export function tellPolicies(lab: OperatorLab): void {
  const { get, condition, exists, serve, at } = lab;

  it('makes nothing of a tenant that a policy does not allow, and gives defaults', async () => {
    const spec: VirtualClusterPolicy['spec'] = {
      selector: { matchLabels: { team: 'a' } },
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } },
      allowed: { exposures: ['ClusterIP'], versions: ['v1.36'] },
      limits: { virtualClustersPerNamespace: 1, resources: { memory: '1Gi' }, nodes: 5 },
      defaults: {
        resources: { limits: { memory: '512Mi' } },
        podTemplate: { spec: { nodeSelector: { pool: 'tenants' } } },
      },
    };
    await lab.client.create(virtualClusterPolicies, { metadata: { name: 'team-a' }, spec } as VirtualClusterPolicy);
    await lab.client.create(virtualClusters, {
      metadata: { ...at('judged'), labels: { team: 'a' } },
      spec: {},
    } as VirtualCluster);
    await until('it is refused', async () => (await condition('judged', 'Ready'))?.reason === 'ExposureNotAllowed');
    assert.equal((await condition('judged', 'PolicyViolation'))?.status, 'True');
    assert.equal(await exists(services, 'judged-server'), false);
    await lab.client.patch(
      virtualClusters,
      at('judged'),
      { spec: { exposure: { type: 'ClusterIP' } } },
      { type: 'merge' },
    );
    await serve('judged');
    const pod = (await lab.client.get(deployments, at('judged-server'))).spec?.template.spec;
    assert.deepEqual(pod?.nodeSelector, { pool: 'tenants' });
    assert.equal(pod?.containers[0]?.resources?.limits?.['memory'], '512Mi');
    const endpoint = JSON.parse(text(await lab.client.get(secrets, at('judged-token')), 'endpoint.json'));
    assert.equal(endpoint.maxNodes, 5);
    assert.equal((await condition('judged', 'PolicyViolation'))?.status, 'False');
    await lab.client.create(virtualClusters, {
      metadata: { ...at('one-more'), labels: { team: 'a' } },
      spec: { exposure: { type: 'ClusterIP' } },
    } as VirtualCluster);
    await until('it is one too many', async () => (await condition('one-more', 'Ready'))?.reason === 'QuotaExceeded');
    await lab.client.delete(virtualClusters, at('one-more'));
  });

  it('never breaks a tenant that runs by a policy that comes later, and holds its changes to it', async () => {
    const template = async () => (await lab.client.get(deployments, at('judged-server'))).spec?.template;
    const before = await template();
    const change = (spec: object) =>
      lab.client.patch(virtualClusterPolicies, { name: 'team-a' }, { spec }, { type: 'merge' });
    await change({
      allowed: { exposures: ['NodePort'] },
      limits: { nodes: 1, resources: { memory: '256Mi' } },
      defaults: { podTemplate: { spec: { nodeSelector: { pool: 'none' } } } },
    });
    await until('it is told', async () => (await condition('judged', 'PolicyViolation'))?.status === 'True');
    const { reason, message } = (await condition('judged', 'PolicyViolation')) ?? {};
    assert.equal(reason, 'ExposureNotAllowed');
    assert.match(
      message ?? '',
      /limits\.memory 512Mi is more than 256Mi; policy team-a: 3 machines have joined, and 1 may/,
    );
    assert.equal((await get('judged')).status?.phase, 'Ready');
    assert.deepEqual(await template(), before);
    const wish = { exposure: { type: 'LoadBalancer' }, controlPlane: { resources: { limits: { memory: '2Gi' } } } };
    await lab.client.patch(virtualClusters, at('judged'), { spec: wish }, { type: 'merge' });
    await until('it is seen', async () => (await get('judged')).status?.observedGeneration === 3);
    assert.equal((await lab.client.get(services, at('judged-server'))).spec?.type, 'ClusterIP');
    assert.deepEqual(await template(), before);
    await until('the policy tells of it', async () => {
      const { status } = await lab.client.get(virtualClusterPolicies, { name: 'team-a' });
      return status?.matched === 1 && status.violating === 1 && status.violations?.length === 3;
    });
    await lab.client.delete(virtualClusterPolicies, { name: 'team-a' });
    await until(
      'its wish comes true',
      async () => (await lab.client.get(services, at('judged-server'))).spec?.type === 'LoadBalancer',
    );
  });

  it('removes machines that never come back, and no others', async () => {
    const sinceMs = Date.now() - 3 * 3600_000;
    const node = await lab.client.create(nodes, { metadata: { name: 'lost' } } as Node);
    const { uid, resourceVersion } = node.metadata;
    const away = [{ name: 'lost', uid, resourceVersion, sinceMs }];
    lab.tenant = { ready: true, nodes: { total: 1, ready: 0 }, kubelets: {}, away };
    const remove = (removeAfter: string) =>
      lab.client.patch(virtualClusters, at('demo'), { spec: { nodes: { removeAfter } } }, { type: 'merge' });
    const there = async () => (await lab.client.list(nodes)).items.some(({ metadata }) => metadata.name === 'lost');
    const seen = (await remove('4h')).metadata.generation;
    await until('it is seen', async () => (await get('demo')).status?.observedGeneration === seen);
    assert.ok(await there());
    await remove('2h');
    await until('it is gone', async () => !(await there()));
    lab.tenant = { ready: true, nodes: { total: 0, ready: 0 }, kubelets: {} };
  });

  it('lets a token go whose tenant is not there', async () => {
    await lab.client.create(joinTokens, { metadata: at('lost'), spec: { virtualClusterName: 'none' } } as JoinToken);
    await until('the tenant is missed', async () => {
      const { status } = await lab.client.get(joinTokens, at('lost'));
      return status?.phase === 'Pending' && status.conditions?.[0]?.reason === 'VirtualClusterMissing';
    });
    await lab.client.delete(joinTokens, at('lost'));
    await until('it is gone', async () => !(await exists(joinTokens, 'lost')));
  });
}
