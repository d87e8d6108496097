import type { Clock } from '../../std/clock.ts';
import type { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';

const kinds = ['readOnly', 'mutating'] as const;

export type RequestKind = (typeof kinds)[number];

interface Peak {
  now: number;
  /** The second that `peak` is of, and the highest number of the one before. */
  second: number;
  peak: number;
  before: number;
}

/** How many requests were under way at most within the last second. No timer runs for it. */
export class InFlight {
  readonly #clock: Clock;
  readonly #peaks: Readonly<Record<RequestKind, Peak>> = { readOnly: none(), mutating: none() };

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.#clock = clock;
    const gauge = registry.gauge({
      name: 'apiserver_current_inflight_requests',
      help: 'Requests under way, at most, within the last second.',
      stability: 'STABLE',
      labels: ['request_kind'],
    });
    registry.collect(() => {
      for (const kind of kinds) gauge.set(gauge.series(kind), this.#read(this.#peaks[kind]));
    });
  }

  begin(kind: RequestKind): () => void {
    const peak = this.#peaks[kind];
    this.#turn(peak);
    peak.now++;
    if (peak.now > peak.peak) peak.peak = peak.now;
    return () => {
      this.#turn(peak);
      peak.now--;
    };
  }

  #read(peak: Peak): number {
    this.#turn(peak);
    return Math.max(peak.before, peak.now);
  }

  #turn(peak: Peak): void {
    const second = Math.floor(this.#clock.nowMs() / 1000);
    if (second === peak.second) return;
    peak.before = second === peak.second + 1 ? peak.peak : peak.now;
    peak.peak = peak.now;
    peak.second = second;
  }
}

function none(): Peak {
  return { now: 0, second: 0, peak: 0, before: 0 };
}
