import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { validateStructural } from './structural-rules.ts';

const cases: Record<string, [schema: object, faults: readonly string[]]> = {
  'no type at the root': [{}, ['s.type: Required value: must not be empty at the root']],
  'no type of a field': [
    { type: 'object', properties: { a: {} } },
    ['s.properties[a].type: Required value: must not be empty for specified object fields'],
  ],
  'no type of an item': [
    { type: 'array', items: {} },
    [
      's.items.type: Required value: must not be empty for specified array items',
      's.type: Invalid value: "array": must be object at the root',
    ],
  ],
  'a type in a junctor': [
    { type: 'object', anyOf: [{ type: 'object' }] },
    ['s.anyOf[0].type: Forbidden: must be empty to be structural'],
  ],
};

describe('validateStructural', () => {
  for (const [name, [schema, faults]] of Object.entries(cases)) {
    it(`finds ${name}`, () => assert.deepEqual(validateStructural(schema, 's').map(String), faults));
  }

  it('finds nothing in a schema of types all over', () => {
    const schema = { type: 'object', properties: { a: { 'x-kubernetes-int-or-string': true }, b: { type: 'string' } } };
    assert.deepEqual(validateStructural(schema, 's'), []);
  });
});
