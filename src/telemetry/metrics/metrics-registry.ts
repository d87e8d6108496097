import type { FamilyFacts, FamilySpec, MetricFamily } from './family.ts';
import { HistogramFamily, type HistogramSpec } from './histogram-family.ts';
import { MetricsText } from './metrics-text.ts';
import { ValueFamily } from './value-family.ts';

/** Reads figures that are somewhere anyway; it runs when somebody asks for the text. */
export type Collector = () => void | Promise<void>;

/**
 * The metrics of a process. Counting is arithmetic on arrays; text is made when somebody asks. A family that several
 * parts ask for by name is one.
 */
export class MetricsRegistry {
  readonly #families = new Map<string, MetricFamily>();
  readonly #collectors = new Set<Collector>();

  counter(spec: FamilySpec): ValueFamily {
    return this.#family(spec.name, ValueFamily, () => new ValueFamily(spec, 'counter'));
  }

  gauge(spec: FamilySpec): ValueFamily {
    return this.#family(spec.name, ValueFamily, () => new ValueFamily(spec, 'gauge'));
  }

  histogram(spec: HistogramSpec): HistogramFamily {
    return this.#family(spec.name, HistogramFamily, () => new HistogramFamily(spec));
  }

  /** All families that there are. */
  families(): readonly FamilyFacts[] {
    return [...this.#families.values()].map(({ facts }) => facts);
  }

  /** @returns a function that ends it */
  collect(collector: Collector): () => void {
    this.#collectors.add(collector);
    return () => this.#collectors.delete(collector);
  }

  /** All families by name, in the text format of Prometheus. A collector that fails leaves its figures as they were. */
  async text(): Promise<string> {
    return Buffer.concat(await this.chunks()).toString('utf8');
  }

  /** The same as {@link text}, in pieces. */
  async chunks(): Promise<readonly Buffer[]> {
    await Promise.allSettled([...this.#collectors].map(async (collect) => await collect()));
    const text = new MetricsText();
    const families = [...this.#families.values()].sort(({ name: one }, { name: other }) => (one < other ? -1 : 1));
    for (const family of families) family.write(text);
    return text.end();
  }

  #family<F extends MetricFamily>(name: string, type: new (...args: never[]) => F, make: () => F): F {
    const known = this.#families.get(name);
    if (known === undefined) {
      const made = make();
      this.#families.set(name, made);
      return made;
    }
    if (!(known instanceof type)) throw new Error(`the metric ${name} exists with another type`);
    return known;
  }
}
