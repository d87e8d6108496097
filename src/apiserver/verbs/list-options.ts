import { type FieldError, fieldForbidden, fieldNotSupported } from '../../machinery/errors/field-error.ts';
import { invalid } from '../../machinery/errors/status-error.ts';
import { readSelectors } from '../registry/selectors.ts';
import { readBoolean, readInteger, readText } from './query-values.ts';

/** Options of list, watch and deletecollection, as the query states them. */
export interface ListOptions {
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly watch: boolean;
  readonly allowWatchBookmarks: boolean;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
  readonly timeoutSeconds: number | undefined;
  /** 0 for no limit. */
  readonly limit: number;
  readonly continue: string;
  readonly sendInitialEvents: boolean | undefined;
}

/**
 * @param options.watch - Whether the path or the query asks for a watch.
 * @throws StatusError 400 for numbers that are none, 422 for combinations that are not allowed.
 *
 * Source: apimachinery `meta/internalversion/validation`.
 */
export function readListOptions(query: URLSearchParams, options: { watch: boolean }): ListOptions {
  const isAsked = readBoolean(query, 'watch') ?? false;
  const read = withInitialEvents(isAsked, {
    labelSelector: readText(query, 'labelSelector'),
    fieldSelector: readText(query, 'fieldSelector'),
    watch: options.watch,
    allowWatchBookmarks: readBoolean(query, 'allowWatchBookmarks') ?? false,
    resourceVersion: readText(query, 'resourceVersion'),
    resourceVersionMatch: readText(query, 'resourceVersionMatch'),
    timeoutSeconds: readInteger(query, 'timeoutSeconds'),
    limit: readInteger(query, 'limit') ?? 0,
    continue: readText(query, 'continue'),
    sendInitialEvents: readBoolean(query, 'sendInitialEvents'),
  });
  const faults = isAsked ? validateWatch(read) : validateList(read);
  // What cannot be read counts before what may not be.
  if (faults.length > 0) readSelectors(read);
  if (faults.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', faults);
  return read;
}

/**
 * A watch from no version, or from any, has always begun with all that there is: it is the same as asking for the
 * initial events. The old paths of watches do not count as asking. Source: `meta/internalversion/defaults.go`.
 */
function withInitialEvents(isAsked: boolean, read: ListOptions): ListOptions {
  const isLegacy = read.resourceVersion === '' || read.resourceVersion === '0';
  if (!isAsked || !isLegacy || read.sendInitialEvents !== undefined || read.resourceVersionMatch !== '') return read;
  return { ...read, sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' };
}

function validateList(read: ListOptions): readonly FieldError[] {
  const faults: FieldError[] = [];
  const path = 'resourceVersionMatch';
  if (read.resourceVersionMatch !== '') {
    if (read.resourceVersion === '') {
      faults.push(fieldForbidden(path, 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
    }
    if (read.continue !== '') {
      faults.push(fieldForbidden(path, 'resourceVersionMatch is forbidden when continue is provided'));
    }
    if (read.resourceVersionMatch !== 'Exact' && read.resourceVersionMatch !== 'NotOlderThan') {
      faults.push(fieldNotSupported(path, read.resourceVersionMatch, ['Exact', 'NotOlderThan', '']));
    }
    if (read.resourceVersionMatch === 'Exact' && read.resourceVersion === '0') {
      faults.push(fieldForbidden(path, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
    }
  }
  if (read.sendInitialEvents !== undefined) {
    faults.push(fieldForbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  return faults;
}

function validateWatch(read: ListOptions): readonly FieldError[] {
  const faults: FieldError[] = [];
  const path = 'resourceVersionMatch';
  if (read.sendInitialEvents !== undefined && read.resourceVersionMatch !== 'NotOlderThan') {
    faults.push(fieldForbidden(path, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  }
  if (read.resourceVersionMatch !== '') {
    if (read.sendInitialEvents === undefined) {
      const text = 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided';
      faults.push(fieldForbidden(path, text));
    }
    if (read.resourceVersionMatch !== 'NotOlderThan') {
      faults.push(fieldNotSupported(path, read.resourceVersionMatch, ['NotOlderThan']));
    }
    if (read.continue !== '') {
      faults.push(fieldForbidden(path, 'resourceVersionMatch is forbidden when continue is provided'));
    }
  }
  return faults;
}
