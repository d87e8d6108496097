import type { Event } from '../../../generated/api/core/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkDnsSubdomain, checkQualifiedName } from '../../checks/names.ts';
import { isSame } from '../../checks/same.ts';

/** The version that a request speaks: the newer one is stricter. */
export type EventVersion = 'v1' | 'events.k8s.io/v1';

/** Source: core/validation/events.go (ValidateEventCreate). */
export function validateEvent(event: Event, version: EventVersion): readonly FieldError[] {
  const faults = new FieldFaults();
  checkLegacy(event, version, faults);
  if (version === 'v1') return faults.list;
  checkSeries(event, faults);
  if (!event.eventTime) faults.required('eventTime');
  if (event.type !== 'Normal' && event.type !== 'Warning')
    faults.invalid('type', '', `has invalid value: ${event.type ?? ''}`);
  const why = 'needs to be unset';
  if (event.firstTimestamp) faults.invalid('firstTimestamp', '', why);
  if (event.lastTimestamp) faults.invalid('lastTimestamp', '', why);
  if (event.count) faults.invalid('count', '', why);
  if (event.source?.component || event.source?.host) faults.invalid('source', '', why);
  return faults.list;
}

const IMMUTABLE = [
  ['involvedObject'],
  ['reason'],
  ['message'],
  ['source'],
  ['firstTimestamp'],
  ['lastTimestamp'],
  ['count'],
  ['reason'],
  ['type'],
  ['eventTime'],
  ['action'],
  ['related'],
  ['reportingComponent', 'reportingController'],
  ['reportingInstance'],
] as const;

/** @param previous - Absent where the version does not look at it. Source: core/validation/events.go (ValidateEventUpdate). */
export function validateEventUpdate(
  next: Event,
  previous: Event | undefined,
  version: EventVersion,
): readonly FieldError[] {
  const faults = new FieldFaults();
  checkLegacy(next, version, faults);
  if (version === 'v1' || previous === undefined) return faults.list;
  if (!isSame(next.series, previous.series)) checkSeries(next, faults);
  for (const [field, shown = field] of IMMUTABLE)
    if (!isSame(next[field], previous[field])) faults.invalid(shown, shownAs(field, next[field]), 'field is immutable');
  return faults.list;
}

/** Objects as upstream's internal types show them, texts that are not there as empty ones. */
function shownAs(field: keyof Event, value: unknown): unknown {
  switch (field) {
    case 'involvedObject':
      return toGoView(value, 'core/v1.ObjectReference');
    case 'related':
      return value === undefined ? null : toGoView(value, 'core/v1.ObjectReference');
    case 'source':
      return toGoView(value, 'core/v1.EventSource');
    case 'count':
      return value ?? 0;
    case 'firstTimestamp':
    case 'lastTimestamp':
    case 'eventTime':
      return value ?? null;
    default:
      return value ?? '';
  }
}

function checkSeries({ series }: Event, faults: FieldFaults): void {
  if (!series) return;
  if ((series.count ?? 0) < 2) faults.invalid('series.count', '', 'should be at least 2');
  if (!series.lastObservedTime) faults.required('series.lastObservedTime');
}

function checkLegacy(event: Event, version: EventVersion, faults: FieldFaults): void {
  const { namespace = '' } = event.metadata;
  const involved = event.involvedObject?.namespace ?? '';
  const mismatch = (): void => faults.invalid('involvedObject.namespace', involved, 'does not match event.namespace');
  if (!event.eventTime) {
    const isFine = involved === '' ? namespace === '' || namespace === 'default' : namespace === involved;
    if (!isFine) mismatch();
  } else {
    if (involved === '' && namespace !== 'default' && namespace !== 'kube-system') mismatch();
    checkReport(event, version, faults);
  }
  checkDnsSubdomain('namespace', namespace, faults);
}

function checkReport(event: Event, version: EventVersion, faults: FieldFaults): void {
  const { reportingComponent: reporter = '', reportingInstance = '', action = '', reason = '', message = '' } = event;
  const field = version === 'v1' ? 'reportingComponent' : 'reportingController';
  if (reporter === '') faults.required(field);
  checkQualifiedName(field, reporter, faults);
  for (const [name, value] of Object.entries({ reportingInstance, action, reason })) {
    if (value === '') faults.required(name);
    if (value.length > 128) faults.invalid(name, '', 'can have at most 128 characters');
  }
  if (message.length > 1024) faults.invalid('message', '', 'can have at most 1024 characters');
}
