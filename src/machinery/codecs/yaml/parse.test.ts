import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseYaml } from './parse.ts';

const values: Readonly<Record<string, readonly [string, unknown]>> = {
  'maps and lists': ['a:\n- b\n- c: d\n  e: [f, {g: h}]\n', { a: ['b', { c: 'd', e: ['f', { g: 'h' }] }] }],
  'lists that are indented': ['a:\n  - b\n  -\n    - c\n', { a: ['b', ['c']] }],
  'words that look like numbers': ['{a: e1, b: e5, c: 1e, d: _1}', { a: 'e1', b: 'e5', c: '1e', d: '_1' }],
  numbers: [
    'a: [1, -2, 0x1F, 010, 0o17, 0b11, 1_000, 1.5, .5, 1e3]',
    { a: [1, -2, 31, 8, 15, 3, 1000, 1.5, 0.5, 1000] },
  ],
  'whole numbers of any length': ['a: 9223372036854775807', { a: 9223372036854775807n }],
  'yes and no in all their forms': ['a: [y, No, on, OFF, true, "yes"]', { a: [true, false, true, false, true, 'yes'] }],
  'nothing in all its forms': ['a: ~\nb:\nc: null\nd: ""\n', { a: null, b: null, c: null, d: '' }],
  'dates as text': ['a: 2001-01-01\nb: 2001-01-01T00:00:00Z', { a: '2001-01-01', b: '2001-01-01T00:00:00Z' }],
  'keys that are no text': ['1: a\ntrue: b\n1.5: c\n.inf: d\n', { 1: 'a', '.inf': 'd', 1.5: 'c', true: 'b' }],
  tags: ['a: !!str 1\nb: !!binary aGk=\nc: !!float 1\nd: !own x\n', { a: '1', b: 'hi', c: 1, d: 'x' }],
  anchors: ['a: &x {b: c}\nd: *x\n', { a: { b: 'c' }, d: { b: 'c' } }],
  merges: ['a: &x {b: c, d: e}\nf:\n  <<: *x\n  b: g\n', { a: { b: 'c', d: 'e' }, f: { b: 'g', d: 'e' } }],
  'literal blocks': ['a: |\n  one\n   two\n\n  three\n', { a: 'one\n two\n\nthree\n' }],
  'folded blocks': ['a: >-\n  one\n  two\n\n  three\n', { a: 'one two\nthree' }],
  'blocks that keep what follows': ['a: |+\n  one\n\nb: c\n', { a: 'one\n\n', b: 'c' }],
  'quotes over several lines': ["a: \"one\n  two\\\n  three\"\nb: 'it''s'\n", { a: 'one twothree', b: "it's" }],
  escapes: ['a: "\\x41\\u00e9\\U0001F600\\t"', { a: 'Aé😀\t' }],
  'plain text over several lines': ['a: one\n  two\n\n  three\n', { a: 'one two\nthree' }],
  'comments and marks': ['# c\n---\na: b # d\n...\nrest: [', { a: 'b' }],
  'the first of several documents': ['a: 1\n---\nb: 2\n', { a: 1 }],
  'keys behind marks': ['? a\n: b\n', { a: 'b' }],
  'pairs in lists': ['[a: b, c]', [{ a: 'b' }, 'c']],
  'nothing at all': ['# c\n', null],
  'a mark alone': ['---\n', null],
};

const faults: Readonly<Record<string, string>> = {
  'a: [': 'line 1: did not find expected node content',
  'a: b: c': 'mapping values are not allowed in this context',
  '\ta: b': 'found character that cannot start any token',
  'a: 1\n b: 2': 'line 2: mapping values are not allowed in this context',
  '}': 'did not find expected node content',
  '"': 'found unexpected end of stream',
  '%YAML 9.9\n---\na: b': 'found incompatible YAML document',
  '%FOO': 'found unknown directive name',
  '%': 'could not find expected directive name',
  'a: &x [*x]': "anchor 'x' value contains itself",
  'a: *x': "unknown anchor 'x' referenced",
  '? {a: b}\n: c': 'invalid map key: map[interface {}]interface {}{"a":"b"}',
  'a: {b: "x\\qy"}': 'found unknown escape character',
  'a: |\n b\nc': "line 4: could not find expected ':'",
  'a: "b\nc: d': 'line 2: found unexpected end of stream',
  'key: [a, b\nother: c': "line 1: did not find expected ',' or ']'",
  'a:\n  name: e9\n   bad: x\n': 'line 3: mapping values are not allowed in this context',
  'a: !!int x': 'cannot decode !!str `x` as a !!int',
  'a: @b': 'found character that cannot start any token',
  '- a\nb: c': "line 1: did not find expected '-' indicator",
  '<<: 5\n': 'map merge requires map or sequence of maps as the value',
  'a: "\u0001"': 'control characters are not allowed',
};

describe('parseYaml', () => {
  for (const [title, [text, expected]] of Object.entries(values)) {
    it(`reads ${title}`, () => assert.deepEqual(parseYaml(Buffer.from(text)).value, expected));
  }

  for (const [text, message] of Object.entries(faults)) {
    it(`refuses ${JSON.stringify(text)} in upstream's words`, () => {
      assert.throws(() => parseYaml(Buffer.from(text)), { message: `error converting YAML to JSON: yaml: ${message}` });
    });
  }

  it('refuses numbers that JSON does not have', () => {
    const message = 'error converting YAML to JSON: json: unsupported value: NaN';
    assert.throws(() => parseYaml(Buffer.from('a: .nan')), { message });
  });

  it('tells of keys that stand twice, and takes the last', () => {
    const { value, duplicates } = parseYaml(Buffer.from('a: 1\nb:\n  c: 1\n  c: 2\na: 3\n'));
    assert.deepEqual(value, { a: 3, b: { c: 2 } });
    assert.deepEqual(duplicates, ['line 4: key "c" already set in map', 'line 5: key "a" already set in map']);
  });

  it('refuses texts that aliases make huge', () => {
    const levels = Array.from(
      { length: 9 },
      (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join(', ')}]`,
    );
    const text = `a0: &a0 [x]\n${levels.join('\n')}\n`;
    const message = 'error converting YAML to JSON: yaml: document contains excessive aliasing';
    assert.throws(() => parseYaml(Buffer.from(text)), { message });
  });

  it('refuses what is nested too deeply', () => {
    for (const text of ['['.repeat(20_000), '{a: '.repeat(20_000), '- '.repeat(20_000)]) {
      assert.throws(() => parseYaml(Buffer.from(text)), /exceeded max depth of 10000/);
    }
  });
});
