import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LabelSelector } from '../../generated/api/meta/v1.ts';
import { meetsRequirement, toSelectorText } from './selector-object.ts';

const texts: Record<string, [LabelSelector, string]> = {
  'sorts labels by key': [{ matchLabels: { b: 'c', a: 'b' } }, 'a=b,b=c'],
  'sorts expressions among the labels, and their values': [
    {
      matchLabels: { e: 'f' },
      matchExpressions: [
        { key: 'd', operator: 'In', values: ['y', 'x'] },
        { key: 'f', operator: 'NotIn', values: ['z'] },
      ],
    },
    'd in (x,y),e=f,f notin (z)',
  ],
  'leaves the brackets around a single value': [
    { matchExpressions: [{ key: 'tier', operator: 'In', values: ['web'] }] },
    'tier in (web)',
  ],
  'writes keys alone for what is there or is not': [
    {
      matchExpressions: [
        { key: 'b', operator: 'DoesNotExist' },
        { key: 'a', operator: 'Exists' },
      ],
    },
    'a,!b',
  ],
  'writes nothing for a selector that asks for nothing': [{}, ''],
};

describe('toSelectorText', () => {
  for (const [title, [selector, text]] of Object.entries(texts)) {
    it(title, () => assert.equal(toSelectorText(selector), text));
  }
});

const meetings: Record<string, [string, string[] | undefined, string | undefined, boolean]> = {
  'In is met by one of its values': ['In', ['a', 'b'], 'b', true],
  'In is not met by what is absent': ['In', ['a'], undefined, false],
  'NotIn is met by what is absent': ['NotIn', ['a'], undefined, true],
  'NotIn is not met by one of its values': ['NotIn', ['a'], 'a', false],
  'Exists is met by an empty value': ['Exists', undefined, '', true],
  'DoesNotExist is met by what is absent': ['DoesNotExist', [], undefined, true],
  'Gt compares whole numbers of any length': ['Gt', ['9007199254740992'], '9007199254740993', true],
  'Lt takes signs': ['Lt', ['+3'], '-4', true],
  'Gt is not met by what is no number': ['Gt', ['1'], 'two', false],
  'Lt is not met where no number is asked for': ['Lt', undefined, '1', false],
  'an operator that nobody knows is met by nothing': ['Near', ['a'], 'a', false],
};

describe('meetsRequirement', () => {
  for (const [title, [operator, values, actual, expected]] of Object.entries(meetings)) {
    it(title, () => assert.equal(meetsRequirement(operator, values, actual), expected));
  }
});
