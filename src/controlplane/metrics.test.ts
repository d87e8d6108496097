import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Auditor } from '../apiserver/audit/auditor.ts';
import { versionInfo } from '../apiserver/health/version.ts';
import { collectAggregationMetrics } from '../apiserver/metrics/aggregation-metrics.ts';
import { createApiServerMetrics } from '../apiserver/metrics/api-server-metrics.ts';
import { addBuildMetrics } from '../apiserver/metrics/build-metrics.ts';
import { collectCacheMetrics } from '../apiserver/metrics/cache-metrics.ts';
import { countInside } from '../apiserver/metrics/count-inside.ts';
import { FlowMetrics } from '../apiserver/metrics/flow-metrics.ts';
import { ControllerCounts } from '../controllers/controller-counts.ts';
import type { Backend } from '../datastore/backend.ts';
import { QueueMetrics } from '../reconcile/queue-metrics.ts';
import { SchedulerMetrics } from '../scheduler/metrics/scheduler-metrics.ts';
import type { FamilyFacts } from '../telemetry/metrics/family.ts';
import { collectProcessMetrics } from '../telemetry/metrics/process-metrics.ts';
import { ManualClock } from '../testing/manual-clock.ts';

interface Fact {
  readonly type: string;
  readonly stability?: string;
  readonly labels?: readonly string[];
  readonly buckets?: readonly number[];
}

/** What a real 1.36 tells of its families. */
const recorded: Readonly<Record<string, Fact>> = JSON.parse(
  readFileSync(new URL('testdata/metrics-1.36.json', import.meta.url), 'utf8'),
);
/** What only a process of Node has. */
const own = /^nodejs_/;

describe('the metrics of a control plane', () => {
  const families = allFamilies();

  it('have the types, the stability, the labels and the buckets of those of Kubernetes 1.36', () => {
    for (const facts of families) {
      if (own.test(facts.name)) continue;
      const expected = recorded[facts.name];
      assert.ok(expected !== undefined, `${facts.name} is no metric of Kubernetes`);
      assert.deepEqual(toFact(facts), expected, facts.name);
    }
  });

  it('leave out none that was there', () => {
    const names = new Set(families.map(({ name }) => name));
    assert.deepEqual(
      Object.keys(recorded).filter((name) => !names.has(name)),
      [],
    );
  });
});

function toFact({ type, stability, labels, buckets }: FamilyFacts): Fact {
  return {
    type,
    ...(stability === undefined ? {} : { stability }),
    ...(labels === undefined ? {} : { labels: [...labels].sort() }),
    // Sums of fractions differ in their last digits.
    ...(buckets === undefined ? {} : { buckets: buckets.map((bound) => Number(bound.toPrecision(9))) }),
  };
}

/** Everything that a control plane counts, what it meets seldom too. */
function allFamilies(): readonly FamilyFacts[] {
  const clock = new ManualClock();
  const metrics = createApiServerMetrics(clock);
  const { registry, admission } = metrics;
  const reader = { get: async () => undefined, list: async () => [] };
  collectProcessMetrics(registry, clock);
  addBuildMetrics(registry, versionInfo());
  collectAggregationMetrics(registry, reader);
  collectCacheMetrics(registry, {
    backend: {} as Backend,
    clock,
    prefixes: () => [],
    cacheOf: () => undefined,
    resourceOf: () => ({ group: '', resource: '' }),
    revision: () => 0n,
  });
  countInside({ ...metrics, clock, host: '' }, async () => ({ kind: 'taken' }));
  new FlowMetrics(registry, () => new Map());
  new QueueMetrics(registry, clock);
  new ControllerCounts(registry);
  new SchedulerMetrics(registry, clock, {
    queue: () => ({ active: 0, backoff: 0, unschedulable: 0, gated: 0, reasons: [] }),
    cache: () => ({ nodes: 0, pods: 0, assumed: 0 }),
  });
  const policy = { rules: [], omitStages: [], omitManagedFields: false };
  new Auditor({ policy, sink: { write: () => {} }, clock, registry });
  const about = { policy: 'p', binding: 'b', errorType: 'no_error', seconds: 0 } as const;
  admission.policyCheck({ ...about, action: 'deny' });
  admission.mutatingPolicyCheck(about);
  const asked = { name: 'w', type: 'admit', operation: 'CREATE', startedMs: 0, code: 400 } as const;
  admission.webhook({ ...asked, rejected: true, errorType: 'no_error' });
  admission.failedOpen('w', 'admit');
  return registry.families();
}
