import { horizontalPodAutoscalerResources } from './horizontal-pod-autoscaler/definition.ts';

/** Every kind of `autoscaling`, in v2 and v1. */
export const autoscalingKinds = [...horizontalPodAutoscalerResources];
