import type { ManagedFieldsEntry } from '../../generated/api/meta/v1.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { cloneJson } from './clone-json.ts';
import { isSame } from './equality.ts';

/**
 * Where an update changes nothing but the times of managed fields, takes the old times back, so that it becomes no
 * write at all. Source: apiserver `pkg/endpoints/handlers/fieldmanager/equality.go`.
 */
export function forgetIdleTimes(next: AnyObject, previous: AnyObject): void {
  const [after, before] = [next.metadata.managedFields ?? [], previous.metadata.managedFields ?? []];
  if (after.length !== before.length || isSame(after, before)) return;
  if (!isSame(after.map(withoutTime), before.map(withoutTime))) return;
  const { managedFields: _next, ...nextMeta } = next.metadata;
  const { managedFields: _previous, ...previousMeta } = previous.metadata;
  if (!isSame(nextMeta, previousMeta)) return;
  for (const field of new Set([...Object.keys(next), ...Object.keys(previous)])) {
    if (field !== 'metadata' && !isSame(next[field], previous[field])) return;
  }
  next.metadata.managedFields = cloneJson(before);
}

function withoutTime(entry: ManagedFieldsEntry): ManagedFieldsEntry {
  const { time: _time, ...rest } = entry;
  return rest;
}
