import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GoTimeError } from './go-time.ts';
import { canonicalMicroTime, canonicalTime } from './time.ts';

const taken: Record<string, string> = {
  '2020-01-01T00:00:00+01:00': '2019-12-31T23:00:00Z',
  '2020-01-01T00:00:00,5Z': '2020-01-01T00:00:00Z',
  '2020-01-01T00:00:00.123456789123Z': '2020-01-01T00:00:00Z',
  '2020-01-01T00:00:00+24:00': '2019-12-31T00:00:00Z',
  '2020-01-01T5:00:00Z': '2020-01-01T05:00:00Z',
  '2020-02-29T00:00:00-00:60': '2020-02-29T01:00:00Z',
};

const layout = 'as "2006-01-02T15:04:05Z07:00"';
const refused: Record<string, string> = {
  '': `parsing time "" ${layout}: cannot parse "" as "2006"`,
  x: `parsing time "x" ${layout}: cannot parse "x" as "2006"`,
  '2020-01-01': `parsing time "2020-01-01" ${layout}: cannot parse "" as "T"`,
  '2020-01-01t00:00:00z': `parsing time "2020-01-01t00:00:00z" ${layout}: cannot parse "t00:00:00z" as "T"`,
  '10000-01-01T00:00:00Z': `parsing time "10000-01-01T00:00:00Z" ${layout}: cannot parse "0-01-01T00:00:00Z" as "-"`,
  '2020-01-01T00:00:00': `parsing time "2020-01-01T00:00:00" ${layout}: cannot parse "" as "Z07:00"`,
  '2020-13-01T00:00:00Z': 'parsing time "2020-13-01T00:00:00Z": month out of range',
  '2020-02-30T00:00:00Z': 'parsing time "2020-02-30T00:00:00Z": day out of range',
  '2020-01-01T25:00:00Z': 'parsing time "2020-01-01T25:00:00Z": hour out of range',
  '2020-01-01T00:00:00Zx\n': 'parsing time "2020-01-01T00:00:00Zx\\x0a": extra text: "x\\x0a"',
};

const micro = 'as "2006-01-02T15:04:05.000000Z07:00"';
const refusedAsMicro: Record<string, string> = {
  '2020-01-01T00:00:00Z': `parsing time "2020-01-01T00:00:00Z" ${micro}: cannot parse "Z" as ".000000"`,
  '2020-01-01T00:00:00.1234567Z': `parsing time "2020-01-01T00:00:00.1234567Z" ${micro}: cannot parse "7Z" as "Z07:00"`,
};

describe('times as Go reads them', () => {
  for (const [text, canonical] of Object.entries(taken))
    it(`are taken where ${text} is`, () => assert.equal(canonicalTime(text), canonical));

  for (const [text, message] of Object.entries(refused))
    it(`are not "${text}"`, () => assert.throws(() => canonicalTime(text), new GoTimeError(message)));

  it('have six digits of microseconds, no more and no less', () => {
    assert.equal(canonicalMicroTime('2020-01-01T00:00:00.000010+01:00'), '2019-12-31T23:00:00.000010Z');
    for (const [text, message] of Object.entries(refusedAsMicro))
      assert.throws(() => canonicalMicroTime(text), new GoTimeError(message));
  });
});
