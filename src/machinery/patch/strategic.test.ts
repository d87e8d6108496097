import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinShape } from '../schema/builtin.ts';
import { applyMergePatch } from './merge.ts';
import { applyStrategicMergePatch, PatchResultError } from './strategic.ts';

const shape = builtinShape('core/v1.Pod');
const pod = {
  metadata: { labels: { a: '1', b: '2' }, finalizers: ['x/1', 'x/2'] },
  spec: {
    containers: [
      { name: 'a', image: 'i1', args: ['1'] },
      { name: 'b', image: 'i2' },
    ],
    tolerations: [{ key: 'k' }],
  },
};

const cases: Record<string, [patch: unknown, result: unknown]> = {
  'merges items of a keyed list by their key': [
    { spec: { containers: [{ name: 'b', image: 'new' }] } },
    { ...pod, spec: { ...pod.spec, containers: [pod.spec.containers[0], { name: 'b', image: 'new' }] } },
  ],
  'deletes an item by directive': [
    { spec: { containers: [{ name: 'a', $patch: 'delete' }] } },
    { ...pod, spec: { ...pod.spec, containers: [pod.spec.containers[1]] } },
  ],
  'replaces a list by directive': [
    { spec: { containers: [{ name: 'c' }, { $patch: 'replace' }] } },
    { ...pod, spec: { ...pod.spec, containers: [{ name: 'c' }] } },
  ],
  'replaces lists that have no key': [
    { spec: { tolerations: [{ key: 'z' }] } },
    { ...pod, spec: { ...pod.spec, tolerations: [{ key: 'z' }] } },
  ],
  'adds to sets of scalars': [
    { metadata: { finalizers: ['x/3'] } },
    { ...pod, metadata: { ...pod.metadata, finalizers: ['x/3', 'x/1', 'x/2'] } },
  ],
  'deletes from sets of scalars': [
    { metadata: { '$deleteFromPrimitiveList/finalizers': ['x/1'] } },
    { ...pod, metadata: { ...pod.metadata, finalizers: ['x/2'] } },
  ],
  'orders items as told': [
    { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] } },
    { ...pod, spec: { ...pod.spec, containers: [...pod.spec.containers].reverse() } },
  ],
  'removes fields that are null': [
    { metadata: { labels: { a: null } } },
    { ...pod, metadata: { ...pod.metadata, labels: { b: '2' } } },
  ],
};

describe('applyStrategicMergePatch', () => {
  for (const [name, [patch, result]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(applyStrategicMergePatch(pod, patch, shape), result));
  }
  it('refuses a map in place of a list', () => {
    assert.throws(() => applyStrategicMergePatch({ spec: {} }, { spec: { containers: {} } }, shape), PatchResultError);
  });
});

describe('applyMergePatch', () => {
  it('merges objects, removes nulls and replaces the rest', () => {
    assert.deepEqual(applyMergePatch({ a: { b: 1, c: 2 }, d: [1] }, { a: { b: null, e: {} }, d: [2] }), {
      a: { c: 2, e: {} },
      d: [2],
    });
  });
  it('takes any name for a field', () => {
    const patch = JSON.parse('{"data":{"__proto__":"x"}}') as unknown;
    assert.deepEqual(Object.keys((applyMergePatch({}, patch) as { data: object }).data), ['__proto__']);
  });
});
