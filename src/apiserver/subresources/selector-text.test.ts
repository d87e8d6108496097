import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { selectorText } from './selector-text.ts';

const cases: Record<string, [unknown, string]> = {
  'writes labels sorted by key': [{ matchLabels: { b: 'c', a: 'b' } }, 'a=b,b=c'],
  'writes expressions among the labels': [
    {
      matchLabels: { b: 'c', a: 'b' },
      matchExpressions: [
        { key: 'd', operator: 'In', values: ['y', 'x'] },
        { key: 'e', operator: 'DoesNotExist' },
      ],
    },
    'a=b,b=c,d in (x,y),!e',
  ],
  'takes a plain map of labels': [{ e: 'f' }, 'e=f'],
  'writes nothing for nothing': [undefined, ''],
};

describe('selectorText', () => {
  for (const [title, [selector, text]] of Object.entries(cases)) {
    it(title, () => assert.equal(selectorText(selector), text));
  }
});
