import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fillDefaults, pruneCustom, pruneNulls } from './custom-values.ts';
import { readSchema } from './read-schema.ts';

const schema = readSchema({
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      default: {},
      properties: {
        size: { type: 'integer', default: 3 },
        name: { type: 'string', nullable: true, default: 'x' },
        list: { type: 'array', items: { type: 'object', properties: { on: { type: 'boolean', default: true } } } },
        free: {
          type: 'object',
          'x-kubernetes-preserve-unknown-fields': true,
          properties: { shut: { type: 'object', properties: {} } },
        },
        map: { type: 'object', additionalProperties: { type: 'object', properties: { a: { type: 'string' } } } },
        template: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          properties: { spec: { type: 'object', properties: {} } },
        },
      },
    },
  },
});

describe('pruneCustom', () => {
  const prune = (spec: object): unknown => {
    const value = { spec };
    pruneCustom(value, schema, false);
    return value.spec;
  };

  it('drops what the schema does not know', () => {
    assert.deepEqual(prune({ size: 1, other: 2, list: [{ on: true, off: 1 }] }), { size: 1, list: [{ on: true }] });
    assert.deepEqual(prune({ map: { k: { a: 'x', b: 1 } } }), { map: { k: { a: 'x' } } });
  });

  it('keeps the unknown where it is told to, but not below what is known', () => {
    assert.deepEqual(prune({ free: { any: { deep: 1 }, shut: { gone: 1 } } }), {
      free: { any: { deep: 1 }, shut: {} },
    });
  });

  it('keeps the type and the metadata of embedded objects', () => {
    const template = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: {} };
    assert.deepEqual(prune({ template: { ...template, other: 1 } }), { template });
  });

  it('leaves values of other types, without the fields that nothing knows', () => {
    assert.deepEqual(prune({ list: { a: 1 }, map: [1] }), { list: {}, map: [1] });
  });
});

describe('fillDefaults', () => {
  const fill = (value: Record<string, unknown>): unknown => {
    pruneNulls(value, schema);
    fillDefaults(value, schema);
    return value;
  };

  it('fills what is missing, outermost first', () => {
    assert.deepEqual(fill({}), { spec: { size: 3, name: 'x' } });
    assert.deepEqual(fill({ spec: { list: [{}] } }), { spec: { size: 3, name: 'x', list: [{ on: true }] } });
  });

  it('takes a null for missing unless it is allowed', () => {
    assert.deepEqual(fill({ spec: { size: null, name: null } }), { spec: { size: 3, name: null } });
  });

  it('never shares a default between objects', () => {
    const first = fill({}) as { spec: { size: number } };
    first.spec.size = 9;
    assert.deepEqual(fill({}), { spec: { size: 3, name: 'x' } });
  });
});
