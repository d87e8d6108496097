import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseJsonPath } from './json-path.ts';

const object = {
  metadata: { name: 'x', labels: { 'a.b/c': 'label' } },
  spec: { list: [{ name: 'one' }, { name: 'two' }] },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
};

const rows: Record<string, [path: string, found: unknown[] | undefined]> = {
  'follows fields': ['.metadata.name', ['x']],
  'finds nothing where a field is missing': ['.spec.none.deeper', []],
  'takes an index': ['.spec.list[1].name', ['two']],
  'takes all items': ['.spec.list[*].name', ['one', 'two']],
  'filters by a field': ['.status.conditions[?(@.type=="Ready")].status', ['True']],
  'knows escaped dots': ['.metadata.labels.a\\.b/c', ['label']],
  'knows quoted names': [".metadata.labels['a.b/c']", ['label']],
  'refuses what it does not know': ['.spec.list[(@.length-1)]', undefined],
};

describe('parseJsonPath', () => {
  for (const [title, [path, found]] of Object.entries(rows)) {
    it(title, () => assert.deepEqual(parseJsonPath(path)?.(object), found));
  }
});
