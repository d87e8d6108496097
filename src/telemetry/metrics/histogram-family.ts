import {
  type FamilyFacts,
  type FamilySpec,
  grown,
  headOf,
  type MetricFamily,
  type SeriesId,
  SeriesIndex,
} from './family.ts';
import type { MetricsText } from './metrics-text.ts';
import { formatFloat, writeSample } from './text.ts';

export interface HistogramSpec extends FamilySpec {
  /** Upper bounds, rising, without infinity. */
  readonly buckets: readonly number[];
}

/** Histograms: all numbers of all series in one array; a series has a number for each bound, one for the rest, and the sum. */
export class HistogramFamily implements MetricFamily {
  readonly name: string;
  readonly facts: FamilyFacts;
  readonly #head: string;
  readonly #bounds: readonly number[];
  readonly #width: number;
  readonly #series: SeriesIndex;
  #numbers: Float64Array = new Float64Array(0);

  constructor(spec: HistogramSpec) {
    const { name, stability, labels, buckets } = spec;
    this.name = name;
    this.facts = { name, stability, labels, buckets, type: 'histogram' };
    this.#head = headOf(spec, 'histogram');
    this.#bounds = spec.buckets;
    this.#width = spec.buckets.length + 2;
    this.#series = new SeriesIndex(spec.labels ?? []);
    if (spec.labels === undefined) this.series();
  }

  /** The series with these values of the labels, in their order. */
  series(...values: readonly string[]): SeriesId {
    const id = this.#series.idOf(values);
    const end = (id + 1) * this.#width;
    if (end > this.#numbers.length) this.#numbers = grown(this.#numbers, end);
    return id;
  }

  observe(id: SeriesId, value: number): void {
    const bounds = this.#bounds;
    const numbers = this.#numbers;
    const start = id * this.#width;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    numbers[start + at] = (numbers[start + at] as number) + 1;
    const sum = start + bounds.length + 1;
    numbers[sum] = (numbers[sum] as number) + value;
  }

  /** Observations so far. */
  count(id: SeriesId): number {
    let count = 0;
    for (let at = 0; at <= this.#bounds.length; at++) count += this.#numbers[id * this.#width + at] ?? 0;
    return count;
  }

  write(text: MetricsText): void {
    const all = this.#series.sorted();
    if (all.length > 0) text.write(this.#head);
    const bucket = `${this.name}_bucket{`;
    const bounds = [...this.#bounds.map(formatFloat), '+Inf'].map((bound) => `le="${bound}"} `);
    for (const [labels, id] of all) {
      const start = id * this.#width;
      let count = 0;
      for (const [at, bound] of bounds.entries()) {
        count += this.#numbers[start + at] ?? 0;
        text.write(bucket);
        if (labels !== '') {
          text.write(labels);
          text.write(',');
        }
        text.write(bound);
        text.write(formatFloat(count));
        text.write('\n');
      }
      writeSample(text, `${this.name}_sum`, labels, this.#numbers[start + bounds.length] ?? 0);
      writeSample(text, `${this.name}_count`, labels, count);
    }
  }
}

/** Bounds that grow by a factor. Source: Go client `prometheus.ExponentialBuckets`. */
export function exponentialBuckets(start: number, factor: number, count: number): readonly number[] {
  const bounds: number[] = [];
  for (let bound = start; bounds.length < count; bound *= factor) bounds.push(bound);
  return bounds;
}

/** Bounds at the same distance. Source: Go client `prometheus.LinearBuckets`. */
export function linearBuckets(start: number, width: number, count: number): readonly number[] {
  const bounds: number[] = [];
  for (let bound = start; bounds.length < count; bound += width) bounds.push(bound);
  return bounds;
}

/** The bounds where a family has none of its own. Source: Go client `prometheus.DefBuckets`. */
export const defaultBuckets: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
