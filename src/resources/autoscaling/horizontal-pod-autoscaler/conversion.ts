import type * as v1 from '../../../generated/api/autoscaling/v1.ts';
import type * as v2 from '../../../generated/api/autoscaling/v2.ts';
import type { AnyObject } from '../../../machinery/object/object.ts';
import { builtinShape } from '../../../machinery/schema/builtin.ts';
import { decodeObject } from '../../../machinery/schema/decode.ts';
import { toWire } from '../../../machinery/schema/to-wire.ts';
import { toGoView } from '../../checks/go-view.ts';
import { DEFAULT_CPU_PERCENT } from './defaults.ts';
import { fromOldMetric, fromOldStatus, toOldMetric, toOldStatus } from './metric-conversion.ts';

/** Source of all: pkg/apis/autoscaling/v1/conversion.go; pkg/apis/autoscaling/helpers.go. */

const PREFIX = 'autoscaling.alpha.kubernetes.io/';
const METRICS = `${PREFIX}metrics`;
const STATUSES = `${PREFIX}current-metrics`;
const CONDITIONS = `${PREFIX}conditions`;
const BEHAVIOR = `${PREFIX}behavior`;
/** What the old version has no fields for, and keeps in annotations. */
const ROUND_TRIP = [METRICS, BEHAVIOR, `${PREFIX}scale-down-tolerance`, `${PREFIX}scale-up-tolerance`];
const dropped = new Set([...ROUND_TRIP, STATUSES, CONDITIONS]);

type Annotations = Record<string, string>;

function withoutRoundTrip(annotations: Annotations | undefined): Annotations {
  return Object.fromEntries(Object.entries(annotations ?? {}).filter(([key]) => !dropped.has(key)));
}

const isCpuShare = ({ type, resource }: v2.MetricSpec): boolean =>
  type === 'Resource' && resource?.name === 'cpu' && resource.target?.averageUtilization !== undefined;

/** JSON as Go writes the fields of a type. */
const asJson = (items: readonly object[], typeName: string): string =>
  JSON.stringify(items.map((item) => toWire(item as AnyObject, builtinShape(typeName))));

/** The list in an annotation; undefined where Go could not read it. */
function readList<T>(text: string | undefined, typeName: string): T[] | undefined {
  if (text === undefined) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    if (list === null) return [];
    if (!Array.isArray(list)) return undefined;
    const shape = builtinShape(typeName);
    return list.map((item) => decodeObject(item ?? {}, shape, { unknownFields: 'drop' }).object as unknown as T);
  } catch {
    return undefined;
  }
}

/** Upstream writes its internal type here, whose fields have Go's names. */
function readBehavior(text: string | undefined): v2.HorizontalPodAutoscalerBehavior | undefined {
  if (text === undefined) return undefined;
  try {
    const plain = lowered(JSON.parse(text));
    const shape = builtinShape('autoscaling/v2.HorizontalPodAutoscalerBehavior');
    const { object } = decodeObject(plain, shape, { unknownFields: 'drop' });
    return Object.keys(object).length === 0 ? undefined : (object as unknown as v2.HorizontalPodAutoscalerBehavior);
  } catch {
    return undefined;
  }
}

function lowered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lowered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key.charAt(0).toLowerCase() + key.slice(1), lowered(inner)]),
  );
}

/** How the old version shows an autoscaler. */
export function toOldAutoscaler(stored: v2.HorizontalPodAutoscaler): v1.HorizontalPodAutoscaler {
  const { spec, status, metadata, ...rest } = stored;
  const annotations = withoutRoundTrip(metadata.annotations);
  const others = (spec.metrics ?? []).filter((metric) => !isCpuShare(metric));
  if (others.length > 0) annotations[METRICS] = asJson(others.map(toOldMetric), 'autoscaling/v1.MetricSpec');
  const currents = status?.currentMetrics ?? [];
  if (currents.length > 0) annotations[STATUSES] = asJson(currents.map(toOldStatus), 'autoscaling/v1.MetricStatus');
  if (spec.behavior)
    annotations[BEHAVIOR] = JSON.stringify(toGoView(spec.behavior, 'autoscaling/v2.HorizontalPodAutoscalerBehavior'));
  const conditions = status?.conditions ?? [];
  if (conditions.length > 0)
    annotations[CONDITIONS] = asJson(conditions, 'autoscaling/v1.HorizontalPodAutoscalerCondition');
  const { metrics, behavior: _behavior, ...plainSpec } = spec;
  const { currentMetrics: _currents, conditions: _conditions, ...plainStatus } = status ?? {};
  const target = metrics?.find(isCpuShare)?.resource?.target?.averageUtilization;
  const current = currents.findLast(
    ({ type, resource }) =>
      type === 'Resource' && resource?.name === 'cpu' && resource.current?.averageUtilization !== undefined,
  )?.resource?.current?.averageUtilization;
  const { annotations: _annotations, ...plainMetadata } = metadata;
  return {
    ...rest,
    apiVersion: 'autoscaling/v1',
    metadata: { ...plainMetadata, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    spec: { ...plainSpec, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    status: { ...plainStatus, ...(current === undefined ? {} : { currentCPUUtilizationPercentage: current }) },
  } as unknown as v1.HorizontalPodAutoscaler;
}

const cpuMetric = (percent: number): v2.MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } },
});

/** What an autoscaler of the old version is in the new one. */
export function fromOldAutoscaler(object: v1.HorizontalPodAutoscaler): v2.HorizontalPodAutoscaler {
  const { spec, status, metadata, ...rest } = object;
  const { targetCPUUtilizationPercentage: percent, ...plainSpec } = spec;
  const { currentCPUUtilizationPercentage: current, ...plainStatus } = status ?? {};
  const { annotations: kept, ...plainMetadata } = metadata;
  const others = readList<v1.MetricSpec>(kept?.[METRICS], 'autoscaling/v1.MetricSpec') ?? [];
  const metrics = [...others.map(fromOldMetric), ...(percent === undefined ? [] : [cpuMetric(percent)])];
  const behavior = readBehavior(kept?.[BEHAVIOR]);
  const statuses = readList<v1.MetricStatus>(kept?.[STATUSES], 'autoscaling/v1.MetricStatus');
  const currentMetrics =
    statuses?.map(fromOldStatus) ??
    (current === undefined
      ? undefined
      : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } }]);
  const conditions = readList<v2.HorizontalPodAutoscalerCondition>(
    kept?.[CONDITIONS],
    'autoscaling/v1.HorizontalPodAutoscalerCondition',
  );
  const annotations = withoutRoundTrip(kept);
  return {
    ...rest,
    apiVersion: 'autoscaling/v2',
    metadata: { ...plainMetadata, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    spec: {
      ...plainSpec,
      metrics: metrics.length > 0 ? metrics : [cpuMetric(DEFAULT_CPU_PERCENT)],
      ...(behavior === undefined ? {} : { behavior }),
    },
    status: {
      ...plainStatus,
      ...(currentMetrics === undefined ? {} : { currentMetrics }),
      ...(conditions === undefined ? {} : { conditions }),
    },
  } as unknown as v2.HorizontalPodAutoscaler;
}
