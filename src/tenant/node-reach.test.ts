import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node, Pod } from '../generated/api/core/v1.ts';
import type { EgressMode } from '../tunnel/egress-mode.ts';
import { planDial } from '../tunnel/reach.ts';
import { type EgressOptions, reachOf } from './node-reach.ts';

const node: Node = {
  spec: {},
  metadata: { name: 'n1', labels: { 'egress.k3s.io/cluster': 'true' } },
  status: {
    addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: 9000 } },
  },
};

const podAt = (ip: string, more: { node?: string; phase?: string; gone?: boolean; hostPort?: number } = {}): Pod => ({
  metadata: { name: ip, ...(more.gone ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}) },
  spec: {
    nodeName: more.node ?? 'n1',
    hostNetwork: more.hostPort !== undefined,
    containers: [
      {
        name: 'c',
        ports: [{ containerPort: more.hostPort ?? 80 }, { containerPort: 53, protocol: 'UDP' }],
      },
    ],
  },
  status: { phase: more.phase ?? 'Running', podIPs: [{ ip }] },
});

const pods = [
  podAt('10.42.1.2'),
  podAt('10.42.1.3', { phase: 'Pending' }),
  podAt('10.42.1.4', { gone: true }),
  podAt('10.42.2.2', { node: 'n2' }),
  podAt('10.0.0.1', { hostPort: 9100 }),
];

const egress = (mode: EgressMode): EgressOptions => ({ mode, clusterCidrs: ['10.42.0.0/16'], pods: () => pods });

/** Host and port by mode: whether they are dialled through the node's tunnel. */
const cases: Record<string, [host: string, port: number, reached: readonly EgressMode[]]> = {
  'the kubelet': ['10.0.0.1', 9000, ['agent', 'cluster', 'pod', 'disabled']],
  'a pod that runs there': ['10.42.1.2', 8080, ['cluster', 'pod']],
  'a pod that does not run yet': ['10.42.1.3', 8080, ['cluster']],
  'a pod that is deleted': ['10.42.1.4', 8080, ['cluster']],
  'a pod of another node': ['10.42.2.2', 8080, ['cluster']],
  "a pod on the host's network": ['10.0.0.1', 9100, ['cluster', 'pod']],
  'its port for UDP': ['10.0.0.1', 53, ['cluster']],
  "a port of the host that is no pod's": ['10.0.0.1', 22, ['cluster']],
  loopback: ['127.0.0.1', 80, []],
  'the metadata service': ['169.254.169.254', 80, []],
  'another host': ['10.0.0.2', 80, []],
};

describe('reachOf', () => {
  it('says nothing of a node that is not there', () => assert.equal(reachOf(undefined, egress('cluster')), undefined));

  for (const [title, [host, port, reached]] of Object.entries(cases)) {
    for (const mode of ['agent', 'cluster', 'pod', 'disabled'] as const) {
      const isReached = reached.includes(mode);
      it(`${isReached ? 'reaches' : 'does not reach'} ${title} in the mode ${mode}`, () => {
        const dial = (): string => planDial('n1', reachOf(node, egress(mode)), host, port);
        if (isReached) assert.match(dial(), /^tcp\//);
        else assert.throws(dial, /cannot be reached/);
      });
    }
  }

  it('reaches the kubelet alone of agents that do not say more, whatever the mode', () => {
    const older = { ...node, metadata: { name: 'n1' } };
    assert.throws(() => planDial('n1', reachOf(older, egress('cluster')), '10.42.1.2', 80), /kubelet's port 9000 only/);
  });
});
