import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DroppedRequests } from './dropped-requests.ts';

/** Refused requests in each second, and what the first of the next second hears. */
const cases: Record<string, [number[], number]> = {
  'says one second at first': [[], 1],
  'says one second while few are refused': [[2, 1, 2], 1],
  'doubles where many are refused': [[3], 2],
  'waits before it doubles again': [[3, 9], 2],
  'doubles again and again': [[3, 9, 9, 20, 20, 20, 20], 8],
  'comes down again step by step': [[3, 0, 0, 0, 1], 1],
};

describe('DroppedRequests', () => {
  for (const [name, [counts, wanted]] of Object.entries(cases))
    it(name, () => {
      let nowMs = 1_000_000;
      const dropped = new DroppedRequests(() => nowMs);
      for (const count of counts) {
        for (let at = 0; at < count; at++) dropped.record('a');
        nowMs += 1000;
      }
      assert.equal(dropped.record('a'), wanted);
      assert.equal(dropped.record('b'), 1);
    });
});
