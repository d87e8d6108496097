import { autoscalerResource, oldAutoscalerResource } from './horizontal-pod-autoscaler/definition.ts';

/** Every kind of `autoscaling`, in v2 and v1. */
export const autoscalingKinds = [autoscalerResource, oldAutoscalerResource];
