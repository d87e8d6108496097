import type { Event as CoreEvent } from '../../../generated/api/core/v1.ts';
import type { Event } from '../../../generated/api/events/v1.ts';
import { eventsRegarding } from '../../../generated/resource-types.ts';
import type { Column } from '../../../machinery/object/resource-definition.ts';
import { EVENT_LEASE_SECONDS, eventCells } from '../../core/event/definition.ts';
import { validateEvent, validateEventUpdate } from '../../core/event/validation.ts';
import { defineResource } from '../../define.ts';
import { fromCoreEvent, toCoreEvent } from './conversion.ts';

/** Both versions show the same table. */
const cells = Object.fromEntries(
  Object.entries(eventCells).map(([name, cell]): [string, Column<Event>['cell']] => [
    name,
    (event, now) => (cell as Column<CoreEvent>['cell'])(toCoreEvent(event), now),
  ]),
);

const regarding = (field: keyof NonNullable<Event['regarding']>) => (event: Event) => event.regarding?.[field] ?? '';

/** Events in the newer group: another view of the same stored objects. */
export const regardingEventResource = defineResource(eventsRegarding, {
  storagePrefix: 'events',
  leaseSeconds: EVENT_LEASE_SECONDS,
  defaultPropagation: 'None',
  internalGroup: '',
  allowCreateOnUpdate: true,
  convert: {
    fromStorage: (stored) => fromCoreEvent(stored as unknown as CoreEvent) as never,
    toStorage: (event) => toCoreEvent(event as unknown as Event) as never,
  },
  selectableFields: {
    'regarding.kind': regarding('kind'),
    'regarding.namespace': regarding('namespace'),
    'regarding.name': regarding('name'),
    'regarding.uid': regarding('uid'),
    'regarding.apiVersion': regarding('apiVersion'),
    'regarding.resourceVersion': regarding('resourceVersion'),
    'regarding.fieldPath': regarding('fieldPath'),
    reason: ({ reason }) => reason ?? '',
    reportingController: ({ reportingController }) => reportingController ?? '',
    type: ({ type }) => type ?? '',
  },
  cells,
  strategy: {
    validateCreate: (event) => validateEvent(toCoreEvent(event), 'events.k8s.io/v1'),
    validateUpdate: (next, previous) =>
      validateEventUpdate(toCoreEvent(next), toCoreEvent(previous), 'events.k8s.io/v1'),
  },
});
