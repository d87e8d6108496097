import type { Pod } from '../../generated/api/core/v1.ts';
import { type PodAffinity, toPodAffinity } from './pod-affinity.ts';
import { type PodRequest, toPodRequest } from './pod-request.ts';

/** A pod with what is worked out of it once, for all nodes and cycles. */
export interface PodInfo {
  readonly pod: Pod;
  readonly request: PodRequest;
  readonly affinity: PodAffinity;
}

export function toPodInfo(pod: Pod): PodInfo {
  return { pod, request: toPodRequest(pod), affinity: toPodAffinity(pod) };
}

export const uidOf = (pod: Pod): string => pod.metadata.uid ?? '';
export const priorityOf = (pod: Pod): number => pod.spec.priority ?? 0;
