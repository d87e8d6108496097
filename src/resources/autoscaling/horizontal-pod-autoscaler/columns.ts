import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus } from '../../../generated/api/autoscaling/v2.ts';
import type { Cells } from '../../columns.ts';

const MAX_SHOWN = 2;
const UNKNOWN = '<unknown>';
/** An amount that is not there, as Go shows it. */
const NONE = '<nil>';

function resourceText(spec: MetricSpec, status: MetricStatus | undefined, field: 'resource' | 'containerResource') {
  const { name, target } = spec[field] ?? {};
  const current = status?.[field]?.current;
  if (target?.averageValue !== undefined) {
    const shown = status?.[field] === undefined ? UNKNOWN : (current?.averageValue ?? NONE);
    return `${name ?? ''}: ${shown}/${target.averageValue}`;
  }
  const share = current?.averageUtilization;
  const wanted = target?.averageUtilization;
  const shown = share === undefined ? UNKNOWN : `${share}%`;
  return `${name ?? ''}: ${shown}/${wanted === undefined ? '<auto>' : `${wanted}%`}`;
}

function valueText(spec: MetricSpec, status: MetricStatus | undefined, field: 'external' | 'object'): string {
  const target = spec[field]?.target;
  const current = status?.[field]?.current;
  if (target?.averageValue !== undefined) return `${current?.averageValue ?? UNKNOWN}/${target.averageValue} (avg)`;
  const shown = status?.[field] === undefined ? UNKNOWN : (current?.value ?? NONE);
  return `${shown}/${target?.value ?? NONE}`;
}

function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case 'External':
      return valueText(spec, status, 'external');
    case 'Object':
      return valueText(spec, status, 'object');
    case 'Pods': {
      const shown = status?.pods === undefined ? UNKNOWN : (status.pods.current?.averageValue ?? NONE);
      return `${shown}/${spec.pods?.target?.averageValue ?? NONE}`;
    }
    case 'Resource':
      return resourceText(spec, status, 'resource');
    case 'ContainerResource':
      return resourceText(spec, status, 'containerResource');
    default:
      return '<unknown type>';
  }
}

/** Source: printers.go (formatHPAMetrics). */
function targetsText({ spec, status }: HorizontalPodAutoscaler): string {
  const texts = (spec.metrics ?? []).map((metric, index) => metricText(metric, status?.currentMetrics?.[index]));
  if (texts.length === 0) return '<none>';
  const shown = texts.slice(0, MAX_SHOWN).join(', ');
  return texts.length > MAX_SHOWN ? `${shown} + ${texts.length - MAX_SHOWN} more...` : shown;
}

/** Source: printers.go (printHorizontalPodAutoscaler). */
export const autoscalerCells: Cells<HorizontalPodAutoscaler> = {
  Reference: ({ spec }) => `${spec.scaleTargetRef?.kind ?? ''}/${spec.scaleTargetRef?.name ?? ''}`,
  Targets: targetsText,
  MinPods: ({ spec }) => (spec.minReplicas === undefined ? '<unset>' : String(spec.minReplicas)),
  MaxPods: ({ spec }) => spec.maxReplicas ?? 0,
  Replicas: ({ status }) => status?.currentReplicas ?? 0,
};
