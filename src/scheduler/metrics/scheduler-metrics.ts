import type { Clock } from '../../std/clock.ts';
import { ticksOf } from '../../std/clock.ts';
import { exponentialBuckets } from '../../telemetry/metrics/histogram-family.ts';
import type { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import type { CycleMeasure, ExtensionPoint, PointStatus } from './cycle-measure.ts';

/** Source of all: `pkg/scheduler/metrics/metrics.go`. */

const ATTEMPTS = exponentialBuckets(0.001, 2, 15);
/** Of so many cycles one takes the times of plugins. Source: `pkg/scheduler/schedule_one.go` (pluginMetricsSamplePercent). */
const SAMPLE = 10;
const MOST_TOLD_ATTEMPTS = 15;

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';

/** What the queue holds, by the queue that upstream has for it. */
export interface QueueFigures {
  readonly active: number;
  readonly backoff: number;
  readonly unschedulable: number;
  readonly gated: number;
  /** Pods that wait by the plugin that turned them down and by profile. */
  readonly reasons: Iterable<readonly [plugin: string, profile: string, pods: number]>;
}

export interface CacheFigures {
  readonly nodes: number;
  readonly pods: number;
  readonly assumed: number;
}

/** Plugins that look at a pod before they look at nodes, and before they score them. */
const beforeFilter = new Set([
  'DynamicResources',
  'InterPodAffinity',
  'NodeAffinity',
  'NodeDeclaredFeatures',
  'NodePorts',
  'NodeResourcesFit',
  'NodeVolumeLimits',
  'PodTopologySpread',
  'VolumeBinding',
  'VolumeRestrictions',
  'VolumeZone',
]);
const beforeScore = new Set([
  'InterPodAffinity',
  'NodeAffinity',
  'NodeResourcesBalancedAllocation',
  'NodeResourcesFit',
  'PodTopologySpread',
  'TaintToleration',
  'VolumeBinding',
]);

/** What the scheduler does, under kube-scheduler's names. */
export class SchedulerMetrics {
  readonly now: () => number;
  readonly #families;
  #cycles = 0;

  constructor(registry: MetricsRegistry, clock: Clock, read: { queue(): QueueFigures; cache(): CacheFigures }) {
    this.now = ticksOf(clock);
    this.#families = familiesOf(registry);
    const { pending, reasons, cache } = this.#families;
    registry.collect(() => {
      const queue = read.queue();
      for (const name of ['active', 'backoff', 'unschedulable', 'gated'] as const)
        pending.set(pending.series(name), queue[name]);
      reasons.clear();
      for (const [plugin, profile, pods] of queue.reasons) reasons.set(reasons.series(plugin, profile), pods);
      const { nodes, pods, assumed } = read.cache();
      cache.set(cache.series('nodes'), nodes);
      cache.set(cache.series('pods'), pods);
      cache.set(cache.series('assumed_pods'), assumed);
    });
  }

  /** For one try to place a pod. */
  measure(profile: string): CycleMeasure {
    const { points, evaluations, executions } = this.#families;
    const { now } = this;
    const isSampled = this.#cycles++ % SAMPLE === 0;
    const isAsked = (plugin: string, point: ExtensionPoint): boolean =>
      (point !== 'PreFilter' || beforeFilter.has(plugin)) && (point !== 'PreScore' || beforeScore.has(plugin));
    const secondsSince = (startedAt: number): number => (now() - startedAt) / 1000;
    return {
      now,
      point: (point, status, startedAt) =>
        points.observe(points.series(point, status, profile), secondsSince(startedAt)),
      asked(plugin, point, times) {
        if (isAsked(plugin, point)) evaluations.add(evaluations.series(plugin, point, profile), times);
      },
      plugin: isSampled
        ? (plugin: string, point: ExtensionPoint, status: PointStatus, startedAt: number): void => {
            if (isAsked(plugin, point))
              executions.observe(executions.series(plugin, point, status), secondsSince(startedAt));
          }
        : undefined,
    };
  }

  /** A try has ended. */
  attempted(result: AttemptResult, profile: string, startedAt: number): void {
    const { attempts, attemptDurations } = this.#families;
    attempts.add(attempts.series(result, profile));
    attemptDurations.observe(attemptDurations.series(result, profile), (this.now() - startedAt) / 1000);
  }

  /** It is known where a pod goes. */
  decided(startedAt: number): void {
    this.#families.algorithm.observe(0, (this.now() - startedAt) / 1000);
  }

  /** A pod has its node. @param sinceMs - Since it was tried first */
  scheduled(tries: number, sinceMs: number): void {
    const { tries: counts, sli } = this.#families;
    counts.observe(0, tries);
    const told = tries >= MOST_TOLD_ATTEMPTS ? `${MOST_TOLD_ATTEMPTS}+` : String(tries);
    sli.observe(sli.series(told), sinceMs / 1000);
  }

  /** Room was looked for by evicting others. */
  preempting(): void {
    this.#families.preemptions.add(0);
  }

  /** Room is made. @returns what to call at its end */
  evicting(victims: number): (result: 'success' | 'error') => void {
    const { victims: counts, evictions, evictionDurations } = this.#families;
    counts.observe(0, victims);
    const startedAt = this.now();
    return (result) => {
      evictions.add(evictions.series(result));
      evictionDurations.observe(evictionDurations.series(result), (this.now() - startedAt) / 1000);
    };
  }

  /** A pod came into a queue. */
  readonly incoming = (queue: 'active' | 'backoff' | 'unschedulable', event: string): void => {
    const { incoming } = this.#families;
    incoming.add(incoming.series(queue, event));
  };
}

function familiesOf(registry: MetricsRegistry) {
  const name = (rest: string): string => `scheduler_${rest}`;
  return {
    attempts: registry.counter({
      name: name('schedule_attempts_total'),
      help: 'Tries to place pods by how they ended.',
      stability: 'STABLE',
      labels: ['result', 'profile'],
    }),
    attemptDurations: registry.histogram({
      name: name('scheduling_attempt_duration_seconds'),
      help: 'Seconds of tries to place pods, binding included.',
      stability: 'STABLE',
      labels: ['result', 'profile'],
      buckets: ATTEMPTS,
    }),
    algorithm: registry.histogram({
      name: name('scheduling_algorithm_duration_seconds'),
      help: 'Seconds until it was known where a pod goes.',
      stability: 'ALPHA',
      buckets: ATTEMPTS,
    }),
    sli: registry.histogram({
      name: name('pod_scheduling_sli_duration_seconds'),
      help: 'Seconds from the first try to place a pod until it had its node.',
      stability: 'BETA',
      labels: ['attempts'],
      buckets: exponentialBuckets(0.01, 2, 20),
    }),
    tries: registry.histogram({
      name: name('pod_scheduling_attempts'),
      help: 'Tries that it took to place a pod.',
      stability: 'STABLE',
      buckets: exponentialBuckets(1, 2, 5),
    }),
    victims: registry.histogram({
      name: name('preemption_victims'),
      help: 'Pods evicted to make room for one.',
      stability: 'STABLE',
      buckets: exponentialBuckets(1, 2, 7),
    }),
    preemptions: registry.counter({
      name: name('preemption_attempts_total'),
      help: 'Tries to make room by evicting others.',
      stability: 'STABLE',
    }),
    evictions: registry.counter({
      name: name('preemption_goroutines_execution_total'),
      help: 'Evictions of all that stand in the way of a pod.',
      stability: 'ALPHA',
      labels: ['result'],
    }),
    evictionDurations: registry.histogram({
      name: name('preemption_goroutines_duration_seconds'),
      help: 'Seconds that evictions of all that stand in the way of a pod took.',
      stability: 'ALPHA',
      labels: ['result'],
      buckets: exponentialBuckets(0.01, 2, 20),
    }),
    pending: registry.gauge({
      name: name('pending_pods'),
      help: 'Pods that have no node yet, by what they wait for.',
      stability: 'STABLE',
      labels: ['queue'],
    }),
    reasons: registry.gauge({
      name: name('unschedulable_pods'),
      help: 'Pods that wait by each plugin that turned them down.',
      stability: 'BETA',
      labels: ['plugin', 'profile'],
    }),
    incoming: registry.counter({
      name: name('queue_incoming_pods_total'),
      help: 'Pods that came into a queue, by what brought them.',
      stability: 'STABLE',
      labels: ['queue', 'event'],
    }),
    cache: registry.gauge({
      name: name('cache_size'),
      help: 'Nodes, pods and assumed pods that the scheduler knows.',
      stability: 'ALPHA',
      labels: ['type'],
    }),
    points: registry.histogram({
      name: name('framework_extension_point_duration_seconds'),
      help: 'Seconds that all plugins of a point took.',
      stability: 'STABLE',
      labels: ['extension_point', 'status', 'profile'],
      buckets: exponentialBuckets(0.0001, 2, 12),
    }),
    executions: registry.histogram({
      name: name('plugin_execution_duration_seconds'),
      help: 'Seconds that one plugin took at a point; one cycle of ten counts.',
      stability: 'ALPHA',
      labels: ['plugin', 'extension_point', 'status'],
      buckets: exponentialBuckets(0.00001, 1.5, 20),
    }),
    evaluations: registry.counter({
      name: name('plugin_evaluation_total'),
      help: 'Times that a plugin was asked at a point.',
      stability: 'BETA',
      labels: ['plugin', 'extension_point', 'profile'],
    }),
  };
}
