import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readSchema } from '../../machinery/schema/read-schema.ts';
import { followFieldPath } from './field-path.ts';

const schema = readSchema({
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        size: { type: 'integer' },
        'a.b': { type: 'string' },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        list: { type: 'array', items: { type: 'string' } },
      },
    },
  },
});

const cases: Record<string, [text: string, type: string] | undefined> = {
  '.spec': ['spec', 'object'],
  '.spec.size': ['spec.size', 'integer'],
  ".spec['a.b']": ['spec.a.b', 'string'],
  '.spec.labels.x': ['spec.labels[x]', 'string'],
  '.spec.other': undefined,
  '.spec.size.x': undefined,
  '.spec.list[0]': undefined,
  spec: undefined,
  '.': undefined,
  ".spec['": undefined,
};

describe('followFieldPath', () => {
  for (const [path, wanted] of Object.entries(cases)) {
    it(`${wanted === undefined ? 'refuses' : 'follows'} ${JSON.stringify(path)}`, () => {
      const found = followFieldPath(path, schema, { allowsBrackets: true });
      if (wanted === undefined) assert.equal(typeof found, 'string');
      else assert.ok(typeof found === 'object' && found.text === wanted[0] && found.schema?.type === wanted[1]);
    });
  }
});
