import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node, Pod } from '../../generated/api/core/v1.ts';
import { planPodGc } from './plan.ts';

function pod(name: string, more: { phase?: string; nodeName?: string; created?: string; going?: boolean } = {}): Pod {
  const deletion = more.going ? { deletionTimestamp: '2030-01-01T00:00:00Z' } : {};
  return {
    metadata: { name, creationTimestamp: more.created ?? '2030-01-01T00:00:00Z', ...deletion },
    spec: { containers: [], nodeName: more.nodeName },
    status: { phase: more.phase ?? 'Running' },
  };
}

const taints = [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }];
const nodes = new Map<string, Node>([
  ['here', { metadata: { name: 'here' }, spec: {} }],
  ['broken', { metadata: { name: 'broken' }, spec: { taints } }],
]);

describe('planPodGc', () => {
  it('finds ended pods in excess, and pods that no kubelet will end', () => {
    const all = [
      pod('old', { phase: 'Succeeded', created: '2029-01-01T00:00:00Z', nodeName: 'here' }),
      pod('young', { phase: 'Failed', nodeName: 'here' }),
      pod('orphan', { nodeName: 'gone' }),
      pod('late', { nodeName: 'missing' }),
      pod('unbound', { going: true }),
      pod('stranded', { going: true, nodeName: 'broken' }),
      pod('leaving', { going: true, nodeName: 'here' }),
    ];
    const plan = planPodGc(all, nodes, 1, (node) => node === 'gone');
    const names = Object.entries(plan).map(([why, list]) => [why, list.map((each: Pod) => each.metadata.name)]);
    assert.deepEqual(Object.fromEntries(names), {
      excess: ['old'],
      orphaned: ['orphan'],
      unscheduled: ['unbound'],
      stranded: ['stranded'],
    });
  });
});
