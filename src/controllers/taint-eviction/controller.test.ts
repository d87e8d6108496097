import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, Taint } from '../../generated/api/core/v1.ts';
import { events, nodes, pods } from '../../generated/resource-types.ts';
import { startControllers } from '../../testing/controller-harness.ts';

const unreachable: Taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' };
const kick: Taint = { key: 'kick', effect: 'NoExecute' };

const pod = (name: string, tolerationSeconds?: number): Pod => ({
  metadata: { name, namespace: 'default', uid: `${name}-uid` },
  spec: {
    nodeName: 'n',
    containers: [],
    tolerations:
      tolerationSeconds === undefined ? [] : [{ key: unreachable.key, operator: 'Exists', tolerationSeconds }],
  },
  status: { phase: 'Running' },
});

describe('the taint eviction controller', () => {
  it('evicts at once what does not tolerate, gives others their time, and calls it off when the taint goes', async () => {
    await using cluster = startControllers(['taint-eviction-controller']);
    const { server, client, until, settle } = cluster;
    const taint = (...taints: Taint[]) => client.patch(nodes, { name: 'n' }, { spec: { taints } }, { type: 'merge' });
    const messages = (): string[] =>
      server
        .all(events, 'default')
        .map(({ message, involvedObject }) => `${involvedObject.name} ${message?.split(' ')[0]}`)
        .sort();
    server.put(nodes, { metadata: { name: 'n' }, spec: {} });
    server.put(pods, pod('fast'), pod('slow', 300));
    await settle();
    await taint(unreachable);
    await until(() => server.find(pods, 'default', 'fast') === undefined);
    assert.ok(server.find(pods, 'default', 'slow'));
    await taint();
    await until(() => messages().includes('slow Cancelling'));
    assert.deepEqual(messages(), ['fast Marking', 'slow Cancelling']);
    await taint(unreachable);
    await settle();
    await taint(unreachable, kick);
    await until(() => server.find(pods, 'default', 'slow') === undefined);
    await until(() => messages().includes('slow Marking'));
  });
});
