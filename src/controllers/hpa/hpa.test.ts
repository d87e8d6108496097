import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HorizontalPodAutoscaler, MetricSpec, MetricTarget } from '../../generated/api/autoscaling/v2.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import { horizontalpodautoscalersV2, pods } from '../../generated/resource-types.ts';
import { StatusError } from '../../machinery/errors/status-error.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import { FakeTransport } from '../../testing/fake-transport.ts';
import { ManualClock } from '../../testing/manual-clock.ts';
import { emptyMemory, planSize, remember } from './behavior.ts';
import { createMetricSources } from './metric-sources.ts';
import { type MetricError, readMetric } from './metrics.ts';
import { planReplicas, planReplicasByRatio, planReplicasPerPod } from './replicas.ts';

const now = Date.UTC(2030, 0, 1);

function pod(name: string, phase = 'Running'): Pod {
  const startTime = '2020-01-01T00:00:00Z';
  return {
    metadata: { name, namespace: 'default', labels: { app: 'web' } },
    spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }] },
    status: { phase, startTime, conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: startTime }] },
  };
}

function plan(uses: (number | undefined)[], target: number, extra: Pod[] = []): number {
  const all = uses.map((_, i) => pod(`p${i}`));
  const samples = new Map(
    uses.flatMap((value, i) =>
      value === undefined ? [] : [[`p${i}`, { value, measuredMs: now, windowMs: 0 }] as const],
    ),
  );
  const request = { requestOf: () => 1000, target, isCpu: true, tolerance: { up: 0.1, down: 0.1 }, nowMs: now };
  return planReplicas({ currentReplicas: uses.length + extra.length, pods: [...all, ...extra], samples, ...request })
    .replicas;
}

describe('planReplicas', () => {
  const cases: Record<string, [got: () => number, wanted: number]> = {
    'scales up by the ratio': [() => plan([900, 900, 900], 50), 6],
    'scales down by the ratio': [() => plan([100, 100, 100, 100], 50), 1],
    'keeps the size within the tolerance': [() => plan([520, 540], 50), 2],
    'takes missing pods as idle on the way up': [() => plan([1000, 1000, undefined], 50), 4],
    'takes missing pods as busy on the way down': [() => plan([100, 100, undefined], 50), 3],
    'takes pods that start as idle on the way up': [() => plan([1000, 1000], 50, [pod('new', 'Pending')]), 4],
  };
  for (const [name, [got, wanted]] of Object.entries(cases)) {
    it(name, () => assert.equal(got(), wanted));
  }
  it('gives up where no pod tells', () => assert.throws(() => plan([undefined], 50), /did not receive metrics/));
});

describe('planSize', () => {
  const hpa = (behavior?: HorizontalPodAutoscaler['spec']['behavior']): HorizontalPodAutoscaler => ({
    metadata: { name: 'h' },
    spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' }, minReplicas: 2, maxReplicas: 20, behavior },
  });
  it('goes up at once, but at most doubled or by four', () => {
    const { replicas, limited } = planSize(hpa({}), 3, 15, emptyMemory, now);
    assert.equal(replicas, 7);
    assert.equal(limited.reason, 'ScaleUpLimit');
  });
  it('goes up to the double without wishes, or to four', () => {
    assert.equal(planSize(hpa(), 3, 15, emptyMemory, now).replicas, 6);
    assert.equal(planSize(hpa(), 1, 15, emptyMemory, now).replicas, 4);
  });
  it('does not go down right after a start', () => {
    const { replicas, able } = planSize(hpa(), 10, 3, emptyMemory, now);
    assert.deepEqual([replicas, able.reason], [10, 'ScaleDownStabilized']);
  });
  it('counts what was added before', () => {
    const memory = remember(emptyMemory, 3, 7, now - 5000);
    assert.equal(planSize(hpa({}), 7, 15, memory, now).replicas, 7);
    assert.equal(planSize(hpa({}), 7, 15, memory, now + 15_000).replicas, 14);
  });
  it('goes down only after five quiet minutes', () => {
    const memory = { ...emptyMemory, recommendations: [{ ms: now - 100_000, value: 8 }] };
    const early = planSize(hpa(), 10, 3, memory, now);
    assert.equal(early.replicas, 8);
    assert.equal(early.able.reason, 'ScaleDownStabilized');
    assert.equal(planSize(hpa(), 10, 3, memory, now + 250_000).replicas, 3);
  });
  it('stays within its limits', () => {
    const quiet = { ...emptyMemory, recommendations: [{ ms: now - 400_000, value: 2 }] };
    assert.equal(planSize(hpa(), 2, 1, quiet, now).limited.reason, 'TooFewReplicas');
    assert.equal(planSize(hpa(), 18, 40, emptyMemory, now).replicas, 20);
    assert.equal(planSize(hpa({ scaleDown: { selectPolicy: 'Disabled' } }), 10, 3, emptyMemory, now).replicas, 10);
  });
});

