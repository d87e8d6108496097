import type * as v1 from '../../../generated/api/autoscaling/v1.ts';
import type * as v2 from '../../../generated/api/autoscaling/v2.ts';

/** Source of all: pkg/apis/autoscaling/v1/conversion.go. The old metrics live in annotations only. */

/** Drops what is undefined, so that absent stays absent. */
function compact<T extends object>(object: { [Key in keyof T]: T[Key] | undefined }): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

const noReference = { kind: '', name: '' };

const isZero = (amount: string | undefined): boolean => amount === undefined || amount === '0';

export function toOldMetric(metric: v2.MetricSpec): v1.MetricSpec {
  const { type, object, pods, resource, containerResource, external } = metric;
  return compact<v1.MetricSpec>({
    type,
    object:
      object &&
      compact<v1.ObjectMetricSource>({
        target: object.describedObject,
        metricName: object.metric?.name ?? '',
        targetValue: object.target?.value ?? '0',
        selector: object.metric?.selector,
        averageValue: object.target?.averageValue,
      }),
    pods:
      pods &&
      compact<v1.PodsMetricSource>({
        metricName: pods.metric?.name ?? '',
        targetAverageValue: pods.target?.averageValue ?? '0',
        selector: pods.metric?.selector,
      }),
    resource: resource && oldResource(resource),
    containerResource: containerResource && {
      ...oldResource(containerResource),
      container: containerResource.container ?? '',
    },
    external:
      external &&
      compact<v1.ExternalMetricSource>({
        metricName: external.metric?.name ?? '',
        metricSelector: external.metric?.selector,
        targetValue: external.target?.value,
        targetAverageValue: external.target?.averageValue,
      }),
  });
}

const oldResource = ({ name, target }: v2.ResourceMetricSource): v1.ResourceMetricSource =>
  compact<v1.ResourceMetricSource>({
    name,
    targetAverageUtilization: target?.averageUtilization,
    targetAverageValue: target?.averageValue,
  });

export function fromOldMetric(metric: v1.MetricSpec): v2.MetricSpec {
  const { type, object, pods, resource, containerResource, external } = metric;
  return compact<v2.MetricSpec>({
    type,
    object: object && fromOldObject(object),
    pods: pods && {
      metric: identifier(pods.metricName, pods.selector),
      target: { type: 'AverageValue', averageValue: pods.targetAverageValue ?? '0' },
    },
    resource: resource && fromOldResource(resource),
    containerResource: containerResource && {
      ...fromOldResource(containerResource),
      container: containerResource.container ?? '',
    },
    external: external && {
      metric: identifier(external.metricName, external.metricSelector),
      target: compact<v2.MetricTarget>({
        type: external.targetValue === undefined ? 'AverageValue' : 'Value',
        value: external.targetValue,
        averageValue: external.targetAverageValue,
      }),
    },
  });
}

function fromOldObject(object: v1.ObjectMetricSource): v2.ObjectMetricSource {
  const { targetValue = '0', averageValue } = object;
  const keepsValue = averageValue === undefined || !isZero(targetValue);
  return {
    describedObject: object.target ?? noReference,
    target: compact<v2.MetricTarget>({
      type: averageValue === undefined ? 'Value' : 'AverageValue',
      value: keepsValue ? targetValue : undefined,
      averageValue,
    }),
    metric: identifier(object.metricName, object.selector),
  };
}

const fromOldResource = (source: v1.ResourceMetricSource): v2.ResourceMetricSource => ({
  name: source.name ?? '',
  target: compact<v2.MetricTarget>({
    type: source.targetAverageUtilization === undefined ? 'AverageValue' : 'Utilization',
    averageValue: source.targetAverageValue,
    averageUtilization: source.targetAverageUtilization,
  }),
});

const identifier = (name: string | undefined, selector: v2.MetricIdentifier['selector']): v2.MetricIdentifier =>
  compact<v2.MetricIdentifier>({ name: name ?? '', selector });

export function toOldStatus(status: v2.MetricStatus): v1.MetricStatus {
  const { type, object, pods, resource, containerResource, external } = status;
  return compact<v1.MetricStatus>({
    type,
    object:
      object &&
      compact<v1.ObjectMetricStatus>({
        target: object.describedObject,
        metricName: object.metric?.name ?? '',
        currentValue: object.current?.value ?? '0',
        selector: object.metric?.selector,
        averageValue: object.current?.averageValue,
      }),
    pods:
      pods &&
      compact<v1.PodsMetricStatus>({
        metricName: pods.metric?.name ?? '',
        currentAverageValue: pods.current?.averageValue ?? '0',
        selector: pods.metric?.selector,
      }),
    resource: resource && oldResourceStatus(resource),
    containerResource: containerResource && {
      ...oldResourceStatus(containerResource),
      container: containerResource.container ?? '',
    },
    external:
      external &&
      compact<v1.ExternalMetricStatus>({
        metricName: external.metric?.name ?? '',
        metricSelector: external.metric?.selector,
        currentValue: external.current?.value ?? '0',
        currentAverageValue: external.current?.averageValue,
      }),
  });
}

const oldResourceStatus = ({ name, current }: v2.ResourceMetricStatus): v1.ResourceMetricStatus =>
  compact<v1.ResourceMetricStatus>({
    name,
    currentAverageUtilization: current?.averageUtilization,
    currentAverageValue: current?.averageValue ?? '0',
  });

export function fromOldStatus(status: v1.MetricStatus): v2.MetricStatus {
  const { type, object, pods, resource, containerResource, external } = status;
  return compact<v2.MetricStatus>({
    type,
    object: object && {
      describedObject: object.target ?? noReference,
      current: compact<v2.MetricValueStatus>({ value: object.currentValue ?? '0', averageValue: object.averageValue }),
      metric: identifier(object.metricName, object.selector),
    },
    pods: pods && {
      metric: identifier(pods.metricName, pods.selector),
      current: { averageValue: pods.currentAverageValue ?? '0' },
    },
    resource: resource && fromOldResourceStatus(resource),
    containerResource: containerResource && {
      ...fromOldResourceStatus(containerResource),
      container: containerResource.container ?? '',
    },
    external: external && {
      metric: identifier(external.metricName, external.metricSelector),
      current: compact<v2.MetricValueStatus>({
        value: external.currentValue ?? '0',
        averageValue: external.currentAverageValue,
      }),
    },
  });
}

const fromOldResourceStatus = (status: v1.ResourceMetricStatus): v2.ResourceMetricStatus => ({
  name: status.name ?? '',
  current: compact<v2.MetricValueStatus>({
    averageValue: status.currentAverageValue ?? '0',
    averageUtilization: status.currentAverageUtilization,
  }),
});
