import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseExactJson, writeBigIntsAsNumbers } from './exact-numbers.ts';
import { parseJson } from './parse.ts';

const texts = [
  '{"a":9007199254740993,"b":[-9223372036854775808,1],"c":"9007199254740993"}',
  '{"a":9007199254740991,"b":1.5,"c":1234567890123456}',
  '18446744073709551616',
  '{"a":1}',
];

describe('whole numbers of many digits', () => {
  for (const text of texts)
    it(`keep them in ${text}`, () => {
      writeBigIntsAsNumbers();
      assert.equal(JSON.stringify(parseExactJson(text)), text);
    });

  it('are plain numbers where nothing is lost', () => {
    assert.deepEqual(parseExactJson('[9007199254740991,1e21,12]'), [Number.MAX_SAFE_INTEGER, 1e21, 12]);
  });
});

describe('numbers with a point or an exponent', () => {
  it('are told from whole ones where that is asked for', () => {
    const { value } = parseJson(Buffer.from('{"a":1.0,"b":1e3,"c":2,"d":"1.0","e":true}'), { intoStructs: true });
    assert.deepEqual(
      Object.values(value as object).map((each) => (typeof each === 'object' ? String(each) : each)),
      ['1.0', '1e3', 2, '1.0', true],
    );
  });

  it('are told of where they are too large for any number', () => {
    const found = parseJson(Buffer.from('{"a":1.5,"b":"e400","c":{"d":1e400},"a":2}'), { findDuplicates: true });
    assert.equal(found.hasHugeNumbers, true);
    assert.deepEqual(found.duplicates, ['a']);
    assert.equal(parseJson(Buffer.from('{"a":1.5,"b":"e400"}'), { findDuplicates: true }).hasHugeNumbers, false);
  });
});
