import type { HorizontalPodAutoscaler } from '../../../generated/api/autoscaling/v2.ts';
import * as types from '../../../generated/resource-types.ts';
import { type FieldError, fieldInvalid } from '../../../machinery/errors/field-error.ts';
import type { AnyObject } from '../../../machinery/object/object.ts';
import { defineResource } from '../../define.ts';
import { ageColumn, column, nameColumn } from '../../legacy-columns.ts';
import { specAndStatus } from '../../status-strategy.ts';

/** v1 is a view of v2 with one metric. Source: pkg/apis/autoscaling/v1/conversion.go. */
function toHpaV1(stored: AnyObject): AnyObject {
  const { spec, status, ...rest } = stored as unknown as HorizontalPodAutoscaler;
  const isCpu = (metric: {
    type?: string | undefined;
    resource?: { name?: string | undefined } | undefined;
  }): boolean => metric.type === 'Resource' && metric.resource?.name === 'cpu';
  const target = spec.metrics?.find(isCpu)?.resource?.target?.averageUtilization;
  const current = status?.currentMetrics?.find(isCpu)?.resource?.current?.averageUtilization;
  const { metrics: _m, behavior: _b, ...plainSpec } = spec;
  const { currentMetrics: _c, conditions: _k, ...plainStatus } = status ?? {};
  return {
    ...rest,
    spec: { ...plainSpec, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    status: { ...plainStatus, ...(current === undefined ? {} : { currentCPUUtilizationPercentage: current }) },
  } as unknown as AnyObject;
}

function fromHpaV1(object: AnyObject): AnyObject {
  const { spec, status, ...rest } = object as unknown as {
    spec: Record<string, unknown>;
    status?: Record<string, unknown>;
  } & AnyObject;
  const { targetCPUUtilizationPercentage: target, ...plainSpec } = spec;
  const { currentCPUUtilizationPercentage: _current, ...plainStatus } = status ?? {};
  const metrics =
    target === undefined
      ? undefined
      : [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: target } } }];
  return {
    ...rest,
    apiVersion: 'autoscaling/v2',
    spec: { ...plainSpec, ...(metrics === undefined ? {} : { metrics }) },
    status: plainStatus,
  } as unknown as AnyObject;
}

const hpaColumns = [
  nameColumn,
  column<HorizontalPodAutoscaler>(
    'Reference',
    ({ spec }) => `${spec.scaleTargetRef?.kind}/${spec.scaleTargetRef?.name}`,
  ),
  column<HorizontalPodAutoscaler>('Targets', ({ spec, status }) => {
    const texts = (spec.metrics ?? []).map(({ resource }, index) => {
      const current = status?.currentMetrics?.[index]?.resource?.current;
      const wanted = resource?.target;
      if (wanted?.averageUtilization !== undefined)
        return `${resource?.name}: ${current?.averageUtilization === undefined ? '<unknown>' : `${current.averageUtilization}%`}/${wanted.averageUtilization}%`;
      return `${resource?.name ?? ''}: ${current?.averageValue ?? '<unknown>'}/${wanted?.averageValue ?? '<auto>'}`;
    });
    return texts.length === 0 ? '<none>' : texts.join(', ');
  }),
  column<HorizontalPodAutoscaler>('MinPods', ({ spec }) => String(spec.minReplicas ?? '<unset>')),
  column<HorizontalPodAutoscaler>('MaxPods', ({ spec }) => spec.maxReplicas ?? 0, { type: 'integer' }),
  column<HorizontalPodAutoscaler>('Replicas', ({ status }) => status?.currentReplicas ?? 0, { type: 'integer' }),
  ageColumn,
];

const hpaRules = specAndStatus<HorizontalPodAutoscaler>({
  applyDefaults({ spec }) {
    spec.minReplicas ??= 1;
    if (!spec.metrics?.length)
      spec.metrics = [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
      ];
  },
  validateCreate({ spec }) {
    const faults: FieldError[] = [];
    if ((spec.maxReplicas ?? 0) < 1)
      faults.push(fieldInvalid('spec.maxReplicas', spec.maxReplicas ?? 0, 'must be greater than 0'));
    if ((spec.maxReplicas ?? 0) < (spec.minReplicas ?? 1))
      faults.push(fieldInvalid('spec.maxReplicas', spec.maxReplicas, 'must be greater than or equal to `minReplicas`'));
    return faults;
  },
});

/** Both versions of the kind. */
export const horizontalPodAutoscalerResources = [
  defineResource(types.horizontalpodautoscalersV2, { storageVersion: 'v2', columns: hpaColumns, strategy: hpaRules }),
  defineResource(types.horizontalpodautoscalers, {
    storageVersion: 'v2',
    convert: { fromStorage: toHpaV1, toStorage: fromHpaV1 },
    columns: [nameColumn, ageColumn],
    strategy: specAndStatus({
      applyDefaults({ spec }) {
        spec.minReplicas ??= 1;
        spec.targetCPUUtilizationPercentage ??= 80;
      },
    }),
  }),
];
