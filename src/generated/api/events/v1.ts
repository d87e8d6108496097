// Written by hack/generate.ts from facts of Kubernetes 1.36. Do not edit.
import type * as coreV1 from '../core/v1.ts';
import type * as metaV1 from '../meta/v1.ts';

export interface Event {
  apiVersion?: string;
  kind?: string;
  metadata: metaV1.ObjectMeta;
  eventTime: string;
  series?: EventSeries | undefined;
  reportingController?: string | undefined;
  reportingInstance?: string | undefined;
  action?: string | undefined;
  reason?: string | undefined;
  regarding?: coreV1.ObjectReference | undefined;
  related?: coreV1.ObjectReference | undefined;
  note?: string | undefined;
  type?: string | undefined;
  deprecatedSource?: coreV1.EventSource | undefined;
  deprecatedFirstTimestamp?: string | undefined;
  deprecatedLastTimestamp?: string | undefined;
  deprecatedCount?: number | undefined;
}

export interface EventList {
  apiVersion?: string;
  kind?: string;
  metadata: metaV1.ListMeta;
  items: Event[];
}

export interface EventSeries {
  count: number;
  lastObservedTime: string;
}
