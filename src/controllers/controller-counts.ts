import type { Job } from '../generated/api/batch/v1.ts';
import { exponentialBuckets, type HistogramFamily } from '../telemetry/metrics/histogram-family.ts';
import type { MetricsRegistry } from '../telemetry/metrics/metrics-registry.ts';
import type { ValueFamily } from '../telemetry/metrics/value-family.ts';

/** Nodes of a zone, and how many of them are not well. */
export interface ZoneFigures {
  readonly nodes: number;
  readonly unhealthy: number;
}

const DELETIONS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 120, 180, 240];

/** What controllers count of their own, beside their queues, under kube-controller-manager's names. */
export class ControllerCounts {
  readonly #zones: readonly [health: ValueFamily, size: ValueFamily, unhealthy: ValueFamily];
  readonly #evictions: ValueFamily;
  readonly #allNodes: HistogramFamily;
  readonly #oneNode: HistogramFamily;
  readonly #skews: HistogramFamily;
  readonly #jobs: ValueFamily;
  readonly #jobDeletions: HistogramFamily;
  readonly #taintDeletions: ValueFamily;
  readonly #taintDelays: HistogramFamily;

  constructor(registry: MetricsRegistry) {
    const zone = (name: string, help: string): ValueFamily =>
      registry.gauge({ name: `node_collector_${name}`, help, stability: 'ALPHA', labels: ['zone'] });
    // Source: pkg/controller/nodelifecycle/metrics.go.
    this.#zones = [
      zone('zone_health', 'Nodes of a zone that are well, in percent.'),
      zone('zone_size', 'Nodes of a zone.'),
      zone('unhealthy_nodes_in_zone', 'Nodes of a zone that are not well.'),
    ];
    this.#evictions = registry.counter({
      name: 'node_collector_evictions_total',
      help: 'Nodes that were marked so that their pods go.',
      stability: 'STABLE',
      labels: ['zone'],
    });
    this.#allNodes = registry.histogram({
      name: 'node_collector_update_all_nodes_health_duration_seconds',
      help: 'Seconds of a look at all nodes.',
      stability: 'ALPHA',
      buckets: exponentialBuckets(0.01, 4, 8),
    });
    this.#oneNode = registry.histogram({
      name: 'node_collector_update_node_health_duration_seconds',
      help: 'Seconds of a look at one node.',
      stability: 'ALPHA',
      buckets: exponentialBuckets(0.001, 4, 8),
    });
    // Source: pkg/controller/cronjob/metrics/metrics.go.
    this.#skews = registry.histogram({
      name: 'cronjob_controller_job_creation_skew_duration_seconds',
      help: 'Seconds between the time of a job and its creation.',
      stability: 'STABLE',
      buckets: exponentialBuckets(1, 2, 10),
    });
    // Source: pkg/controller/job/metrics/metrics.go.
    this.#jobs = registry.counter({
      name: 'job_controller_jobs_finished_total',
      help: 'Jobs that ended.',
      stability: 'STABLE',
      labels: ['completion_mode', 'result', 'reason'],
    });
    // Source: pkg/controller/ttlafterfinished/metrics/metrics.go.
    this.#jobDeletions = registry.histogram({
      name: 'ttl_after_finished_controller_job_deletion_duration_seconds',
      help: 'Seconds between the end of the time to live of a job and its deletion.',
      stability: 'ALPHA',
      buckets: exponentialBuckets(0.1, 2, 14),
    });
    // Source: pkg/controller/tainteviction/metrics/metrics.go.
    this.#taintDeletions = registry.counter({
      name: 'taint_eviction_controller_pod_deletions_total',
      help: 'Pods deleted for the taints of their nodes.',
      stability: 'ALPHA',
    });
    this.#taintDelays = registry.histogram({
      name: 'taint_eviction_controller_pod_deletion_duration_seconds',
      help: 'Seconds between the time at which a pod was to go and its deletion.',
      stability: 'ALPHA',
      buckets: DELETIONS,
    });
  }

  /** All nodes were looked at. */
  nodesChecked(zones: ReadonlyMap<string, ZoneFigures>, tookMs: number): void {
    const [health, size, unhealthy] = this.#zones;
    for (const family of this.#zones) family.clear();
    for (const [zone, figures] of zones) {
      health.set(health.series(zone), (100 * (figures.nodes - figures.unhealthy)) / figures.nodes);
      size.set(size.series(zone), figures.nodes);
      unhealthy.set(unhealthy.series(zone), figures.unhealthy);
      this.#evictions.series(zone);
    }
    this.#allNodes.observe(0, tookMs / 1000);
  }

  nodeChecked(tookMs: number): void {
    this.#oneNode.observe(0, tookMs / 1000);
  }

  /** A node was marked so that its pods go. */
  nodeEvicted(zone: string): void {
    this.#evictions.add(this.#evictions.series(zone));
  }

  cronJobStarted(lateMs: number): void {
    this.#skews.observe(0, lateMs / 1000);
  }

  jobEnded({ spec }: Job, result: 'succeeded' | 'failed', reason: string): void {
    this.#jobs.add(this.#jobs.series(spec.completionMode ?? 'NonIndexed', result, reason));
  }

  jobDeleted(lateMs: number): void {
    this.#jobDeletions.observe(0, lateMs / 1000);
  }

  podEvicted(lateMs: number): void {
    this.#taintDeletions.add(0);
    this.#taintDelays.observe(0, lateMs / 1000);
  }
}
