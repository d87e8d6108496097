import type { Event as CoreEvent } from '../../../generated/api/core/v1.ts';
import type { Event } from '../../../generated/api/events/v1.ts';

/** Source of both: pkg/apis/events/v1/conversion.go. */

/** Drops what is undefined, so that absent stays absent. */
function compact<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

export function fromCoreEvent(stored: CoreEvent): Event {
  const { metadata, involvedObject, message, source, firstTimestamp, lastTimestamp, count, ...rest } = stored;
  const { eventTime, series, action, reason, related, type } = rest;
  return compact({
    kind: 'Event',
    apiVersion: 'events.k8s.io/v1',
    metadata,
    eventTime: eventTime ?? null,
    series,
    reportingController: rest.reportingComponent || undefined,
    reportingInstance: rest.reportingInstance || undefined,
    action,
    reason,
    regarding: involvedObject,
    related,
    note: message,
    type,
    deprecatedSource: source,
    deprecatedFirstTimestamp: firstTimestamp,
    deprecatedLastTimestamp: lastTimestamp,
    deprecatedCount: count,
  }) as unknown as Event;
}

export function toCoreEvent(event: Event): CoreEvent {
  const { metadata, eventTime, series, action, reason, related, type, regarding, note } = event;
  return compact({
    kind: 'Event',
    apiVersion: 'v1',
    metadata,
    involvedObject: regarding ?? {},
    reason,
    message: note,
    source: event.deprecatedSource ?? {},
    firstTimestamp: event.deprecatedFirstTimestamp,
    lastTimestamp: event.deprecatedLastTimestamp,
    count: event.deprecatedCount,
    type,
    eventTime: eventTime ?? undefined,
    series,
    action,
    related,
    reportingComponent: event.reportingController ?? '',
    reportingInstance: event.reportingInstance ?? '',
  }) as unknown as CoreEvent;
}
