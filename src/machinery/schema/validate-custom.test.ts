import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { Correlated } from './correlated.ts';
import { readSchema } from './read-schema.ts';
import { validateCustom } from './validate-custom.ts';

interface Case {
  readonly schema: object;
  readonly value: unknown;
  readonly faults: readonly string[];
}

const cases: Record<string, Case> = {
  'a value of another type': {
    schema: { type: 'object', properties: { a: { type: 'integer' } } },
    value: { a: 'x' },
    faults: ['a: Invalid value: "string": a in body must be of type integer: "string"'],
  },
  'a null that may not be': {
    schema: { type: 'object', properties: { a: { type: 'string' } } },
    value: { a: null },
    faults: ['a: Invalid value: "null": a in body must be of type string: "null"'],
  },
  'a null that may be': {
    schema: { type: 'object', properties: { a: { type: 'string', nullable: true } } },
    value: { a: null },
    faults: [],
  },
  'fields that are missing': {
    schema: { type: 'object', required: ['a', 'b'] },
    value: { b: 1 },
    faults: ['a: Required value'],
  },
  'a value that is none of those listed': {
    schema: { type: 'object', properties: { a: { type: 'string', enum: ['x', 'y'] } } },
    value: { a: 'z' },
    faults: ['a: Unsupported value: "z": supported values: "x", "y"'],
  },
  'numbers out of bounds': {
    schema: { type: 'object', properties: { a: { type: 'integer', minimum: 1 }, b: { type: 'number', maximum: 2 } } },
    value: { a: 0, b: 3 },
    faults: [
      'a: Invalid value: 0: a in body should be greater than or equal to 1',
      'b: Invalid value: 3: b in body should be less than or equal to 2',
    ],
  },
  'text against its length, and its pattern only then': {
    schema: {
      type: 'object',
      properties: { a: { type: 'string', pattern: '^a+$', maxLength: 2 }, b: { type: 'string', pattern: '^a+$' } },
    },
    value: { a: 'bbb', b: 'bbb' },
    faults: ['a: Too long: may not be more than 2 bytes', 'b: Invalid value: "bbb": b in body should match \'^a+$\''],
  },
  'lists of too many': {
    schema: { type: 'object', properties: { a: { type: 'array', maxItems: 1, items: { type: 'string' } } } },
    value: { a: ['x', 'y'] },
    faults: ['a: Too many: 2: must have at most 1 item'],
  },
  'a whole number or a text': {
    schema: { type: 'object', properties: { a: { 'x-kubernetes-int-or-string': true } } },
    value: { a: 1.5 },
    faults: ['a: Invalid value: "number": a in body must be of type integer,string: "number"'],
  },
};

describe('validateCustom', () => {
  for (const [name, { schema, value, faults }] of Object.entries(cases)) {
    it(`judges ${name}`, () => {
      assert.deepEqual(validateCustom(value, readSchema(schema)).map(String), faults);
    });
  }

  describe('beside the value that is replaced', () => {
    const schema: JSONSchemaProps = readSchema({
      type: 'object',
      properties: {
        a: { type: 'integer', maximum: 5 },
        list: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: { type: 'object', properties: { name: { type: 'string' }, n: { type: 'integer', maximum: 5 } } },
        },
      },
    });
    const judge = (value: unknown, old: unknown) =>
      validateCustom(value, schema, { correlated: new Correlated(value, old, schema) }).map(String);

    it('forgives what did not change', () => {
      assert.deepEqual(judge({ a: 9 }, { a: 9 }), []);
      assert.deepEqual(judge({ a: 9 }, { a: 8 }), ['a: Invalid value: 9: a in body should be less than or equal to 5']);
    });

    it('knows items by their keys', () => {
      const old = { list: [{ name: 'x', n: 9 }] };
      assert.deepEqual(judge({ list: [{ name: 'y', n: 1 }, ...old.list] }, old), []);
      assert.equal(judge({ list: [{ name: 'y', n: 9 }, ...old.list] }, old).length, 1);
    });
  });
});