describe('planReplicasByRatio', () => {
  const tolerance = { up: 0.1, down: 0.1 };
  const cases: Record<string, [got: () => number, wanted: number]> = {
    'multiplies the pods that serve': [() => planReplicasByRatio(2, 3, { all: 3, ready: 2 }, tolerance), 4],
    'stays within the tolerance': [() => planReplicasByRatio(1.05, 3, { all: 3, ready: 3 }, tolerance), 3],
    'starts from nothing by the ratio itself': [() => planReplicasByRatio(2.5, 0, { all: 0, ready: 0 }, tolerance), 3],
    'shares the whole among the pods': [() => planReplicasPerPod(9000, 2000, 3, tolerance).replicas, 5],
    'tells what each has': [() => planReplicasPerPod(9000, 2000, 4, tolerance).average, 2250],
  };
  for (const [name, [got, wanted]] of Object.entries(cases)) it(name, () => assert.equal(got(), wanted));
});

describe('readMetric', () => {
  const target = (type: string, more: object): MetricTarget => ({ type, ...more });
  const described = { kind: 'Service', name: 'web', apiVersion: 'v1' };
  const prepare = (server: FakeTransport): void => {
    const value = (name: string, amount: string) => ({
      describedObject: { name },
      timestamp: '2030-01-01T00:00:00Z',
      value: amount,
    });
    const versions = [{ version: 'v1beta1' }, { version: 'v1beta2' }];
    server.on('GET', /^\/apis\/custom\.metrics\.k8s\.io$/, () => ({ versions }));
    server.on('GET', /v1beta2\/namespaces\/default\/pods\/%2A\/requests$/, () => ({
      items: [value('p0', '30'), value('p1', '10')],
    }));
    server.on('GET', /namespaces\/default\/metrics\/rate$/, () => ({ items: [value('default', '500m')] }));
    server.on('GET', /external\.metrics\.k8s\.io\/v1beta1\/namespaces\/default\/absent$/, () => {
      throw new StatusError({ code: 404, reason: 'NotFound', message: '404 page not found' });
    });
    server.on('GET', /v1beta2\/namespaces\/default\/services\/web\/lost$/, () => {
      throw new StatusError({ code: 404, reason: 'NotFound', message: 'there is no such metric' });
    });
    server.on('GET', /external\.metrics\.k8s\.io\/v1beta1\/namespaces\/default\/queue$/, () => ({
      items: [value('', '100'), value('', '50')],
    }));
  };
  const server = new FakeTransport();
  prepare(server);
  const read = (spec: MetricSpec) =>
    readMetric(spec, {
      sources: createMetricSources(server.client),
      hpa: { metadata: { name: 'h', namespace: 'default' }, spec: { scaleTargetRef: described, maxReplicas: 10 } },
      currentReplicas: 2,
      statusReplicas: 2,
      pods: [pod('p0'), pod('p1')],
      selector: 'app=web',
      nowMs: now,
    });
  const queue = { metric: { name: 'queue', selector: { matchLabels: { a: 'b' } } } };
  const cases: Record<string, [MetricSpec, replicas: number, current: object, description: string]> = {
    'reads a metric of the pods': [
      { type: 'Pods', pods: { metric: { name: 'requests' }, target: target('AverageValue', { averageValue: '10' }) } },
      4,
      { pods: { metric: { name: 'requests' }, current: { averageValue: '20' } } },
      'pods metric requests',
    ],
    'reads a metric of the namespace': [
      {
        type: 'Object',
        object: {
          metric: { name: 'rate' },
          describedObject: { kind: 'Namespace', name: 'default', apiVersion: 'v1' },
          target: target('Value', { value: '250m' }),
        },
      },
      4,
      {
        object: {
          describedObject: { kind: 'Namespace', name: 'default', apiVersion: 'v1' },
          metric: { name: 'rate' },
          current: { value: '500m' },
        },
      },
      'Namespace metric rate',
    ],
    'reads an external metric, shared by the pods': [
      { type: 'External', external: { ...queue, target: target('AverageValue', { averageValue: '30' }) } },
      5,
      { external: { ...queue, current: { averageValue: '75' } } },
      'external metric queue(&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{},})',
    ],
  };
  for (const [name, [spec, replicas, current, description]] of Object.entries(cases)) {
    it(name, async () => {
      const result = await read(spec);
      assert.deepEqual(result, { replicas, status: { type: spec.type, ...current }, description });
    });
  }
  it('repeats what an API says', async () => {
    const object = { metric: { name: 'lost' }, describedObject: described, target: target('Value', { value: '1' }) };
    await assert.rejects(read({ type: 'Object', object }), (error: MetricError) => {
      const cause = 'unable to fetch metrics from custom metrics API: there is no such metric';
      assert.equal(error.message, `unable to get metric lost: Service on default web/${cause}`);
      return true;
    });
  });
  it('says which API does not answer', async () => {
    const spec = {
      type: 'External',
      external: { metric: { name: 'absent' }, target: target('Value', { value: '1' }) },
    };
    await assert.rejects(read(spec), (error: MetricError) => {
      const text = `unable to get external metric default/absent/nil: unable to fetch metrics from external metrics API: the server could not find the requested resource (get absent.external.metrics.k8s.io)`;
      assert.deepEqual([error.reason, error.message], ['FailedGetExternalMetric', text]);
      assert.equal(
        error.summary,
        `failed to get absent external metric value: failed to get external metric absent: ${text}`,
      );
      return true;
    });
  });
});

