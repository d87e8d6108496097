import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canonicalTime, parseTime, toTimeText } from './time.ts';

describe('times', () => {
  it('are written and read as the platform does, in every year, month and hour', () => {
    // Steps of 11 days and some odd hours meet every month, leap days and both ends of the usual years.
    for (let ms = -4e11; ms < 4_110_000_000_000; ms += 987_654_321) {
      const seconds = Math.floor(ms / 1000);
      const text = `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
      assert.equal(toTimeText(ms), text);
      assert.deepEqual(parseTime(text), { seconds, nanos: 0 });
      assert.equal(canonicalTime(text), text);
    }
  });

  for (const text of ['2000-02-29T00:00:00Z', '2096-02-29T23:59:59Z', '1970-01-01T00:00:00Z', '1969-12-31T23:59:59Z']) {
    it(`include ${text}`, () => assert.equal(parseTime(text)?.seconds, Date.parse(text) / 1000));
  }

  const wrong = ['2024-01-01T24:00:61Z', '2024-13-01T00:00:00Z', '2024-1a-01T00:00:00Z', '2024-01-00T00:00:00Z', ''];
  for (const text of wrong) it(`do not include "${text}"`, () => assert.equal(parseTime(text), undefined));
});
