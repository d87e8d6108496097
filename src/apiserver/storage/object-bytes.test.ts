import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AnyObject } from '../../machinery/object/object.ts';
import { toBytes, toBytesOf, withRevision } from './object-bytes.ts';

const objects: Record<string, AnyObject> = {
  'a namespaced object': { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'a', namespace: 'b', uid: 'c' }, spec: {} },
  'metadata behind the revision': {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { labels: { a: 'b' }, name: 'a', uid: 'c', generation: 1 },
  },
  'metadata without a name': { kind: 'RangeAllocation', apiVersion: 'v1', metadata: {}, range: '10.0.0.0/8' },
  'only metadata behind the revision': { kind: 'X', apiVersion: 'v1', metadata: { labels: { a: 'b' } } },
  'text beyond ASCII': { kind: 'Ü', apiVersion: 'v1', metadata: { name: 'ärger-€-😀', uid: 'ü' }, data: { ö: '€' } },
  'text with escapes': { kind: 'X', apiVersion: 'v1', metadata: { name: 'a"b\\c', uid: 'd' }, data: {} },
  'a revision that is replaced': { kind: 'X', apiVersion: 'v1', metadata: { name: 'a', resourceVersion: '7' } },
};

describe('the bytes of an object', () => {
  for (const [title, object] of Object.entries(objects)) {
    it(`take a resourceVersion: ${title}`, () => {
      const { json } = withRevision(toBytes(object), 42n);
      const expected = { ...object, metadata: { ...object.metadata, resourceVersion: '42' } };
      assert.deepEqual(JSON.parse(json.toString()), expected);
    });

    it(`are known again in the datastore: ${title}`, () => {
      const written = toBytes(object);
      const read = toBytesOf(written.value, JSON.parse(written.value.toString()) as AnyObject);
      assert.equal(read.bytes.toString(), written.bytes.toString());
      assert.equal(read.at, written.at);
    });
  }

  it('are made anew where another server wrote them, or they were converted', () => {
    const object = objects['a namespaced object'] as AnyObject;
    const expected = toBytes(object).bytes.toString();
    const { kind, apiVersion, metadata, ...rest } = object;
    const sorted = Buffer.from(`${JSON.stringify({ apiVersion, kind, metadata, ...rest })}\n`);
    assert.equal(toBytesOf(sorted, object).bytes.toString(), expected);
    const older = toBytes({ ...object, apiVersion: 'v1beta1' }).value;
    assert.equal(toBytesOf(older, object).bytes.toString(), expected);
    const revised = Buffer.from(
      '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"b","uid":"c","resourceVersion":"9"},"spec":{}}\n',
    );
    assert.equal(toBytesOf(revised, object).bytes.toString(), expected);
  });
});
