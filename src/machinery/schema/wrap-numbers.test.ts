import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinShape, typeNameOf } from './builtin.ts';
import { wrapNumbers } from './wrap-numbers.ts';

describe('wrapNumbers', () => {
  const shape = builtinShape(typeNameOf('apps/v1', 'Deployment') ?? '');
  const cases: readonly [title: string, given: unknown, wanted: unknown][] = [
    ['keeps the lowest bits of 32', { spec: { replicas: 3_000_000_000 } }, { spec: { replicas: -1_294_967_296 } }],
    ['counts on behind the last number', { spec: { replicas: 4_294_967_297 } }, { spec: { replicas: 1 } }],
    ['takes what 64 bits do not hold as the smallest', { spec: { replicas: 10n ** 20n } }, { spec: { replicas: 0 } }],
    [
      'keeps long numbers exact',
      { metadata: { generation: 10n ** 20n } },
      { metadata: { generation: -9223372036854775808n } },
    ],
    ['leaves halves and texts', { spec: { replicas: 1.5, minReadySeconds: '9' } }, undefined],
    ['leaves what fits', { spec: { replicas: 2 }, other: { replicas: 2 ** 40 } }, undefined],
  ];
  for (const [title, given, wanted] of cases) {
    it(title, () => assert.deepEqual(wrapNumbers(given, shape), wanted ?? given));
  }

  it('reaches into lists', () => {
    const given = { spec: { template: { spec: { containers: [{ ports: [{ containerPort: 4_294_967_376 }] }] } } } };
    const wanted = { spec: { template: { spec: { containers: [{ ports: [{ containerPort: 80 }] }] } } } };
    assert.deepEqual(wrapNumbers(given, shape), wanted);
  });
});
