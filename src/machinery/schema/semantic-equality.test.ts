import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinShape } from './builtin.ts';
import { isSameValue } from './semantic-equality.ts';

type Case = readonly [type: string, a: unknown, b: unknown];

const same: Record<string, Case> = {
  'a plain text that is empty and none': ['core/v1.Container', { name: 'c', image: '' }, { name: 'c' }],
  'a plain struct that is empty and none': ['core/v1.Container', { name: 'c', resources: {} }, { name: 'c' }],
  'an empty list and none': ['core/v1.Container', { name: 'c', args: [] }, { name: 'c' }],
  'amounts in two notations': ['core/v1.ResourceRequirements', { limits: { cpu: '1000m' } }, { limits: { cpu: '1' } }],
};

const different: Record<string, Case> = {
  'a pointer to an empty struct and none': ['core/v1.PodSpec', { affinity: {} }, {}],
  'a pointer to zero and none': ['apps/v1.DeploymentSpec', { replicas: 0 }, {}],
  'an entry without a text and none': ['meta/v1.LabelSelector', { matchLabels: { a: '' } }, {}],
  'lists in another order': ['core/v1.Container', { args: ['a', 'b'] }, { args: ['b', 'a'] }],
};

const compare = ([type, a, b]: Case): readonly boolean[] => {
  const shape = builtinShape(type);
  return [isSameValue(a, b, shape), isSameValue(b, a, shape)];
};

describe('values of a type', () => {
  for (const [what, pair] of Object.entries(same))
    it(`are the same: ${what}`, () => assert.deepEqual(compare(pair), [true, true]));

  for (const [what, pair] of Object.entries(different))
    it(`are not the same: ${what}`, () => assert.deepEqual(compare(pair), [false, false]));

  it('tell an empty list from none where upstream compares bit by bit', () => {
    const shape = builtinShape('networking/v1.NetworkPolicySpec');
    assert.equal(isSameValue({ ingress: [] }, {}, shape, { tellsEmptyFromNone: true }), false);
  });
});
