import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { escapeAsGo, sortKeys } from './go-text.ts';

describe("Go's JSON", () => {
  it('escapes what HTML and JavaScript could take for their own', () => {
    const text = JSON.stringify({ command: 'a && b > c <d>', lines: '\u2028\u2029' });
    const expected = '{"command":"a \\u0026\\u0026 b \\u003e c \\u003cd\\u003e","lines":"\\u2028\\u2029"}';
    assert.equal(escapeAsGo(text), expected);
    assert.deepEqual(JSON.parse(expected), JSON.parse(text));
  });

  it('has the keys of maps in order, in lists too', () => {
    assert.equal(JSON.stringify(sortKeys({ b: [{ d: 1, c: null }], $a: 2 })), '{"$a":2,"b":[{"c":null,"d":1}]}');
  });
});
