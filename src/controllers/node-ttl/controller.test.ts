import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nodes } from '../../generated/resource-types.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import { planStep } from './controller.ts';

describe('planStep', () => {
  const cases: Record<string, [step: number, nodeCount: number, wanted: number]> = {
    'stays in a small cluster': [0, 100, 0],
    'goes up past the edge': [0, 101, 1],
    'stays between the edges': [1, 95, 1],
    'goes down below the edge': [1, 89, 0],
    'goes up by several': [0, 5000, 4],
    'goes down by several': [4, 1, 0],
  };
  for (const [name, [step, count, wanted]] of Object.entries(cases)) {
    it(name, () => assert.equal(planStep(step, count), wanted));
  }
});

describe('the TTL controller', () => {
  it('annotates nodes', async () => {
    await using cluster = startControllers(['ttl-controller']);
    const { server, until } = cluster;
    server.put(nodes, { metadata: { name: 'n1' }, spec: {} });
    await until(() => server.find(nodes, '', 'n1')?.metadata.annotations?.['node.alpha.kubernetes.io/ttl'] === '0');
  });
});
