import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Node, Service } from '../../generated/api/core/v1.ts';
import { deployments, networkpolicies, nodes, secrets, services } from '../../generated/resource-types.ts';
import { virtualClusters } from '../../operator/api/virtual-cluster.ts';
import { until } from '../memory-server.ts';
import { type OperatorLab, text } from './lab.ts';

/** How machines and users come to a tenant. */
export function tellExposure(lab: OperatorLab): void {
  const { get, condition, at } = lab;

  it('follows the nodes of the host without a restart of the server', async () => {
    const files = async () => JSON.parse(text(await lab.client.get(secrets, at('old-token')), 'endpoint.json'));
    const template = async () => (await lab.client.get(deployments, at('old-server'))).spec?.template;
    const before = await template();
    await lab.client.create(nodes, {
      metadata: { name: 'host-0' },
      status: {
        addresses: [{ type: 'ExternalIP', address: '192.0.2.9' }],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    } as Node);
    await until('both are told', async () => (await files()).addresses.join() === '192.0.2.9,192.0.2.1');
    await lab.client.delete(nodes, { name: 'host-0' });
    await until('one is told', async () => (await files()).addresses.join() === '192.0.2.1');
    assert.ok((await files()).names.includes('192.0.2.9'), 'machines may have joined by it');
    assert.deepEqual(await template(), before);
    await until('the endpoint is the old one', async () =>
      /192\.0\.2\.1:/.test((await get('old')).status?.endpoint ?? ''),
    );
  });

  it('gives the tenant another way in, and keeps the earlier one until it is there', async () => {
    const spec = { exposure: { type: 'LoadBalancer', allowedCIDRs: ['203.0.113.0/24'] } };
    const service = (): Promise<Service> => lab.client.get(services, at('old-server'));
    const { ports } = (await service()).spec ?? {};
    await lab.client.patch(virtualClusters, at('old'), { spec }, { type: 'merge' });
    await until(
      'the balancer is awaited',
      async () => (await condition('old', 'EndpointReachable'))?.reason === 'EarlierAddress',
    );
    const changed = (await service()).spec;
    assert.deepEqual(changed?.loadBalancerSourceRanges, ['203.0.113.0/24']);
    assert.equal(changed?.externalTrafficPolicy, 'Local');
    assert.equal(changed?.ports?.[0]?.nodePort, ports?.[0]?.nodePort, 'machines that joined by nodes stay');
    const policy = await lab.client.get(networkpolicies, at('old-server'));
    assert.deepEqual(policy.spec?.ingress?.[0]?.from, [
      { ipBlock: { cidr: '203.0.113.0/24' } },
      { podSelector: { matchLabels: { 'warren.dev/works-for': 'old' } } },
    ]);
    const ingress = [{ hostname: 'lb.example' }];
    await lab.client.patch(
      services,
      at('old-server'),
      { status: { loadBalancer: { ingress } } },
      { type: 'merge', subresource: 'status' },
    );
    await until('the endpoint is the balancer', async () =>
      /lb\.example/.test((await get('old')).status?.endpoint ?? ''),
    );
    const { addresses, names } = JSON.parse(text(await lab.client.get(secrets, at('old-token')), 'endpoint.json'));
    assert.deepEqual(addresses, ['198.51.100.7']);
    assert.ok(names.includes('lb.example') && names.includes('192.0.2.1'));
    assert.match(
      text(await lab.client.get(secrets, at('old-kubeconfig')), 'kubeconfig.yaml'),
      /server: https:\/\/lb\.example:/,
    );
  });
}
