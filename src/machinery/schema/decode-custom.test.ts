import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeObject } from './decode.ts';
import { compileStructural } from './structural.ts';

const { shape } = compileStructural({
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        list: { type: 'array', items: { type: 'object', properties: { a: { type: 'string' } } } },
        map: { type: 'object', additionalProperties: { type: 'string' } },
        object: { type: 'object', 'x-kubernetes-embedded-resource': true },
      },
    },
  },
});
const decode = (spec: object): ReturnType<typeof decodeObject> =>
  decodeObject({ kind: 'Gap', apiVersion: 'example.com/v1', spec }, shape, { unknownFields: 'drop' });

const strays: Record<string, [spec: object, unknown: string[], kept: object]> = {
  'a map in place of a list': [{ list: { a: 'b' } }, ['spec.list.a'], { list: {} }],
  'a list in place of an object': [{ list: [[{ a: 'b' }]] }, ['spec.list[0][0].a'], { list: [[{}]] }],
  'a list in place of a map': [{ map: [{ a: 'b' }] }, ['spec.map[0].a'], { map: [{}] }],
  'a map in place of a text': [{ map: { a: { b: 1 } } }, ['spec.map.a.b'], { map: { a: {} } }],
  'a text in place of a list': [{ list: 'x' }, [], { list: 'x' }],
};

const refused: Record<string, [object: object, fault: string]> = {
  'metadata that are no object': [
    { metadata: 'x' },
    'spec.object.metadata: Invalid value: "x": json: cannot unmarshal string into Go value of type v1.ObjectMeta',
  ],
  'a name that is no text': [
    { metadata: { name: 5 } },
    'spec.object.metadata: Invalid value: {"name":5}: json: cannot unmarshal number into Go struct field ObjectMeta.name of type string',
  ],
  'a version that is no text': [{ apiVersion: 5 }, 'spec.object.apiVersion: Invalid value: 5: must be a string'],
};

describe('decodeObject of custom objects', () => {
  for (const [name, [spec, unknown, kept]] of Object.entries(strays)) {
    it(`leaves ${name} without the fields that nothing describes`, () => {
      const decoded = decode(spec);
      assert.deepEqual(decoded.unknown, unknown);
      assert.deepEqual((decoded.object as unknown as { spec: object }).spec, kept);
    });
  }

  for (const [name, [object, fault]] of Object.entries(refused)) {
    it(`refuses ${name} in objects inside of them`, () => {
      const message = `Gap in version "v1" cannot be handled as a Gap: ${fault}`;
      assert.throws(() => decode({ object }), { code: 400, message });
    });
  }

  it('names unknown metadata of objects inside of them, and makes an object of null', () => {
    assert.deepEqual(decode({ object: { metadata: { other: 1 } } }).unknown, ['spec.object.metadata.other']);
    assert.deepEqual((decode({ object: { metadata: null } }).object as never as { spec: object }).spec, {
      object: { metadata: {} },
    });
  });
});
