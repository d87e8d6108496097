import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinShape } from '../../schema/builtin.ts';
import { FieldSet, FieldSetError, toPathText } from './field-set.ts';

const set = (fields: Record<string, unknown>): FieldSet => FieldSet.fromWire(fields);

describe('FieldSet', () => {
  it('reads and writes the form of fieldsV1, numbers in keys by their size', () => {
    const wire = {
      'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
      'f:spec': {
        'f:ports': { 'k:{"port":8080}': { 'f:port': {} }, 'k:{"port":443}': { '.': {}, 'f:port': {} } },
        'f:finalizers': { 'v:"b"': {}, 'v:"a"': {} },
      },
    };
    assert.equal(
      JSON.stringify(set(wire).toWire()),
      JSON.stringify({
        'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
        'f:spec': {
          'f:finalizers': { 'v:"a"': {}, 'v:"b"': {} },
          'f:ports': { 'k:{"port":443}': { '.': {}, 'f:port': {} }, 'k:{"port":8080}': { 'f:port': {} } },
        },
      }),
    );
  });

  const a = { 'f:x': { '.': {}, 'f:y': {} }, 'f:z': {} };
  const b = { 'f:x': { 'f:y': {}, 'f:w': {} } };
  const operations: Record<string, [FieldSet, Record<string, unknown>]> = {
    'unites what either has': [set(a).union(set(b)), { 'f:x': { '.': {}, 'f:w': {}, 'f:y': {} }, 'f:z': {} }],
    'keeps what both have': [set(a).intersection(set(b)), { 'f:x': { 'f:y': {} } }],
    'takes away the very paths': [set(a).difference(set({ 'f:x': {} })), { 'f:x': { 'f:y': {} }, 'f:z': {} }],
    'takes away paths with what is below them': [set(a).without(set({ 'f:x': {} })), { 'f:z': {} }],
    'is empty without its only member': [set({ 'f:x': {} }).difference(set({ 'f:x': {} })), {}],
  };
  for (const [name, [result, wanted]] of Object.entries(operations)) {
    it(name, () => assert.deepEqual(result.toWire(), wanted));
  }

  it('leaves the sets that it combines as they are', () => {
    const [left, right] = [set(a), set(b)];
    left.union(right);
    left.without(right);
    assert.deepEqual([left.toWire(), right.toWire()], [a, set(b).toWire()]);
  });

  const broken: Record<string, Record<string, unknown>> = {
    'a path element without a kind': { spec: {} },
    'a key that is no JSON': { 'k:{': {} },
    'a key that is no object': { 'k:1': {} },
    'an inner set that is no object': { 'f:a': 'x' },
  };
  for (const [name, fields] of Object.entries(broken)) {
    it(`refuses ${name}`, () => assert.throws(() => set(fields), FieldSetError));
  }

  it('leaves out kinds of elements that it does not know', () => {
    assert.deepEqual(set({ 'q:new': {}, 'f:a': {} }).toWire(), { 'f:a': {} });
  });

  it('owns the whole of what has become atomic', () => {
    const owned = set({ 'f:spec': { 'f:nodeSelector': { '.': {}, 'f:a': {} }, 'f:nodeName': {} } });
    assert.deepEqual(owned.reconciled(builtinShape('core/v1.Pod')).toWire(), {
      'f:spec': { 'f:nodeName': {}, 'f:nodeSelector': {} },
    });
  });

  it('is the same set where the schema has not changed', () => {
    const owned = set({ 'f:spec': { 'f:nodeSelector': {} } });
    assert.equal(owned.reconciled(builtinShape('core/v1.Pod')), owned);
  });

  it('shows paths as messages do', () => {
    assert.equal(
      toPathText(['f:spec', 'f:ports', 'k:{"port":80,"protocol":"TCP"}', 'f:name']),
      '.spec.ports[port=80,protocol="TCP"].name',
    );
  });
});
