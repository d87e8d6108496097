import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AnyObject } from '../../machinery/object/object.ts';
import { toColumns } from './printer-columns.ts';

const object = {
  apiVersion: 'e.com/v1',
  kind: 'X',
  metadata: { name: 'a', creationTimestamp: '2024-01-01T00:00:00Z' },
  spec: { size: 3, text: 'x', on: true, items: [{ n: 1 }, { n: 2 }], map: { a: 1 } },
} as unknown as AnyObject;

const cases: Record<string, [type: string, jsonPath: string, cell: unknown]> = {
  'a number': ['integer', '.spec.size', 3],
  'a text': ['string', '.spec.text', 'x'],
  'a number as a text': ['string', '.spec.size', '3'],
  'a truth': ['boolean', '.spec.on', true],
  'what is not there': ['string', '.spec.none', null],
  'a text where a number should be': ['integer', '.spec.text', null],
  'the first of several results': ['integer', '.spec.items[*].n', 1],
  'an object as JSON': ['string', '.spec.map', '{"a":1}'],
  'a time as an age': ['date', '.metadata.creationTimestamp', '60s'],
};

describe('the columns of a custom resource', () => {
  const nowMs = Date.parse('2024-01-01T00:01:00Z');
  for (const [name, [type, jsonPath, cell]] of Object.entries(cases)) {
    it(`show ${name}`, () => {
      const [, column] = toColumns([{ name: 'C', type, jsonPath }]);
      assert.deepEqual(column?.cell(object, { nowMs } as never), cell);
    });
  }

  it('are the name and the age by default', () => {
    assert.deepEqual(
      toColumns(undefined).map(({ name }) => name),
      ['Name', 'Age'],
    );
  });
});
