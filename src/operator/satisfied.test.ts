import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSatisfied } from './satisfied.ts';

const rows: Record<string, [wanted: unknown, actual: unknown, result: boolean]> = {
  'holds for equal values': [{ a: 1 }, { a: 1 }, true],
  'ignores what the wish does not name': [{ a: 1 }, { a: 1, b: 2 }, true],
  'fails where a value differs': [{ a: { b: 1 } }, { a: { b: 2 } }, false],
  'fails where a value is missing': [{ a: 1 }, {}, false],
  'takes an empty wish for an absent object': [{ emptyDir: {} }, {}, true],
  'fails where a list has another length': [{ a: [1] }, { a: [1, 2] }, false],
  'compares list elements with the same leniency': [{ a: [{ n: 1 }] }, { a: [{ n: 1, defaulted: true }] }, true],
  'fails where a selector selects less than it should': [
    { spec: { selector: { a: '1' } } },
    { spec: { selector: { a: '1', b: '2' } } },
    false,
  ],
  'takes a selector as it should be': [
    { podSelector: { matchLabels: {} } },
    { podSelector: { matchLabels: {} } },
    true,
  ],
  'takes an empty list and an empty text for what servers leave out': [{ a: [], b: '' }, {}, true],
  'fails where a list should be empty': [{ a: [] }, { a: [1] }, false],
  'compares amounts by their value': [
    { limits: { memory: '1024Mi', cpu: 1 } },
    { limits: { memory: '1Gi', cpu: '1' } },
    true,
  ],
  'fails where an amount differs': [{ requests: { cpu: '50m' } }, { requests: { cpu: '51m' } }, false],
  'fails where an amount is missing': [{ requests: { cpu: '50m' } }, { requests: {} }, false],
};

describe('isSatisfied', () => {
  for (const [title, [wanted, actual, result]] of Object.entries(rows)) {
    it(title, () => assert.equal(isSatisfied(wanted, actual), result));
  }
});
