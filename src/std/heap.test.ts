import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Heap } from './heap.ts';

describe('a heap', () => {
  it('gives its items in order, whatever order they came in', () => {
    for (const items of [[], [1], [3, 1, 2], [5, 4, 3, 2, 1, 0], [1, 1, 0, 2, 2, 0]]) {
      const heap = new Heap<number>((a, b) => a < b);
      for (const item of items) heap.push(item);
      const got: (number | undefined)[] = [];
      while (heap.size > 0) got.push(heap.pop());
      assert.deepEqual(
        got,
        [...items].sort((a, b) => a - b),
      );
    }
  });

  it('stays in order while items come and go', () => {
    const heap = new Heap<number>((a, b) => a < b);
    let seed = 7;
    const held: number[] = [];
    for (let step = 0; step < 2000; step++) {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      if (seed % 3 !== 0) {
        heap.push(seed);
        held.push(seed);
      } else {
        held.sort((a, b) => a - b);
        assert.equal(heap.pop(), held.shift());
      }
    }
    assert.equal(heap.size, held.length);
  });

  it('has nothing to give where it is empty', () => {
    assert.equal(new Heap<number>((a, b) => a < b).pop(), undefined);
  });
});
