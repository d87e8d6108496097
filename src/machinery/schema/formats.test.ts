import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasFormat, isRecognizedFormat, parseGoDuration } from './formats.ts';

const formats: Record<string, { readonly good: readonly string[]; readonly bad: readonly string[] }> = {
  date: { good: ['2024-02-29'], bad: ['2024-02-30', '2024-2-1', ''] },
  'date-time': { good: ['2024-02-29T01:02:03Z', '2024-02-29T01:02:03.5+02:00'], bad: ['2024-02-29', 'x'] },
  uuid: { good: ['5ba7e5a4-7b0f-4a5b-9a2b-3f1c2d3e4f50'], bad: ['5ba7e5a4'] },
  ipv4: { good: ['1.2.3.4'], bad: ['1.2.3', '::1'] },
  ipv6: { good: ['::1'], bad: ['1.2.3.4', ':::'] },
  cidr: { good: ['10.0.0.0/8'], bad: ['10.0.0.0'] },
  byte: { good: ['YWJj'], bad: ['a_b'] },
  duration: { good: ['1h', '90s'], bad: ['later'] },
};

describe('hasFormat', () => {
  for (const [format, { good, bad }] of Object.entries(formats)) {
    it(`tells a ${format}`, () => {
      for (const text of good) assert.equal(hasFormat(format, text), true, text);
      for (const text of bad) assert.equal(hasFormat(format, text), false, text);
    });
  }

  it('has no opinion on formats that it does not know', () => {
    assert.equal(hasFormat('colour', 'red'), undefined);
    assert.equal(isRecognizedFormat('string', 'colour'), false);
    assert.equal(isRecognizedFormat('string', 'date'), true);
  });
});

describe('parseGoDuration', () => {
  const cases: Record<string, bigint | undefined> = {
    '1h30m': 5_400_000_000_000n,
    '-1.5s': -1_500_000_000n,
    '0': 0n,
    '1us': 1000n,
    '1': undefined,
    '': undefined,
    '1d': undefined,
    '9999999h': undefined,
  };
  for (const [text, wanted] of Object.entries(cases)) {
    it(`reads ${JSON.stringify(text)}`, () => assert.equal(parseGoDuration(text), wanted));
  }
});
