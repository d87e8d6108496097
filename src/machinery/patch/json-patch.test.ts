import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StatusError } from '../errors/status-error.ts';
import { applyJsonPatch } from './json-patch.ts';

const document = { a: { b: [1, 2, 3] }, 'x/y': { '~': 1 }, n: null };

const cases: Record<string, [patch: unknown[], result: unknown]> = {
  'adds a field': [[{ op: 'add', path: '/c', value: 1 }], { ...document, c: 1 }],
  'adds before an item, and behind the last': [
    [
      { op: 'add', path: '/a/b/0', value: 0 },
      { op: 'add', path: '/a/b/-', value: 4 },
    ],
    { ...document, a: { b: [0, 1, 2, 3, 4] } },
  ],
  'counts negative indexes from the end': [
    [{ op: 'replace', path: '/a/b/-1', value: 9 }],
    { ...document, a: { b: [1, 2, 9] } },
  ],
  'reads escapes in names': [[{ op: 'remove', path: '/x~1y/~0' }], { ...document, 'x/y': {} }],
  'takes null for what is absent when it tests': [[{ op: 'test', path: '/missing' }], document],
  'moves and copies': [
    [
      { op: 'copy', from: '/a', path: '/c' },
      { op: 'move', from: '/n', path: '/m' },
    ],
    { a: document.a, 'x/y': document['x/y'], c: document.a, m: null },
  ],
  'sets a field of any name': [
    [{ op: 'add', path: '/__proto__', value: 1 }],
    JSON.parse('{"a":{"b":[1,2,3]},"x/y":{"~":1},"n":null,"__proto__":1}'),
  ],
};

const refused: Record<string, unknown[]> = {
  'an operation that nobody knows': [{ op: 'odd', path: '/a' }],
  'a path that leads nowhere': [{ op: 'add', path: '/q/r', value: 1 }],
  'removing what is not there': [{ op: 'remove', path: '/q' }],
  'a test in vain': [{ op: 'test', path: '/a/b/0', value: 2 }],
  'an index behind the end': [{ op: 'add', path: '/a/b/9', value: 1 }],
  'a path into what JavaScript gives every object': [{ op: 'add', path: '/constructor/x', value: 1 }],
  'copies that double without end': Array.from({ length: 40 }, (_, at) => ({
    op: 'copy',
    from: '/a',
    path: `/a/${at}`,
  })),
};

describe('applyJsonPatch', () => {
  for (const [name, [patch, result]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(applyJsonPatch(document, patch), result));
  }
  for (const [name, patch] of Object.entries(refused)) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => applyJsonPatch(document, patch),
        (error: StatusError) => error.code === 422,
      );
    });
  }
  it('changes nothing in what it was given', () => {
    applyJsonPatch(document, [{ op: 'remove', path: '/a/b/0' }]);
    assert.deepEqual(document.a.b, [1, 2, 3]);
  });
});
