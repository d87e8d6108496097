import type { Event } from '../../../generated/api/core/v1.ts';
import { events } from '../../../generated/resource-types.ts';
import { ageOf } from '../../columns.ts';
import { defineResource } from '../../define.ts';
import { validateEvent, validateEventUpdate } from './validation.ts';

/** Seconds that an event stays: an hour, and a minute so that clocks may differ. */
export const EVENT_LEASE_SECONDS = 3660;

/** Times that are not set are null in events as they are stored. */
const isSet = (time: string | null | undefined): time is string => Boolean(time);

function firstSeen({ firstTimestamp, eventTime }: Event, nowMs: number): string {
  return ageOf(isSet(firstTimestamp) ? firstTimestamp : eventTime, nowMs);
}

function lastSeen(event: Event, nowMs: number): string {
  if (event.series) return ageOf(event.series.lastObservedTime, nowMs);
  return isSet(event.lastTimestamp) ? ageOf(event.lastTimestamp, nowMs) : firstSeen(event, nowMs);
}

function objectText({ involvedObject }: Event): string {
  const kind = (involvedObject?.kind ?? '').toLowerCase();
  return involvedObject?.name ? `${kind}/${involvedObject.name}` : kind;
}

function sourceText({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || reportingComponent || '';
  const host = source?.host || reportingInstance || '';
  return host === '' ? component : `${component}, ${host}`;
}

/** Source: printEvent. */
export const eventCells = {
  'Last Seen': (event: Event, { nowMs }: { readonly nowMs: number }) => lastSeen(event, nowMs),
  Type: ({ type }: Event) => type ?? '',
  Reason: ({ reason }: Event) => reason ?? '',
  Object: objectText,
  Subobject: ({ involvedObject }: Event) => involvedObject?.fieldPath ?? '',
  Source: sourceText,
  Message: ({ message }: Event) => (message ?? '').trim(),
  'First Seen': (event: Event, { nowMs }: { readonly nowMs: number }) => firstSeen(event, nowMs),
  Count: ({ count, series }: Event) => (series ? (series.count ?? 0) : count || 1),
};

export const eventResource = defineResource(events, {
  leaseSeconds: EVENT_LEASE_SECONDS,
  defaultPropagation: 'None',
  allowCreateOnUpdate: true,
  selectableFields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject?.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject?.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject?.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject?.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject?.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject?.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject?.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    source: ({ source, reportingComponent }) => source?.component || reportingComponent || '',
    type: ({ type }) => type ?? '',
  },
  cells: eventCells,
  strategy: {
    validateCreate: (event) => validateEvent(event, 'v1'),
    validateUpdate: (next) => validateEventUpdate(next, undefined, 'v1'),
  },
});
