import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JsonSyntaxError, parseJson } from './parse.ts';

const duplicatesOf = (text: string): readonly string[] =>
  parseJson(Buffer.from(text), { findDuplicates: true }).duplicates;

const repeated: Record<string, readonly [text: string, duplicates: readonly string[]]> = {
  'nothing in a plain object': ['{"a":1,"b":{"a":2}}', []],
  'nothing where colons stand in texts': ['{"a:b":"c:\\"d:","e\\\\":":"}', []],
  'a key that stands twice': ['{"a":1,"b":2,"a":3}', ['a']],
  'a key that stands three times, once': ['{"a":1,"a":2,"a":3}', ['a']],
  'keys inside of lists and objects': ['{"l":[{"a":1},{"b":{"c":1,"c":2},"b":3}]}', ['l[1].b.c', 'l[1].b']],
  'a key that is escaped once': ['{"a":1,"\\u0061":2}', ['a']],
  'the name of the prototype': ['{"__proto__":1,"__proto__":2}', ['__proto__']],
  'nothing for the name of the prototype alone': ['{"__proto__":{"a":1}}', []],
};

const wrong: Record<string, string> = {
  '': 'unexpected end of JSON input',
  '{': 'unexpected end of JSON input',
  '{"a" 1}': "invalid character '1' after object key",
  '{"a":1,}': "invalid character '}' looking for beginning of object key string",
  '[1 2]': "invalid character '2' after array element",
  nul: "invalid character ' ' in literal null (expecting 'l')",
  '-': "invalid character ' ' in numeric literal",
  '1e': "invalid character ' ' in exponent of numeric literal",
  '"\\u00"': "invalid character '\"' in \\u hexadecimal character escape",
  '\ufeff{}': "invalid character 'ï' looking for beginning of value",
  '"\u0001"': "invalid character '\\x01' in string literal",
  nope: "invalid character 'o' in literal null (expecting 'u')",
  '{} x': "invalid character 'x' after top-level value",
};

describe('parseJson', () => {
  for (const [what, [text, duplicates]] of Object.entries(repeated))
    it(`finds ${what}`, () => assert.deepEqual(duplicatesOf(text), duplicates));

  for (const [text, message] of Object.entries(wrong)) {
    it(`refuses ${JSON.stringify(text)} in Go's words`, () => {
      assert.throws(() => parseJson(Buffer.from(text)), new JsonSyntaxError(message));
    });
  }

  it('adds the fields of repeated objects, and takes the last of everything else, where structs are read', () => {
    const text = '{"a":{"x":1},"b":[{"c":1},{"c":2}],"a":{"y":"}","z":[1]},"b":[3],"a":{"z":[]}}';
    const { value, duplicates } = parseJson(Buffer.from(text), { findDuplicates: true, intoStructs: true });
    assert.deepEqual(value, { a: { x: 1, y: '}', z: [] }, b: [3] });
    assert.deepEqual(duplicates, ['a', 'b']);
    assert.deepEqual(parseJson(Buffer.from('{"a":{"x":1},"a":{}}')).value, { a: {} });
  });

  it('reads half characters as unknown ones', () => {
    assert.deepEqual(parseJson(Buffer.from('{"a":"\\ud800","b":"\\ud83d\\ude00"}')).value, {
      a: '\ufffd',
      b: '\u{1f600}',
    });
  });

  it('takes what is nested as deep as Go takes it, and no deeper', () => {
    const nested = (depth: number): Buffer => Buffer.from('['.repeat(depth) + ']'.repeat(depth));
    assert.deepEqual(parseJson(nested(10_000), { findDuplicates: true }).duplicates, []);
    assert.throws(() => parseJson(nested(10_001)), new JsonSyntaxError('exceeded max depth'));
  });
});
