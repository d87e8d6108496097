import type { HorizontalPodAutoscaler, HPAScalingRules } from '../../../generated/api/autoscaling/v2.ts';

/** What an autoscaler without any metric watches. Source: pkg/apis/autoscaling/annotations.go (DefaultCPUUtilization). */
export const DEFAULT_CPU_PERCENT = 80;

const PERIOD_SECONDS = 15;

const scaleUpRules = (): HPAScalingRules => ({
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: PERIOD_SECONDS },
    { type: 'Percent', value: 100, periodSeconds: PERIOD_SECONDS },
  ],
});

/** Without a window of stabilization: a controller's flag gives that one. */
const scaleDownRules = (): HPAScalingRules => ({
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: PERIOD_SECONDS }],
});

const given = (rules: HPAScalingRules | undefined): HPAScalingRules =>
  Object.fromEntries(Object.entries(rules ?? {}).filter(([, value]) => value !== undefined));

/** Source: pkg/apis/autoscaling/v2/defaults.go. */
export function defaultAutoscaler({ spec }: HorizontalPodAutoscaler): void {
  spec.minReplicas ??= 1;
  if ((spec.metrics ?? []).length === 0)
    spec.metrics = [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: DEFAULT_CPU_PERCENT } },
      },
    ];
  const { behavior } = spec;
  if (!behavior) return;
  behavior.scaleUp = { ...scaleUpRules(), ...given(behavior.scaleUp) };
  behavior.scaleDown = { ...scaleDownRules(), ...given(behavior.scaleDown) };
}
