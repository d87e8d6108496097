import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job } from '../generated/api/batch/v1.ts';
import { MetricsRegistry } from '../telemetry/metrics/metrics-registry.ts';
import { ControllerCounts } from './controller-counts.ts';

describe('what controllers count', () => {
  const registry = new MetricsRegistry();
  const counts = new ControllerCounts(registry);

  it('tells of zones as they are now, and of evictions since the start', async () => {
    counts.nodesChecked(new Map([['a', { nodes: 4, unhealthy: 1 }]]), 3);
    counts.nodesChecked(new Map([['', { nodes: 2, unhealthy: 2 }]]), 3);
    counts.nodeEvicted('');
    const text = await registry.text();
    for (const line of [
      'node_collector_zone_health{zone=""} 0',
      'node_collector_zone_size{zone=""} 2',
      'node_collector_unhealthy_nodes_in_zone{zone=""} 2',
      'node_collector_evictions_total{zone=""} 1',
      'node_collector_evictions_total{zone="a"} 0',
      'node_collector_update_all_nodes_health_duration_seconds_count 2',
    ])
      assert.ok(text.includes(`${line}\n`), line);
    assert.doesNotMatch(text, /zone_size\{zone="a"\}/);
  });

  it('tells of jobs by how they ended, and how late things were done', async () => {
    counts.jobEnded({ spec: { template: {} } } as Job, 'failed', 'BackoffLimitExceeded');
    counts.cronJobStarted(1_500);
    counts.podEvicted(20);
    const text = await registry.text();
    for (const line of [
      'job_controller_jobs_finished_total{completion_mode="NonIndexed",reason="BackoffLimitExceeded",result="failed"} 1',
      'cronjob_controller_job_creation_skew_duration_seconds_sum 1.5',
      'taint_eviction_controller_pod_deletions_total 1',
    ])
      assert.ok(text.includes(`${line}\n`), line);
  });
});
