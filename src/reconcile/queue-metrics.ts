import type { Clock } from '../std/clock.ts';
import type { ControllerMetrics } from './controller.ts';

/** Seconds. Source: component-base `metrics/prometheus/workqueue/metrics.go` (ExponentialBuckets(10e-9, 10, 10)). */
const BUCKETS = Array.from({ length: 10 }, (_, index) => Number(`1e${index - 8}`));

class Histogram {
  readonly #counts = BUCKETS.map(() => 0);
  #count = 0;
  #seconds = 0;

  observe(ms: number): void {
    const seconds = ms / 1000;
    const at = BUCKETS.findIndex((limit) => seconds <= limit);
    if (at >= 0) this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#count += 1;
    this.#seconds += seconds;
  }

  lines(name: string, labels: string): string[] {
    let sum = 0;
    const buckets = BUCKETS.map((limit, index) => {
      sum += this.#counts[index] ?? 0;
      return `${name}_bucket{${labels},le="${limit}"} ${sum}`;
    });
    return [
      ...buckets,
      `${name}_bucket{${labels},le="+Inf"} ${this.#count}`,
      `${name}_sum{${labels}} ${this.#seconds}`,
      `${name}_count{${labels}} ${this.#count}`,
    ];
  }
}

interface QueueFigures {
  depth: number;
  adds: number;
  retries: number;
  readonly waits: Histogram;
  readonly works: Histogram;
  /** When the work under way began, oldest first; which one ends is not told, so the oldest does. */
  readonly running: number[];
}

/**
 * Figures of every controller's queue, as client-go's queues give them: depth, adds, retries, time in the queue and time
 * of work. Plain numbers; text is made when somebody asks.
 */
export class QueueMetrics implements ControllerMetrics {
  readonly #clock: Clock;
  readonly #queues = new Map<string, QueueFigures>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  added(controller: string): void {
    this.#of(controller).adds += 1;
  }

  taken(controller: string, waitedMs: number): void {
    const figures = this.#of(controller);
    figures.waits.observe(waitedMs);
    figures.running.push(this.#clock.nowMs());
  }

  retried(controller: string): void {
    this.#of(controller).retries += 1;
  }

  depth(controller: string, keys: number): void {
    this.#of(controller).depth = keys;
  }

  reconciled(controller: string, _outcome: 'done' | 'requeued' | 'failed', durationMs: number): void {
    const figures = this.#of(controller);
    figures.works.observe(durationMs);
    figures.running.shift();
  }

  /** In the format of Prometheus, under client-go's names. */
  render(): string {
    const queues = [...this.#queues].sort(([a], [b]) => (a < b ? -1 : 1));
    const nowMs = this.#clock.nowMs();
    const block = (
      name: string,
      type: 'counter' | 'gauge' | 'histogram',
      help: string,
      lines: (name: string, labels: string, figures: QueueFigures) => readonly string[],
    ): string[] => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...queues.flatMap(([queue, figures]) => lines(name, `name="${toQueueName(queue)}"`, figures)),
    ];
    const value =
      (read: (figures: QueueFigures) => number) =>
      (name: string, labels: string, figures: QueueFigures): string[] => [`${name}{${labels}} ${read(figures)}`];
    const secondsSince = (ms: number): number => (nowMs - ms) / 1000;
    const lines = [
      ...block(
        'workqueue_adds_total',
        'counter',
        'Keys that came to wait',
        value((each) => each.adds),
      ),
      ...block(
        'workqueue_depth',
        'gauge',
        'Keys that wait now',
        value((each) => each.depth),
      ),
      ...block(
        'workqueue_longest_running_processor_seconds',
        'gauge',
        'Time that the oldest work under way has taken',
        value(({ running: [first] }) => (first === undefined ? 0 : secondsSince(first))),
      ),
      ...block('workqueue_queue_duration_seconds', 'histogram', 'Time that keys waited', (name, labels, each) =>
        each.waits.lines(name, labels),
      ),
      ...block(
        'workqueue_retries_total',
        'counter',
        'Keys tried again',
        value((each) => each.retries),
      ),
      ...block(
        'workqueue_unfinished_work_seconds',
        'gauge',
        'Time that all work under way has taken',
        value((each) => each.running.reduce((sum, ms) => sum + secondsSince(ms), 0)),
      ),
      ...block('workqueue_work_duration_seconds', 'histogram', 'Time of work on keys', (name, labels, each) =>
        each.works.lines(name, labels),
      ),
    ];
    return `${lines.join('\n')}\n`;
  }

  #of(controller: string): QueueFigures {
    let figures = this.#queues.get(controller);
    if (figures === undefined) {
      figures = { depth: 0, adds: 0, retries: 0, waits: new Histogram(), works: new Histogram(), running: [] };
      this.#queues.set(controller, figures);
    }
    return figures;
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
