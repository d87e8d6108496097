import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Informers } from '../client/informers.ts';
import { clusterrolebindings, clusterroles, nodes } from '../generated/resource-types.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { FakeTransport } from '../testing/fake-transport.ts';
import { admitOlderAgents } from './rbac.ts';

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe('admitOlderAgents', () => {
  it('lets kubelets read all nodes once one of an older version has registered', async () => {
    const api = new FakeTransport();
    const stop = new AbortController();
    const { signal } = stop;
    const informers = new Informers({ client: api.client, clock: systemClock, logger: silentLogger, signal });
    const node = (name: string, kubeletVersion: string) =>
      api.client.create(nodes, { metadata: { name }, spec: {}, status: { nodeInfo: { kubeletVersion } as never } });
    const end = admitOlderAgents(api.client, informers.for(nodes), silentLogger);
    await informers.for(nodes).synced;
    await node('new', 'v1.36.1+k3s1');
    await settle();
    assert.equal(api.find(clusterrolebindings, undefined, 'warren:older-agents'), undefined);
    await node('old', 'v1.21.2+k3s1');
    await settle();
    assert.deepEqual(api.find(clusterroles, undefined, 'warren:older-agents')?.rules, [
      { apiGroups: [''], resources: ['nodes'], verbs: ['list', 'watch'] },
    ]);
    assert.equal(api.find(clusterrolebindings, undefined, 'warren:older-agents')?.subjects?.[0]?.name, 'system:nodes');
    end();
    stop.abort();
  });
});
