import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type * as v1 from '../../../generated/api/autoscaling/v1.ts';
import type * as v2 from '../../../generated/api/autoscaling/v2.ts';
import { fromOldAutoscaler, toOldAutoscaler } from './conversion.ts';

const METRICS = 'autoscaling.alpha.kubernetes.io/metrics';
const BEHAVIOR = 'autoscaling.alpha.kubernetes.io/behavior';
const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' };

const cpu = (averageUtilization: number): v2.MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});
const pods: v2.MetricSpec = {
  type: 'Pods',
  pods: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '5' } },
};
const object: v2.MetricSpec = {
  type: 'Object',
  object: { describedObject: scaleTargetRef, metric: { name: 'm' }, target: { type: 'Value', value: '2' } },
};
const external: v2.MetricSpec = {
  type: 'External',
  external: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '3' } },
};
const container: v2.MetricSpec = {
  type: 'ContainerResource',
  containerResource: { name: 'cpu', container: 'c', target: { type: 'Utilization', averageUtilization: 3 } },
};

const autoscaler = (spec: Partial<v2.HorizontalPodAutoscalerSpec>): v2.HorizontalPodAutoscaler =>
  ({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'a' },
    spec: { scaleTargetRef, maxReplicas: 3, ...spec },
    status: {},
  }) as v2.HorizontalPodAutoscaler;

const old = (
  spec: Partial<v1.HorizontalPodAutoscalerSpec>,
  annotations: Record<string, string> = {},
): v1.HorizontalPodAutoscaler =>
  ({
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'a', annotations },
    spec: { scaleTargetRef, maxReplicas: 3, ...spec },
  }) as v1.HorizontalPodAutoscaler;

describe('the old version of an autoscaler', () => {
  it('has a field for the share of CPU, and annotations for other metrics', () => {
    const { spec, metadata } = toOldAutoscaler(autoscaler({ metrics: [pods, cpu(60)] }));
    assert.equal(spec.targetCPUUtilizationPercentage, 60);
    assert.equal(
      metadata.annotations?.[METRICS],
      '[{"type":"Pods","pods":{"metricName":"m","targetAverageValue":"5"}}]',
    );
  });
  it('has an annotation with the behavior in the words of the internal type', () => {
    const scaleUp: v2.HPAScalingRules = {
      selectPolicy: 'Max',
      policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }],
    };
    const { metadata } = toOldAutoscaler(autoscaler({ behavior: { scaleUp } }));
    const text =
      '{"ScaleUp":{"StabilizationWindowSeconds":null,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":4,"PeriodSeconds":15}],"Tolerance":null},"ScaleDown":null}';
    assert.equal(metadata.annotations?.[BEHAVIOR], text);
  });
  for (const metrics of [[pods], [object], [external], [container], [pods, object, external, container, cpu(5)]])
    it(`comes back as it was with ${metrics.map(({ type }) => type).join(', ')}`, () => {
      const behavior = { scaleDown: { stabilizationWindowSeconds: 5, policies: [] } };
      const given = autoscaler({ metrics, behavior });
      assert.deepEqual(fromOldAutoscaler(toOldAutoscaler(given)), given);
    });
});

describe('an autoscaler from the old version', () => {
  it('watches 80 percent of the CPU where nothing is said', () => {
    assert.deepEqual(fromOldAutoscaler(old({})).spec.metrics, [cpu(80)]);
  });
  it('has the metrics of the annotation before the one of the field', () => {
    const text = '[{"type":"Pods","pods":{"metricName":"m","targetAverageValue":"5"}}]';
    const { spec, metadata } = fromOldAutoscaler(
      old({ targetCPUUtilizationPercentage: 7 }, { [METRICS]: text, a: 'b' }),
    );
    assert.deepEqual(spec.metrics, [pods, cpu(7)]);
    assert.deepEqual(metadata.annotations, { a: 'b' });
  });
  for (const text of ['', '{}', '[1]', '[{"type":1}]', 'null'])
    it(`takes no notice of metrics such as ${JSON.stringify(text)}`, () => {
      assert.deepEqual(fromOldAutoscaler(old({}, { [METRICS]: text, [BEHAVIOR]: text })).spec, {
        scaleTargetRef,
        maxReplicas: 3,
        metrics: [cpu(80)],
      });
    });
});
