import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node, Pod } from '../../generated/api/core/v1.ts';
import { makeNode, makePod } from '../../testing/scheduling.ts';
import { nodeHint } from './node-hints.ts';

describe('nodeHint', () => {
  const picky = makePod('p', { nodeSelector: { disk: 'fast' } });
  const big = makePod('p', { requests: { cpu: '6' } });
  const plain = makePod('p');
  const fast = makeNode('a', { labels: { disk: 'fast' } });
  const tainted = makeNode('a', { taints: [{ key: 'x', effect: 'NoSchedule' }] });
  const large = (memory: string, cpu: string) => makeNode('a', { allocatable: { cpu, memory } });
  const cases: Record<string, [plugin: string, pod: Pod, node: Node, before: Node | undefined, helps: boolean]> = {
    'a new node that is selected': ['NodeAffinity', picky, fast, undefined, true],
    'a new node that is not': ['NodeAffinity', picky, makeNode('a'), undefined, false],
    'a label that comes': ['NodeAffinity', picky, fast, makeNode('a'), true],
    'a label that was there': ['NodeAffinity', picky, makeNode('a', { labels: { disk: 'fast', x: '' } }), fast, false],
    'a taint that goes': ['TaintToleration', plain, makeNode('a'), tainted, true],
    'a label, where a taint is in the way': ['TaintToleration', plain, fast, makeNode('a'), false],
    'a node that is open again': [
      'NodeUnschedulable',
      plain,
      makeNode('a'),
      makeNode('a', { unschedulable: true }),
      true,
    ],
    'a new node with room': ['NodeResourcesFit', big, large('8Gi', '8'), undefined, true],
    'a new node without': ['NodeResourcesFit', big, makeNode('a'), undefined, false],
    'more of what is wanted': ['NodeResourcesFit', big, large('8Gi', '8'), makeNode('a'), true],
    'more of something else': ['NodeResourcesFit', big, large('9Gi', '8'), large('8Gi', '8'), false],
    'room, where company is missing': ['InterPodAffinity', plain, large('8Gi', '8'), makeNode('a'), false],
    'a label, where company is missing': ['InterPodAffinity', plain, fast, makeNode('a'), true],
  };
  for (const [what, [plugin, pod, node, before, helps]] of Object.entries(cases))
    it(`${helps ? 'takes' : 'passes over'} ${what}`, () => assert.equal(nodeHint(node, before)(pod, plugin), helps));
});
