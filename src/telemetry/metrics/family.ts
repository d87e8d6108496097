import type { MetricsText } from './metrics-text.ts';
import { formatLabels } from './text.ts';

/** How long a name and its labels stay. Source: component-base `metrics/opts.go`. */
export type Stability = 'STABLE' | 'BETA' | 'ALPHA';

export interface FamilySpec {
  readonly name: string;
  readonly help: string;
  /** Told in front of the help, as upstream does. Left out where upstream has none. */
  readonly stability?: Stability | undefined;
  /** Default: none, so that the family has one series, which is there from the start. */
  readonly labels?: readonly string[] | undefined;
}

/** Names one series of its family; valid until the series is removed. */
export type SeriesId = number;

/** What is known of a family beside its help. */
export interface FamilyFacts extends Omit<FamilySpec, 'help'> {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly buckets?: readonly number[] | undefined;
}

/** What a registry writes out. */
export interface MetricFamily {
  readonly name: string;
  readonly facts: FamilyFacts;
  /** Adds its lines, head included; none while it has no series. */
  write(text: MetricsText): void;
}

/**
 * The series of one family by their label values. Callers on hot paths keep the id; a look-up joins the values and asks
 * a map.
 */
export class SeriesIndex {
  readonly #names: readonly string[];
  readonly #ids = new Map<string, SeriesId>();
  readonly #labels: (string | undefined)[] = [];
  readonly #free: SeriesId[] = [];

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** The series, made where it is new. */
  idOf(values: readonly string[]): SeriesId {
    const key = values.length === 1 ? (values[0] as string) : values.join('\0');
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#free.pop() ?? this.#labels.length;
    this.#ids.set(key, id);
    this.#labels[id] = formatLabels(this.#names, values);
    return id;
  }

  /** @returns its id, which is free from now on; undefined where there is no such series */
  remove(values: readonly string[]): SeriesId | undefined {
    const key = values.join('\0');
    const id = this.#ids.get(key);
    if (id === undefined) return undefined;
    this.#ids.delete(key);
    this.#labels[id] = undefined;
    this.#free.push(id);
    return id;
  }

  /** Forgets all series. */
  clear(): void {
    this.#ids.clear();
    this.#labels.length = 0;
    this.#free.length = 0;
  }

  /** Ids with the text of their labels, in the order of that text. */
  sorted(): readonly (readonly [labels: string, id: SeriesId])[] {
    const all: [string, SeriesId][] = [];
    for (const [id, labels] of this.#labels.entries()) if (labels !== undefined) all.push([labels, id]);
    return all.sort(([one], [other]) => (one < other ? -1 : 1));
  }
}

/** The two lines above the samples of a family. */
export function headOf({ name, help, stability }: FamilySpec, type: string): string {
  return `# HELP ${name} ${stability === undefined ? '' : `[${stability}] `}${help}\n# TYPE ${name} ${type}\n`;
}

/** Twice the room, with what was there. */
export function grown(values: Float64Array, least: number): Float64Array<ArrayBuffer> {
  const wider = new Float64Array(Math.max(least, values.length * 2));
  wider.set(values);
  return wider;
}
