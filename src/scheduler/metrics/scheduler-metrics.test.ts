import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import { ManualClock } from '../../testing/manual-clock.ts';
import { makePod } from '../../testing/scheduling.ts';
import { SchedulingQueue } from '../queue/scheduling-queue.ts';
import { readQueue } from './queue-figures.ts';
import { SchedulerMetrics } from './scheduler-metrics.ts';

describe('metrics of the scheduler', () => {
  const clock = new ManualClock();
  const registry = new MetricsRegistry();
  const gated = new Map([['g', makePod('g')]]);
  const metrics: SchedulerMetrics = new SchedulerMetrics(registry, clock, {
    queue: () => readQueue(queue, gated),
    cache: () => ({ nodes: 3, pods: 2, assumed: 1 }),
  });
  const queue = new SchedulingQueue(
    clock,
    new Map([['NodeResourcesFit', new Set(['node-added'] as const)]]),
    undefined,
    metrics.incoming,
  );
  const lines = async (): Promise<readonly string[]> => (await registry.text()).split('\n');
  const assertHas = async (...expected: readonly string[]): Promise<void> => {
    const found = await lines();
    for (const line of expected) assert.ok(found.includes(line), `${line}\n${found.join('\n')}`);
  };

  it('tell what waits for what, and how it came to wait', async () => {
    const pod = makePod('a');
    queue.set(pod);
    queue.set(makePod('b', { priority: -1 }));
    queue.take();
    queue.turnedDown(pod, new Set(['NodeResourcesFit']));
    await assertHas(
      'scheduler_pending_pods{queue="active"} 1',
      'scheduler_pending_pods{queue="unschedulable"} 1',
      'scheduler_pending_pods{queue="gated"} 1',
      'scheduler_unschedulable_pods{plugin="NodeResourcesFit",profile="default-scheduler"} 1',
      'scheduler_unschedulable_pods{plugin="SchedulingGates",profile="default-scheduler"} 1',
      'scheduler_queue_incoming_pods_total{event="UnschedulablePodAdd",queue="active"} 2',
      'scheduler_queue_incoming_pods_total{event="ScheduleAttemptFailure",queue="unschedulable"} 1',
      'scheduler_cache_size{type="assumed_pods"} 1',
    );
    queue.changed('node-added');
    clock.advance(1_000);
    await assertHas(
      'scheduler_pending_pods{queue="unschedulable"} 0',
      'scheduler_queue_incoming_pods_total{event="NodeAdd",queue="backoff"} 1',
      'scheduler_queue_incoming_pods_total{event="BackoffComplete",queue="active"} 1',
    );
  });

  it('tell how tries ended, many of them under one label', async () => {
    metrics.attempted('scheduled', 'p', metrics.now() - 3);
    metrics.scheduled(2, 30);
    metrics.scheduled(40, 3_000);
    await assertHas(
      'scheduler_schedule_attempts_total{profile="p",result="scheduled"} 1',
      'scheduler_scheduling_attempt_duration_seconds_bucket{profile="p",result="scheduled",le="0.002"} 0',
      'scheduler_scheduling_attempt_duration_seconds_bucket{profile="p",result="scheduled",le="0.004"} 1',
      'scheduler_pod_scheduling_sli_duration_seconds_sum{attempts="15+"} 3',
      'scheduler_pod_scheduling_attempts_sum 42',
    );
  });

  it('count plugins at the points where upstream has them, and take the times of one cycle of ten', async () => {
    const [first, second] = [metrics.measure('p'), metrics.measure('p')];
    assert.ok(first.plugin !== undefined && second.plugin === undefined);
    first.asked('NodeUnschedulable', 'PreFilter', 1);
    first.asked('NodeUnschedulable', 'Filter', 7);
    first.point('Filter', 'Success', first.now());
    const found = await lines();
    const label = 'plugin="NodeUnschedulable",profile="p"';
    assert.ok(found.includes(`scheduler_plugin_evaluation_total{extension_point="Filter",${label}} 7`));
    assert.ok(!found.some((line) => line.includes(`extension_point="PreFilter",${label}`)));
  });
});