describe('the autoscaler', () => {
  it('reads what pods use and scales their owner', async () => {
    let replicas = 2;
    const scaled: number[] = [];
    const clock = new ManualClock();
    const prepare = (server: FakeTransport): void => {
      const scale = () => ({
        metadata: { name: 'web', namespace: 'default' },
        spec: { replicas },
        status: { replicas, selector: 'app=web' },
      });
      server.on('GET', /deployments\/web\/scale$/, scale);
      server.on('PUT', /deployments\/web\/scale$/, ({ body }) => {
        replicas = (body as { spec: { replicas: number } }).spec.replicas;
        scaled.push(replicas);
        return scale();
      });
      server.on('GET', /metrics.k8s.io/, () => ({
        items: ['p0', 'p1'].map((name) => ({
          metadata: { name },
          timestamp: new Date().toISOString(),
          window: '15s',
          containers: [{ name: 'c', usage: { cpu: '1' } }],
        })),
      }));
    };
    await using cluster = startControllers(['horizontal-pod-autoscaler-controller'], {}, prepare, clock);
    const { server, until } = cluster;
    server.put(pods, pod('p0'), pod('p1'));
    server.put(horizontalpodautoscalersV2, {
      metadata: { name: 'h', namespace: 'default' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        maxReplicas: 10,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
        ],
      },
    });
    const status = () => server.find(horizontalpodautoscalersV2, 'default', 'h')?.status;
    await cluster.settle();
    assert.equal(status(), undefined);
    await until(() => {
      clock.advance(1000);
      return status()?.desiredReplicas === 4;
    });
    assert.deepEqual(scaled, [4]);
    const { currentMetrics } = status() ?? {};
    assert.equal(currentMetrics?.[0]?.resource?.current.averageUtilization, 100);
  });
});
