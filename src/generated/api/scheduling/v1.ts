// Written by hack/generate.ts from facts of Kubernetes 1.36. Do not edit.
import type * as metaV1 from '../meta/v1.ts';

export interface PriorityClass {
  apiVersion?: string;
  kind?: string;
  metadata: metaV1.ObjectMeta;
  value?: number | undefined;
  globalDefault?: boolean | undefined;
  description?: string | undefined;
  preemptionPolicy?: string | undefined;
}

export interface PriorityClassList {
  apiVersion?: string;
  kind?: string;
  metadata: metaV1.ListMeta;
  items: PriorityClass[];
}
