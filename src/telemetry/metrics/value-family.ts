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
import { writeSample } from './text.ts';

/** Counters and gauges: one number for each series. */
export class ValueFamily implements MetricFamily {
  readonly name: string;
  readonly facts: FamilyFacts;
  readonly #head: string;
  readonly #series: SeriesIndex;
  #values: Float64Array = new Float64Array(1);

  constructor(spec: FamilySpec, type: 'counter' | 'gauge') {
    const { name, stability, labels } = spec;
    this.name = name;
    this.facts = { name, stability, labels, type };
    this.#head = headOf(spec, type);
    this.#series = new SeriesIndex(spec.labels ?? []);
    if (spec.labels === undefined) this.series();
  }

  /** The series with these values of the labels, in their order; it begins at 0. */
  series(...values: readonly string[]): SeriesId {
    const id = this.#series.idOf(values);
    if (id >= this.#values.length) this.#values = grown(this.#values, id + 1);
    return id;
  }

  add(id: SeriesId, amount = 1): void {
    this.#values[id] = (this.#values[id] ?? 0) + amount;
  }

  set(id: SeriesId, value: number): void {
    this.#values[id] = value;
  }

  get(id: SeriesId): number {
    return this.#values[id] ?? 0;
  }

  remove(...values: readonly string[]): void {
    const id = this.#series.remove(values);
    if (id !== undefined) this.#values[id] = 0;
  }

  /** Forgets all series: ids are void. */
  clear(): void {
    this.#series.clear();
    this.#values.fill(0);
  }

  write(text: MetricsText): void {
    const all = this.#series.sorted();
    if (all.length > 0) text.write(this.#head);
    for (const [labels, id] of all) writeSample(text, this.name, labels, this.#values[id] ?? 0);
  }
}
