import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../generated/api/core/v1.ts';
import { configmaps, pods, resourcequotas } from '../../generated/resource-types.ts';
import { whole } from '../../resources/quota/amounts.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import { planStatus } from './controller.ts';

function pod(name: string, cpu: string, more: Partial<Pod['spec']> = {}): Pod {
  const containers = [{ name: 'c', resources: { requests: { cpu, memory: '64Mi' } } }];
  return { metadata: { name, namespace: 'default' }, spec: { containers, ...more } };
}

describe('planStatus', () => {
  it('tells of every limit that something counts, and keeps what it cannot count', () => {
    const quota = {
      metadata: { name: 'q' },
      spec: { hard: { pods: '5', 'count/strange.example.com': '1', nothing: '1' } },
      status: { used: { 'count/strange.example.com': '1', gone: '3' } },
    };
    assert.deepEqual(planStatus(quota, new Map([['pods', whole(2)]])), {
      hard: { pods: '5', 'count/strange.example.com': '1', nothing: '1' },
      used: { pods: '2', 'count/strange.example.com': '1' },
    });
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
