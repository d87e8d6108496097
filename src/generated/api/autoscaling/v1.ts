// Written by hack/generate.ts from facts of Kubernetes 1.36. Do not edit.
import type * as metaV1 from '../meta/v1.ts';

export interface ContainerResourceMetricSource {
  name?: string | undefined;
  targetAverageUtilization?: number | undefined;
  targetAverageValue?: string | undefined;
  container?: string | undefined;
}

export interface ContainerResourceMetricStatus {
  name?: string | undefined;
  currentAverageUtilization?: number | undefined;
  currentAverageValue?: string | undefined;
  container?: string | undefined;
}

export interface CrossVersionObjectReference {
  kind: string;
  name: string;
  apiVersion?: string | undefined;
}

export interface ExternalMetricSource {
  metricName?: string | undefined;
  metricSelector?: metaV1.LabelSelector | undefined;
  targetValue?: string | undefined;
  targetAverageValue?: string | undefined;
}

export interface ExternalMetricStatus {
  metricName?: string | undefined;
  metricSelector?: metaV1.LabelSelector | undefined;
  currentValue?: string | undefined;
  currentAverageValue?: string | undefined;
}

export interface HorizontalPodAutoscaler {
  apiVersion?: string;
  kind?: string;
  metadata: metaV1.ObjectMeta;
  spec: HorizontalPodAutoscalerSpec;
  status?: HorizontalPodAutoscalerStatus | undefined;
}

export interface HorizontalPodAutoscalerCondition {
  type?: string | undefined;
  status?: string | undefined;
  lastTransitionTime?: string | undefined;
  reason?: string | undefined;
  message?: string | undefined;
}

export interface HorizontalPodAutoscalerList {
  apiVersion?: string;
  kind?: string;
  metadata: metaV1.ListMeta;
  items: HorizontalPodAutoscaler[];
}

export interface HorizontalPodAutoscalerSpec {
  scaleTargetRef: CrossVersionObjectReference;
  minReplicas?: number | undefined;
  maxReplicas: number;
  targetCPUUtilizationPercentage?: number | undefined;
}

export interface HorizontalPodAutoscalerStatus {
  observedGeneration?: number | undefined;
  lastScaleTime?: string | undefined;
  currentReplicas: number;
  desiredReplicas: number;
  currentCPUUtilizationPercentage?: number | undefined;
}

export interface MetricSpec {
  type?: string | undefined;
  object?: ObjectMetricSource | undefined;
  pods?: PodsMetricSource | undefined;
  resource?: ResourceMetricSource | undefined;
  containerResource?: ContainerResourceMetricSource | undefined;
  external?: ExternalMetricSource | undefined;
}

export interface MetricStatus {
  type?: string | undefined;
  object?: ObjectMetricStatus | undefined;
  pods?: PodsMetricStatus | undefined;
  resource?: ResourceMetricStatus | undefined;
  containerResource?: ContainerResourceMetricStatus | undefined;
  external?: ExternalMetricStatus | undefined;
}

export interface ObjectMetricSource {
  target?: CrossVersionObjectReference | undefined;
  metricName?: string | undefined;
  targetValue?: string | undefined;
  selector?: metaV1.LabelSelector | undefined;
  averageValue?: string | undefined;
}

export interface ObjectMetricStatus {
  target?: CrossVersionObjectReference | undefined;
  metricName?: string | undefined;
  currentValue?: string | undefined;
  selector?: metaV1.LabelSelector | undefined;
  averageValue?: string | undefined;
}

export interface PodsMetricSource {
  metricName?: string | undefined;
  targetAverageValue?: string | undefined;
  selector?: metaV1.LabelSelector | undefined;
}

export interface PodsMetricStatus {
  metricName?: string | undefined;
  currentAverageValue?: string | undefined;
  selector?: metaV1.LabelSelector | undefined;
}

export interface ResourceMetricSource {
  name?: string | undefined;
  targetAverageUtilization?: number | undefined;
  targetAverageValue?: string | undefined;
}

export interface ResourceMetricStatus {
  name?: string | undefined;
  currentAverageUtilization?: number | undefined;
  currentAverageValue?: string | undefined;
}

export interface Scale {
  apiVersion?: string;
  kind?: string;
  metadata: metaV1.ObjectMeta;
  spec: ScaleSpec;
  status?: ScaleStatus | undefined;
}

export interface ScaleSpec {
  replicas?: number | undefined;
}

export interface ScaleStatus {
  replicas: number;
  selector?: string | undefined;
}
