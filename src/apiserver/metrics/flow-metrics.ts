import type { SeriesId } from '../../telemetry/metrics/family.ts';
import type { HistogramFamily } from '../../telemetry/metrics/histogram-family.ts';
import type { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import type { ValueFamily } from '../../telemetry/metrics/value-family.ts';
import type { SeatLimits } from '../flowcontrol/seat-pool.ts';

/** Source of all: apiserver `pkg/util/flowcontrol/metrics/metrics.go`. */

const DURATIONS = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];

interface FlowSeries {
  readonly dispatched: SeriesId;
  readonly executing: SeriesId;
  readonly seats: SeriesId;
  readonly waiting: SeriesId;
  readonly waitingSeats: SeriesId;
  readonly waited: SeriesId;
  readonly refusedAfter: SeriesId;
}

export type FlowRefusal = 'queue-full' | 'time-out' | 'concurrency-limit' | 'cancelled';

/** Requests by flow schema and priority level. Every request takes one seat. */
export class FlowMetrics {
  readonly #known = new Map<string, FlowSeries>();
  readonly #dispatched: ValueFamily;
  readonly #rejected: ValueFamily;
  readonly #executing: ValueFamily;
  readonly #executingSeats: ValueFamily;
  readonly #waiting: ValueFamily;
  readonly #waitingSeats: ValueFamily;
  readonly #waits: HistogramFamily;
  readonly #executions: HistogramFamily;
  readonly #limits: readonly (readonly [keyof SeatLimits, ValueFamily])[];

  constructor(registry: MetricsRegistry, limits: () => ReadonlyMap<string, SeatLimits>) {
    const labels = ['priority_level', 'flow_schema'];
    const name = (rest: string): string => `apiserver_flowcontrol_${rest}`;
    const level = ['priority_level'];
    this.#dispatched = registry.counter({
      name: name('dispatched_requests_total'),
      help: 'Requests that got a seat.',
      stability: 'BETA',
      labels,
    });
    this.#rejected = registry.counter({
      name: name('rejected_requests_total'),
      help: 'Requests that got no seat.',
      stability: 'BETA',
      labels: [...labels, 'reason'],
    });
    this.#executing = registry.gauge({
      name: name('current_executing_requests'),
      help: 'Requests that have a seat now.',
      stability: 'BETA',
      labels,
    });
    this.#executingSeats = registry.gauge({
      name: name('current_executing_seats'),
      help: 'Seats that are taken.',
      stability: 'BETA',
      labels,
    });
    this.#waiting = registry.gauge({
      name: name('current_inqueue_requests'),
      help: 'Requests that wait for a seat.',
      stability: 'BETA',
      labels,
    });
    this.#waitingSeats = registry.gauge({
      name: name('current_inqueue_seats'),
      help: 'Seats that are waited for.',
      stability: 'ALPHA',
      labels,
    });
    this.#waits = registry.histogram({
      name: name('request_wait_duration_seconds'),
      help: 'Seconds that requests waited for a seat.',
      stability: 'BETA',
      labels: [...labels, 'execute'],
      buckets: DURATIONS,
    });
    this.#executions = registry.histogram({
      name: name('request_execution_seconds'),
      help: 'Seconds that requests kept their seat.',
      stability: 'ALPHA',
      labels: [...labels, 'type'],
      buckets: DURATIONS,
    });
    const gauge = (rest: string, help: string, stability: 'BETA' | 'ALPHA') =>
      registry.gauge({ name: name(rest), help, stability, labels: level });
    this.#limits = [
      ['nominal', gauge('nominal_limit_seats', 'Seats that are the part of the level.', 'BETA')],
      ['lower', gauge('lower_limit_seats', 'Seats that the level never lends.', 'ALPHA')],
      ['upper', gauge('upper_limit_seats', 'Seats that the level may have at most.', 'ALPHA')],
      ['current', gauge('current_limit_seats', 'Seats that the level could have now.', 'ALPHA')],
    ];
    registry.collect(() => {
      const all = limits();
      for (const [which, family] of this.#limits) {
        family.clear();
        for (const [each, seats] of all) family.set(family.series(each), seats[which]);
      }
    });
  }

  /** A request found no seat yet. @returns what to call when it has one, or gave up */
  waits(level: string, schema: string): () => void {
    const { waiting, waitingSeats } = this.#seriesOf(level, schema);
    this.#waiting.add(waiting);
    this.#waitingSeats.add(waitingSeats);
    return () => {
      this.#waiting.add(waiting, -1);
      this.#waitingSeats.add(waitingSeats, -1);
    };
  }

  /** A request has a seat. @returns what to call when it gives it back */
  begins(level: string, schema: string, waitedMs: number | undefined): (type: string, tookMs: number) => void {
    const { dispatched, executing, seats, waited } = this.#seriesOf(level, schema);
    this.#dispatched.add(dispatched);
    this.#executing.add(executing);
    this.#executingSeats.add(seats);
    if (waitedMs !== undefined) this.#waits.observe(waited, waitedMs / 1000);
    return (type, tookMs) => {
      this.#executing.add(executing, -1);
      this.#executingSeats.add(seats, -1);
      this.#executions.observe(this.#executions.series(level, schema, type), tookMs / 1000);
    };
  }

  refused(level: string, schema: string, reason: FlowRefusal, waitedMs: number): void {
    this.#rejected.add(this.#rejected.series(level, schema, reason));
    this.#waits.observe(this.#seriesOf(level, schema).refusedAfter, waitedMs / 1000);
  }

  #seriesOf(level: string, schema: string): FlowSeries {
    const key = `${level} ${schema}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made: FlowSeries = {
      dispatched: this.#dispatched.series(level, schema),
      executing: this.#executing.series(level, schema),
      seats: this.#executingSeats.series(level, schema),
      waiting: this.#waiting.series(level, schema),
      waitingSeats: this.#waitingSeats.series(level, schema),
      waited: this.#waits.series(level, schema, 'true'),
      refusedAfter: this.#waits.series(level, schema, 'false'),
    };
    this.#known.set(key, made);
    return made;
  }
}
