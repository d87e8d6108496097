import type { Clock } from '../std/clock.ts';
import type { SeriesId } from '../telemetry/metrics/family.ts';
import { exponentialBuckets } from '../telemetry/metrics/histogram-family.ts';
import type { MetricsRegistry } from '../telemetry/metrics/metrics-registry.ts';
import type { ControllerMetrics } from './controller.ts';

/** Seconds. Source: component-base `metrics/prometheus/workqueue/metrics.go`. */
const BUCKETS = exponentialBuckets(1e-8, 10, 10);
const LABELS = ['name'];

interface QueueSeries {
  readonly id: SeriesId;
  readonly waits: SeriesId;
  readonly works: SeriesId;
  /** When the work under way began, oldest first; which one ends is not told, so the oldest does. */
  readonly running: number[];
}

/**
 * Figures of every controller's queue under client-go's names: depth, adds, retries, time in the queue and time of work.
 * Source: component-base `metrics/prometheus/workqueue/metrics.go`.
 */
export class QueueMetrics implements ControllerMetrics {
  readonly #clock: Clock;
  readonly #queues = new Map<string, QueueSeries>();
  readonly #families;

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.#clock = clock;
    const each = (type: 'counter' | 'gauge', name: string, help: string) =>
      registry[type]({ name: `workqueue_${name}`, help, stability: 'BETA', labels: LABELS });
    const times = (name: string, help: string) =>
      registry.histogram({ name: `workqueue_${name}`, help, stability: 'BETA', labels: LABELS, buckets: BUCKETS });
    this.#families = {
      adds: each('counter', 'adds_total', 'Keys that came to wait.'),
      depth: each('gauge', 'depth', 'Keys that wait now.'),
      longest: each('gauge', 'longest_running_processor_seconds', 'Seconds that the oldest work under way has taken.'),
      retries: each('counter', 'retries_total', 'Keys tried again.'),
      unfinished: each('gauge', 'unfinished_work_seconds', 'Seconds that all work under way has taken.'),
      waits: times('queue_duration_seconds', 'Seconds that keys waited.'),
      works: times('work_duration_seconds', 'Seconds of work on keys.'),
    };
    registry.collect(() => this.#collect());
  }

  added(controller: string): void {
    this.#families.adds.add(this.#of(controller).id);
  }

  taken(controller: string, waitedMs: number): void {
    const { waits, running } = this.#of(controller);
    this.#families.waits.observe(waits, waitedMs / 1000);
    running.push(this.#clock.nowMs());
  }

  retried(controller: string): void {
    this.#families.retries.add(this.#of(controller).id);
  }

  depth(controller: string, keys: number): void {
    this.#families.depth.set(this.#of(controller).id, keys);
  }

  reconciled(controller: string, _outcome: 'done' | 'requeued' | 'failed', durationMs: number): void {
    const { works, running } = this.#of(controller);
    this.#families.works.observe(works, durationMs / 1000);
    running.shift();
  }

  #collect(): void {
    const nowMs = this.#clock.nowMs();
    const { longest, unfinished } = this.#families;
    for (const { id, running } of this.#queues.values()) {
      longest.set(id, running[0] === undefined ? 0 : (nowMs - running[0]) / 1000);
      unfinished.set(
        id,
        running.reduce((sum, ms) => sum + (nowMs - ms) / 1000, 0),
      );
    }
  }

  /** The same id in all families of one number: they get their queues in one order. */
  #of(controller: string): QueueSeries {
    const known = this.#queues.get(controller);
    if (known !== undefined) return known;
    const name = toQueueName(controller);
    const { adds, depth, longest, retries, unfinished, waits, works } = this.#families;
    for (const family of [depth, longest, retries, unfinished]) family.series(name);
    const made = { id: adds.series(name), waits: waits.series(name), works: works.series(name), running: [] };
    this.#queues.set(controller, made);
    return made;
  }
}

/** Queues that kube-controller-manager names otherwise, so that its dashboards and alerts find them. */
const upstreamNames: Readonly<Record<string, string>> = {
  'bootstrap-signer': 'bootstrap_signer_queue',
  'clusterrole-aggregation': 'ClusterRoleAggregator',
  csrapproving: 'certificate',
  endpointslice: 'endpoint_slice',
  endpointslicemirroring: 'endpoint_slice_mirroring',
  'ephemeral-volume': 'ephemeral_volume',
  'gc-delete': 'garbage_collector_attempt_to_delete',
  'gc-orphan': 'garbage_collector_attempt_to_orphan',
  'horizontal-pod-autoscaler': 'horizontalpodautoscaler',
  'job-orphans': 'job_orphan_pod',
  'pv-binder': 'volumes',
  'pv-protection': 'pvprotection',
  'pvc-binder': 'claims',
  'pvc-protection': 'pvcprotection',
  'resource-claims': 'resource_claim',
  resourcequota: 'resourcequota_primary',
  'root-ca-cert-publisher': 'root_ca_cert_publisher',
  'serviceaccount-token': 'serviceaccount_tokens_secret',
  'token-cleaner': 'token_cleaner',
  'ttl-after-finished': 'ttl_jobs_to_delete',
  'vac-protection': 'vacprotection',
};

function toQueueName(controller: string): string {
  return upstreamNames[controller] ?? controller.replaceAll('-', '_');
}
