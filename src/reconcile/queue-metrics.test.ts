import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../std/clock.ts';
import { MetricsRegistry } from '../telemetry/metrics/metrics-registry.ts';
import { QueueMetrics } from './queue-metrics.ts';

describe('QueueMetrics', () => {
  it("tells of each queue what client-go tells, under upstream's name", async () => {
    let nowMs = 1000;
    const registry = new MetricsRegistry();
    const metrics = new QueueMetrics(registry, { ...systemClock, nowMs: () => nowMs });
    metrics.added('gc-delete');
    metrics.added('gc-delete');
    metrics.depth('gc-delete', 2);
    metrics.taken('gc-delete', 500);
    metrics.taken('gc-delete', 2000);
    metrics.reconciled('gc-delete', 'failed', 3000);
    metrics.retried('gc-delete');
    nowMs = 5000;
    const lines = (await registry.text()).split('\n');
    const labels = 'name="garbage_collector_attempt_to_delete"';
    for (const line of [
      '# TYPE workqueue_depth gauge',
      '# HELP workqueue_depth [BETA] Keys that wait now.',
      `workqueue_adds_total{${labels}} 2`,
      `workqueue_depth{${labels}} 2`,
      `workqueue_retries_total{${labels}} 1`,
      `workqueue_queue_duration_seconds_bucket{${labels},le="1e-08"} 0`,
      `workqueue_queue_duration_seconds_bucket{${labels},le="1"} 1`,
      `workqueue_queue_duration_seconds_bucket{${labels},le="10"} 2`,
      `workqueue_queue_duration_seconds_sum{${labels}} 2.5`,
      `workqueue_work_duration_seconds_count{${labels}} 1`,
      `workqueue_longest_running_processor_seconds{${labels}} 4`,
      `workqueue_unfinished_work_seconds{${labels}} 4`,
    ]) {
      assert.ok(lines.includes(line), line);
    }
  });
});
