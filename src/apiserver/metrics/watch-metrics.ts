import { exponentialBuckets, type HistogramFamily } from '../../telemetry/metrics/histogram-family.ts';
import type { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import type { ValueFamily } from '../../telemetry/metrics/value-family.ts';
import type { Call } from '../call.ts';

/** What watches send. Source: apiserver `pkg/endpoints/metrics/metrics.go`. */
export class WatchMetrics {
  readonly #events: ValueFamily;
  readonly #sizes: HistogramFamily;

  constructor(registry: MetricsRegistry) {
    const labels = ['group', 'version', 'resource'];
    this.#events = registry.counter({
      name: 'apiserver_watch_events_total',
      help: 'Events sent to watches.',
      stability: 'ALPHA',
      labels,
    });
    this.#sizes = registry.histogram({
      name: 'apiserver_watch_events_sizes',
      help: 'Bytes of events sent to watches.',
      stability: 'ALPHA',
      labels,
      buckets: exponentialBuckets(1024, 2, 8),
    });
  }

  /** @returns what to call with the size of each event of one watch */
  counterFor({ info: { group, version, resource }, trace }: Call): (bytes: number) => void {
    const events = this.#events.series(group, version, resource);
    const sizes = this.#sizes.series(group, version, resource);
    return (bytes) => {
      this.#events.add(events);
      this.#sizes.observe(sizes, bytes);
      if (trace !== undefined) trace.sentBytes = (trace.sentBytes ?? 0) + bytes;
    };
  }
}
