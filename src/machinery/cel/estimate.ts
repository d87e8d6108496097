/** Costs and sizes are ranges; the largest number stands for "nobody knows". */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Where Go's uint64 ends: sums and products stop there. */
export const MAX = 2 ** 64;

export const STRING_FACTOR = 0.1;
export const REGEX_FACTOR = 0.25;

export const fixed = (value: number): Range => ({ min: value, max: value });
export const UNKNOWN: Range = { min: 0, max: MAX };
export const ZERO = fixed(0);
export const ONE = fixed(1);

const cap = (value: number): number => Math.min(value, MAX);
const times = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : cap(a * b));

export const plus = (a: Range, b: Range): Range => ({ min: cap(a.min + b.min), max: cap(a.max + b.max) });
export const product = (a: Range, b: Range): Range => ({ min: times(a.min, b.min), max: times(a.max, b.max) });

/** Rounded up, so that anything costs something. */
export const scale = (a: Range, factor: number): Range => ({
  min: cap(Math.ceil(times(a.min, factor))),
  max: cap(Math.ceil(times(a.max, factor))),
});

export const union = (a: Range, b: Range): Range => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) });
export const sum = (ranges: readonly Range[]): Range => ranges.reduce(plus, ZERO);
