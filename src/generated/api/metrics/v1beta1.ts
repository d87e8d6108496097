// Written by hack/generate.ts from facts of Kubernetes 1.36. Do not edit.
import type * as metaV1 from '../meta/v1.ts';

export interface ContainerMetrics {
  name?: string | undefined;
  usage?: Record<string, string> | undefined;
}

export interface NodeMetrics {
  metadata?: metaV1.ObjectMeta | undefined;
  timestamp?: string | undefined;
  window?: string | undefined;
  usage?: Record<string, string> | undefined;
}

export interface NodeMetricsList {
  metadata?: metaV1.ListMeta | undefined;
  items?: NodeMetrics[] | undefined;
}

export interface PodMetrics {
  metadata?: metaV1.ObjectMeta | undefined;
  timestamp?: string | undefined;
  window?: string | undefined;
  containers?: ContainerMetrics[] | undefined;
}

export interface PodMetricsList {
  metadata?: metaV1.ListMeta | undefined;
  items?: PodMetrics[] | undefined;
}
