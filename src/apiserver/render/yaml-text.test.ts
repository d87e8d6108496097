import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toYaml } from './yaml-text.ts';

const cases: readonly (readonly [string, unknown, string])[] = [
  ['sorts keys and does not indent lists', { b: [1, 'x'], a: { c: true } }, 'a:\n  c: true\nb:\n- 1\n- x\n'],
  ['nests maps in lists', { l: [{ b: 1, a: [{ c: null }] }] }, 'l:\n- a:\n  - c: null\n  b: 1\n'],
  ['nests lists in lists', { l: [['a'], []] }, 'l:\n- - a\n- []\n'],
  ['shows what is empty', { m: {}, l: [], s: '' }, 'l: []\nm: {}\ns: ""\n'],
  [
    'quotes what would be no string',
    { a: '1', b: 'true', c: '2026-01-02T03:04:05Z', d: '0x1f' },
    'a: "1"\nb: "true"\nc: "2026-01-02T03:04:05Z"\nd: "0x1f"\n',
  ],
  ['leaves plain what is a string', { '.': {}, a: 'x:1', b: 'a-b', c: 'v1.2' }, '.: {}\na: x:1\nb: a-b\nc: v1.2\n'],
  ['puts indicators into single quotes', { a: '[x]', b: "it's: so", c: '*' }, "a: '[x]'\nb: 'it''s: so'\nc: '*'\n"],
  ['writes lines as a block', { a: 'x\ny\n', b: 'x\ny' }, 'a: |\n  x\n  y\nb: |-\n  x\n  y\n'],
  ['sorts numbers in keys by value', { a10: 1, a9: 1, 'a-b': 1 }, 'a-b: 1\na9: 1\na10: 1\n'],
  ['escapes what cannot be printed', { a: 'x\ty' }, 'a: "x\\ty"\n'],
  ['breaks long scalars', { a: `${'x'.repeat(80)} y z` }, `a: ${'x'.repeat(80)}\n  y z\n`],
];

describe('toYaml', () => {
  for (const [title, value, text] of cases) {
    it(title, () => {
      assert.equal(toYaml(value), text);
    });
  }
});
