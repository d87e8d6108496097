import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '../../generated/api/core/v1.ts';
import { type NodePlan, planNode } from './node-plan.ts';

const LABELS = { 'node.kubernetes.io/instance-type': 'k3s', 'beta.kubernetes.io/instance-type': 'k3s' };
const NEW = { key: 'node.cloudprovider.kubernetes.io/uninitialized', value: 'true', effect: 'NoSchedule' };
const OTHER = { key: 'example.com/mine', effect: 'NoSchedule' };

function makeNode(annotations: Record<string, string>, rest: Partial<Node> = {}): Node {
  return { metadata: { name: 'vm', annotations }, ...rest } as Node;
}

describe('a machine that joined', () => {
  const rows: Record<string, [node: Node, plan: NodePlan]> = {
    'gets its identity, addresses and labels, and is opened for pods': [
      makeNode(
        { 'k3s.io/internal-ip': '10.0.0.2,fd00::2', 'k3s.io/external-ip': '192.0.2.2', 'k3s.io/hostname': 'vm' },
        { spec: { taints: [NEW, OTHER] } },
      ),
      {
        providerId: 'k3s://vm',
        labels: LABELS,
        taints: [OTHER],
        addresses: [
          { type: 'InternalIP', address: '10.0.0.2' },
          { type: 'InternalIP', address: 'fd00::2' },
          { type: 'ExternalIP', address: '192.0.2.2' },
          { type: 'Hostname', address: 'vm' },
        ],
      },
    ],
    'is left alone once all that is told': [
      makeNode(
        { 'k3s.io/internal-ip': '10.0.0.2' },
        {
          metadata: { name: 'vm', annotations: { 'k3s.io/internal-ip': '10.0.0.2' }, labels: LABELS },
          spec: { providerID: 'k3s://vm' },
          status: { addresses: [{ type: 'InternalIP', address: '10.0.0.2' }] },
        },
      ),
      {},
    ],
    'waits while its agent has not told its address': [makeNode({}, { spec: { taints: [NEW] } }), {}],
    'keeps an identity and a type that somebody gave it': [
      makeNode(
        {},
        {
          metadata: {
            name: 'vm',
            annotations: { 'k3s.io/internal-ip': '10.0.0.3' },
            labels: { ...LABELS, 'node.kubernetes.io/instance-type': 'large' },
          },
          spec: { providerID: 'other://7' },
          status: { addresses: [{ type: 'InternalIP', address: '10.0.0.2' }] },
        },
      ),
      { addresses: [{ type: 'InternalIP', address: '10.0.0.3' }] },
    ],
    'shows the address first that its kubelet was started with': [
      makeNode(
        {},
        {
          metadata: {
            name: 'vm',
            labels: LABELS,
            annotations: {
              'k3s.io/internal-ip': '10.0.0.2,10.0.0.3',
              'alpha.kubernetes.io/provided-node-ip': '10.0.0.3',
            },
          },
          spec: { providerID: 'k3s://vm' },
        },
      ),
      {
        addresses: [
          { type: 'InternalIP', address: '10.0.0.3' },
          { type: 'InternalIP', address: '10.0.0.2' },
        ],
      },
    ],
  };
  for (const [title, [node, plan]] of Object.entries(rows)) it(title, () => assert.deepEqual(planNode(node), plan));
});
