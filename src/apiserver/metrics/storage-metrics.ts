import type { Backend, ListOptions, Subscriber, WriteOptions } from '../../datastore/backend.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { Clock } from '../../std/clock.ts';
import type { SeriesId } from '../../telemetry/metrics/family.ts';
import type { HistogramFamily } from '../../telemetry/metrics/histogram-family.ts';
import type { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import type { ValueFamily } from '../../telemetry/metrics/value-family.ts';

/** Source of all: apiserver `pkg/storage/etcd3/metrics/metrics.go`. */

const DURATIONS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
const LABELS = ['operation', 'group', 'resource'];

type Operation = 'create' | 'update' | 'delete' | 'get' | 'list' | 'listWithCount';

/** What a storage prefix holds, as labels tell it. */
export interface StoredResource {
  readonly group: string;
  readonly resource: string;
}

/** Names the resources of storage prefixes; those of custom kinds tell themselves. */
export function createResourceNames(definitions: readonly ResourceDefinition[]): (prefix: string) => StoredResource {
  const known = new Map<string, StoredResource>();
  for (const { storagePrefix, group, plural } of definitions)
    if (!known.has(storagePrefix)) known.set(storagePrefix, { group, resource: plural });
  return (prefix) => {
    const slash = prefix.indexOf('/');
    const custom = { group: prefix.slice(0, Math.max(0, slash)), resource: prefix.slice(slash + 1) };
    return known.get(prefix) ?? custom;
  };
}

/** Requests to the datastore, under the names that they have where it is etcd. */
export class DatastoreMetrics {
  readonly clock: Clock;
  readonly totals: ValueFamily;
  readonly errors: ValueFamily;
  readonly durations: HistogramFamily;

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.clock = clock;
    this.totals = registry.counter({
      name: 'etcd_requests_total',
      help: 'Requests to the datastore.',
      stability: 'ALPHA',
      labels: LABELS,
    });
    this.errors = registry.counter({
      name: 'etcd_request_errors_total',
      help: 'Requests to the datastore that failed.',
      stability: 'ALPHA',
      labels: LABELS,
    });
    this.durations = registry.histogram({
      name: 'etcd_request_duration_seconds',
      help: 'Seconds that requests to the datastore took.',
      stability: 'ALPHA',
      labels: LABELS,
      buckets: DURATIONS,
    });
  }

  /** The same datastore, whose requests are counted as those for a resource. */
  meter(inner: Backend, of: StoredResource): Backend {
    return new MeteredBackend(inner, of, this);
  }
}

class MeteredBackend implements Backend {
  readonly #inner: Backend;
  readonly #of: StoredResource;
  readonly #metrics: DatastoreMetrics;
  readonly #series = new Map<Operation, { readonly total: SeriesId; readonly duration: SeriesId }>();

  constructor(inner: Backend, of: StoredResource, metrics: DatastoreMetrics) {
    this.#inner = inner;
    this.#of = of;
    this.#metrics = metrics;
  }

  create(key: string, value: Uint8Array, options?: WriteOptions): Promise<bigint> {
    return this.#measure('create', () => this.#inner.create(key, value, options));
  }

  update(key: string, value: Uint8Array, expected: bigint, options?: WriteOptions): Promise<bigint> {
    return this.#measure('update', () => this.#inner.update(key, value, expected, options));
  }

  delete(key: string, expected: bigint): Promise<bigint> {
    return this.#measure('delete', () => this.#inner.delete(key, expected));
  }

  get(key: string, revision?: bigint): ReturnType<Backend['get']> {
    return this.#measure('get', () => this.#inner.get(key, revision));
  }

  async isStale(key: string): Promise<boolean> {
    return (await this.#inner.isStale?.(key)) ?? false;
  }

  list(prefix: string, options?: ListOptions): ReturnType<Backend['list']> {
    return this.#measure('list', () => this.#inner.list(prefix, options));
  }

  count(...request: Parameters<Backend['count']>): Promise<number> {
    return this.#measure('listWithCount', () => this.#inner.count(...request));
  }

  leased(after: bigint): ReturnType<Backend['leased']> {
    return this.#inner.leased(after);
  }

  currentRevision(): Promise<bigint> {
    return this.#inner.currentRevision();
  }

  compactedRevision(): Promise<bigint> {
    return this.#inner.compactedRevision();
  }

  subscribe(after: bigint, subscriber: Subscriber): ReturnType<Backend['subscribe']> {
    return this.#inner.subscribe(after, subscriber);
  }

  compact(...request: Parameters<Backend['compact']>): ReturnType<Backend['compact']> {
    return this.#inner.compact(...request);
  }

  sizeBytes(): Promise<number> {
    return this.#inner.sizeBytes();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  async #measure<T>(operation: Operation, run: () => Promise<T>): Promise<T> {
    const { clock, totals, errors, durations } = this.#metrics;
    const startedMs = clock.nowMs();
    const { total, duration } = this.#seriesOf(operation);
    totals.add(total);
    try {
      return await run();
    } catch (error) {
      errors.add(errors.series(operation, this.#of.group, this.#of.resource));
      throw error;
    } finally {
      durations.observe(duration, (clock.nowMs() - startedMs) / 1000);
    }
  }

  #seriesOf(operation: Operation): { readonly total: SeriesId; readonly duration: SeriesId } {
    let series = this.#series.get(operation);
    if (series === undefined) {
      const values = [operation, this.#of.group, this.#of.resource] as const;
      series = { total: this.#metrics.totals.series(...values), duration: this.#metrics.durations.series(...values) };
      this.#series.set(operation, series);
    }
    return series;
  }
}
