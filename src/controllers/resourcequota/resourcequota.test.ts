import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, ResourceQuota } from '../../generated/api/core/v1.ts';
import { configmaps, pods, resourcequotas } from '../../generated/resource-types.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import { claimUsage, matchesScopes, podUsage, serviceUsage } from './usage.ts';

function pod(name: string, cpu: string, more: Partial<Pod['spec']> = {}): Pod {
  const containers = [{ name: 'c', resources: { requests: { cpu, memory: '64Mi' } } }];
  return { metadata: { name, namespace: 'default' }, spec: { containers, ...more } };
}

const texts = (usage: ReadonlyMap<string, { toString(): string }>): Record<string, string> =>
  Object.fromEntries(Array.from(usage, ([name, amount]) => [name, amount.toString()]));

describe('podUsage', () => {
  it('counts the larger of containers and init containers, sidecars beside both', () => {
    const initContainers = [
      { name: 's', restartPolicy: 'Always', resources: { requests: { cpu: '100m' } } },
      { name: 'i', resources: { requests: { cpu: '1' } } },
    ];
    assert.deepEqual(texts(podUsage(pod('p', '500m', { initContainers }), 0)), {
      'count/pods': '1',
      pods: '1',
      cpu: '1100m',
      'requests.cpu': '1100m',
      memory: '64Mi',
      'requests.memory': '64Mi',
    });
  });
  it('counts an ended pod as an object only', () => {
    assert.deepEqual(texts(podUsage({ ...pod('p', '1'), status: { phase: 'Succeeded' } }, 0)), { 'count/pods': '1' });
  });
});

describe('serviceUsage and claimUsage', () => {
  it('count node ports, load balancers, and storage by class', () => {
    const spec = { type: 'LoadBalancer', ports: [{ port: 80 }, { port: 443 }] };
    const usage = texts(serviceUsage({ metadata: { name: 's' }, spec }));
    assert.equal(usage['services.nodeports'], '2');
    assert.equal(usage['services.loadbalancers'], '1');
    const claim = {
      metadata: { name: 'c' },
      spec: { storageClassName: 'fast', resources: { requests: { storage: '1Gi' } } },
    };
    assert.equal(texts(claimUsage(claim))['fast.storageclass.storage.k8s.io/requests.storage'], '1Gi');
  });
});

describe('matchesScopes', () => {
  const quota = (scopes: string[]): ResourceQuota => ({ metadata: { name: 'q' }, spec: { scopes } });
  it('tells pods by their requests and deadline', () => {
    assert.equal(matchesScopes(quota(['NotBestEffort']), pod('p', '1')), true);
    assert.equal(matchesScopes(quota(['BestEffort']), pod('p', '1')), false);
    assert.equal(matchesScopes(quota(['Terminating']), pod('p', '1', { activeDeadlineSeconds: 5 })), true);
  });
});

describe('the resource quota controller', () => {
  it('counts what there is, and again as it changes', async () => {
    await using cluster = startControllers(['resourcequota-controller']);
    const { server, until } = cluster;
    server.put(pods, pod('a', '500m'), pod('b', '1'));
    server.put(configmaps, { metadata: { name: 'c', namespace: 'default' } });
    const hard = { pods: '5', 'requests.cpu': '2', configmaps: '10' };
    server.put(resourcequotas, { metadata: { name: 'q', namespace: 'default' }, spec: { hard } });
    const used = () => server.find(resourcequotas, 'default', 'q')?.status?.used;
    await until(() => used() !== undefined);
    assert.deepEqual(used(), { pods: '2', 'requests.cpu': '1500m', configmaps: '1' });
    server.remove(pods, 'default', 'b');
    await until(() => used()?.['requests.cpu'] === '500m');
  });
});
