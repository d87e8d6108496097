import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec } from '../../../generated/api/autoscaling/v2.ts';
import { defaultAutoscaler } from './defaults.ts';
import { validateAutoscaler } from './validation.ts';

const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' };

function autoscaler(spec: Partial<HorizontalPodAutoscalerSpec>): HorizontalPodAutoscaler {
  const object = { metadata: {}, spec: { scaleTargetRef, maxReplicas: 3, ...spec } } as HorizontalPodAutoscaler;
  defaultAutoscaler(object);
  return object;
}

const cases: Record<string, [Partial<HorizontalPodAutoscalerSpec>, string[]]> = {
  'finds nothing wrong with a plain one': [{}, []],
  'asks for a maximum': [
    { maxReplicas: 0 },
    [
      'spec.maxReplicas: Required value: must be set and greater than 0',
      'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
    ],
  ],
  'does not scale to zero': [
    { minReplicas: 0 },
    [
      'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
      'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
    ],
  ],
  'asks for a group of what it scales': [
    { scaleTargetRef: { kind: 'a/b', name: '', apiVersion: 'v1' } },
    [
      'spec.scaleTargetRef.kind: Invalid value: "a/b": may not contain \'/\'',
      'spec.scaleTargetRef.name: Required value',
      'spec.scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group',
    ],
  ],
  'takes replication controllers without a group': [
    { scaleTargetRef: { kind: 'ReplicationController', name: 'r', apiVersion: 'v1' } },
    [],
  ],
  'refuses a second source in a metric': [
    {
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 1 } },
          pods: { metric: { name: '' }, target: { type: '' } },
        },
      ],
    },
    [
      'spec.metrics[0].pods.metric.name: Required value: must specify a metric name',
      'spec.metrics[0].pods.target.type: Required value: must specify a metric target type',
      'spec.metrics[0].pods.target.type: Invalid value: "": must be either Utilization, Value, or AverageValue',
      'spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue',
      'spec.metrics[0].pods: Forbidden: must populate the given metric source only',
    ],
  ],
  'judges the behavior': [
    {
      behavior: {
        scaleDown: {
          stabilizationWindowSeconds: 3601,
          selectPolicy: 'All',
          policies: [{ type: 'Pods', value: 0, periodSeconds: 1801 }],
          tolerance: '-1',
        },
      },
    },
    [
      'spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600',
      'spec.behavior.scaleDown.selectPolicy: Unsupported value: "All": supported values: "Disabled", "Max", "Min"',
      'spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero',
      'spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800',
      'spec.behavior.scaleDown.tolerance: Invalid value: "-1": must be greater than or equal to 0',
    ],
  ],
};

describe('validateAutoscaler', () => {
  for (const [name, [spec, expected]] of Object.entries(cases))
    it(name, () => assert.deepEqual(validateAutoscaler(autoscaler(spec), undefined).map(String), expected));
  it('lets a target stay that was fine before there was the rule', () => {
    const before = autoscaler({ scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: '' } });
    assert.deepEqual(validateAutoscaler(before, before), []);
  });
});

describe('defaultAutoscaler', () => {
  it('fills in both directions where there is any behavior', () => {
    const { behavior } = autoscaler({ behavior: { scaleDown: { stabilizationWindowSeconds: 5 } } }).spec;
    assert.deepEqual(behavior?.scaleDown, {
      stabilizationWindowSeconds: 5,
      selectPolicy: 'Max',
      policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
    });
    assert.equal(behavior?.scaleUp?.policies?.length, 2);
  });
});
