// Written by hack/generate.ts from facts of Kubernetes 1.36. Do not edit.
import type * as coreV1 from '../core/v1.ts';
import type * as metaV1 from '../meta/v1.ts';

export interface Endpoint {
  addresses?: string[] | undefined;
  conditions?: EndpointConditions | undefined;
  hostname?: string | undefined;
  targetRef?: coreV1.ObjectReference | undefined;
  topology?: Record<string, string> | undefined;
  nodeName?: string | undefined;
  hints?: EndpointHints | undefined;
}

export interface EndpointConditions {
  ready?: boolean | undefined;
  serving?: boolean | undefined;
  terminating?: boolean | undefined;
}

export interface EndpointHints {
  forZones?: ForZone[] | undefined;
  forNodes?: ForNode[] | undefined;
}

export interface EndpointPort {
  name?: string | undefined;
  protocol?: string | undefined;
  port?: number | undefined;
  appProtocol?: string | undefined;
}

export interface EndpointSlice {
  apiVersion?: string;
  kind?: string;
  metadata: metaV1.ObjectMeta;
  addressType?: string | undefined;
  endpoints?: Endpoint[] | undefined;
  ports?: EndpointPort[] | undefined;
}

export interface EndpointSliceList {
  apiVersion?: string;
  kind?: string;
  metadata: metaV1.ListMeta;
  items: EndpointSlice[];
}

export interface ForNode {
  name?: string | undefined;
}

export interface ForZone {
  name?: string | undefined;
}
