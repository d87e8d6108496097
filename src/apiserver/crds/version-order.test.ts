import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareVersions } from './version-order.ts';

describe('compareVersions', () => {
  it('puts the preferred version first', () => {
    const shuffled = ['foo10', 'v1alpha1', 'v11beta2', 'v10', 'v1', 'v12alpha1', 'v2', 'foo1', 'v10beta3', 'v3beta1'];
    assert.deepEqual(shuffled.sort(compareVersions), [
      'v10',
      'v2',
      'v1',
      'v11beta2',
      'v10beta3',
      'v3beta1',
      'v12alpha1',
      'v1alpha1',
      'foo1',
      'foo10',
    ]);
  });
});
