import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configmaps, namespaces, nodes, serviceaccounts } from '../../generated/resource-types.ts';
import { startControllers } from '../../testing/controller-harness.ts';

describe('the controllers of namespaces', () => {
  it('fill a new namespace with its account and the root certificate, and empty a deleted one', async () => {
    const names = ['namespace-controller', 'serviceaccount-controller', 'root-ca-certificate-publisher-controller'];
    await using cluster = startControllers(names, { namespaceDeletionDelayMs: 0 });
    const { server, client, until } = cluster;
    server.put(namespaces, {
      metadata: { name: 'a' },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
    await until(() => server.find(serviceaccounts, 'a', 'default') !== undefined);
    await until(() => server.find(configmaps, 'a', 'kube-root-ca.crt')?.data?.['ca.crt'] === 'PEM');
    server.put(configmaps, { metadata: { name: 'held', namespace: 'a', finalizers: ['example.com/hold'] } });
    await client.delete(namespaces, { name: 'a' });
    const conditions = (): Record<string, string> =>
      Object.fromEntries(
        (server.find(namespaces, undefined, 'a')?.status?.conditions ?? []).map((each) => [
          each.type,
          each.message ?? '',
        ]),
      );
    await until(() => Object.keys(conditions()).length === 5);
    assert.equal(
      conditions()['NamespaceFinalizersRemaining'],
      'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
    );
    assert.equal(
      conditions()['NamespaceContentRemaining'],
      'Some resources are remaining: configmaps. has 1 resource instances',
    );
    server.remove(configmaps, 'a', 'held');
    await until(() => server.find(namespaces, undefined, 'a') === undefined);
  });
});

describe('the node range controller', () => {
  it('gives each node a range of its own and keeps those that nodes have', async () => {
    await using cluster = startControllers(['node-ipam-controller'], {}, (server) => {
      server.put(nodes, { metadata: { name: 'old' }, spec: { podCIDR: '10.42.0.0/24', podCIDRs: ['10.42.0.0/24'] } });
    });
    const { server, until } = cluster;
    server.put(nodes, { metadata: { name: 'new-1' }, spec: {} }, { metadata: { name: 'new-2' }, spec: {} });
    await until(() => server.all(nodes).every((node) => node.spec.podCIDR !== undefined));
    const ranges = server.all(nodes).map((node) => node.spec.podCIDR);
    assert.deepEqual(ranges.sort(), ['10.42.0.0/24', '10.42.1.0/24', '10.42.2.0/24']);
  });
});
