import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinShape } from './builtin.ts';
import { unstructuredFault } from './unstructured-fault.ts';

const pod = builtinShape('core/v1.Pod');
const secret = builtinShape('core/v1.Secret');

describe('unstructuredFault', () => {
  const cases: readonly [string, unknown, string | undefined][] = [
    [
      'takes what fits',
      { metadata: { name: 'a' }, spec: { containers: [{ name: 'a', ports: [{ containerPort: 1 }] }] } },
      undefined,
    ],
    ['refuses a text for a struct', { spec: 'x' }, 'cannot restore struct from: string'],
    ['refuses a list for a struct', { spec: [] }, 'cannot restore struct from: slice'],
    ['refuses a text for a list', { spec: { containers: 'x' } }, 'cannot restore slice from string'],
    ['refuses a number for a map', { metadata: { labels: 5 } }, 'cannot restore map from int64'],
    ['refuses a list for a text', { metadata: { labels: { a: ['x'] } } }, 'unrecognized type: string'],
    ['tells that numbers could be text', { metadata: { name: 5 } }, 'cannot convert int64 to string'],
    ['names types that have a name', { spec: { restartPolicy: 5 } }, 'cannot convert int64 to v1.RestartPolicy'],
    ['refuses halves of whole numbers', { spec: { priority: 1.5 } }, 'cannot convert float64 to int32'],
    ['refuses a text for a number', { spec: { priority: 'x' } }, 'unrecognized type: int32'],
  ];
  for (const [title, value, expected] of cases) {
    it(title, () => assert.equal(unstructuredFault(value, pod), expected));
  }

  it('refuses numbers for bytes', () => {
    assert.equal(unstructuredFault({ data: { a: 5 } }, secret), 'cannot restore slice from int64');
  });
});
