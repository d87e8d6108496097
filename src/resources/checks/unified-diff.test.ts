import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unifiedDiff } from './unified-diff.ts';

const lines = (text: string): string => text.split('').join('\n');

const cases: Record<string, [string, string, string]> = {
  'is empty for equal texts': ['abc', 'abc', ''],
  'shows three lines around a change': ['abcdefgh', 'abcdXfgh', '@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+X\n f\n g\n h\n'],
  'puts what is far apart into hunks of its own': [
    'abcdefghijklmnopq',
    'abXdefghijklmnZZq',
    '@@ -1,6 +1,6 @@\n a\n b\n-c\n+X\n d\n e\n f\n@@ -12,6 +12,6 @@\n l\n m\n n\n-o\n-p\n+Z\n+Z\n q\n',
  ],
  'names the line before one that came': ['ab', 'aXb', '@@ -1,2 +1,3 @@\n a\n+X\n b\n'],
};

describe('unifiedDiff', () => {
  for (const [name, [before, after, expected]] of Object.entries(cases))
    it(name, () => assert.equal(unifiedDiff(lines(before), lines(after)), expected));
});
