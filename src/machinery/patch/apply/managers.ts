import type { ManagedFieldsEntry } from '../../../generated/api/meta/v1.ts';
import { FieldSet, FieldSetError } from './field-set.ts';

/** One manager of an object's fields. */
export interface Manager {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  time: string | undefined;
  fields: FieldSet;
}

/** Update managers beyond it are folded into one. Source: apimachinery `managedfields` (DefaultMaxUpdateManagers). */
const MAX_UPDATE_MANAGERS = 10;
const OLDEST = 'ancient-changes';

/** Appliers are the same manager in every version; updaters are one each. */
export function managerId({ name, operation, apiVersion, subresource }: Omit<Manager, 'time' | 'fields'>): string {
  return JSON.stringify([name, operation, operation === 'Apply' ? '' : apiVersion, subresource]);
}

/** The managers of an object; none where one of the entries cannot be read. Source: `managedfields/internal/managedfields.go`. */
export function readManagers(entries: readonly ManagedFieldsEntry[] | null | undefined): Map<string, Manager> {
  const managers = new Map<string, Manager>();
  for (const entry of entries ?? []) {
    const manager = readManager(entry);
    if (manager === undefined) return new Map();
    managers.set(managerId(manager), manager);
  }
  return managers;
}

function readManager(entry: ManagedFieldsEntry): Manager | undefined {
  const { operation, apiVersion, fieldsType, fieldsV1, manager: name = '', subresource = '', time } = entry;
  if ((operation !== 'Apply' && operation !== 'Update') || !apiVersion || fieldsType !== 'FieldsV1') return undefined;
  try {
    return { name, operation, apiVersion, subresource, time, fields: FieldSet.fromWire(fieldsV1) };
  } catch (error) {
    if (error instanceof FieldSetError) return undefined;
    throw error;
  }
}

/** Entries in upstream's order: by operation, time, name, version and subresource. */
export function writeManagers(managers: ReadonlyMap<string, Manager>): ManagedFieldsEntry[] {
  const kept = [...managers.values()].filter(({ fields }) => !fields.isEmpty);
  const orderOf = (manager: Manager): string[] => [
    manager.operation,
    manager.time ?? '',
    manager.name,
    manager.apiVersion,
    manager.subresource,
  ];
  kept.sort((a, b) => {
    const left = orderOf(a);
    const right = orderOf(b);
    const at = left.findIndex((text, index) => text !== right[index]);
    return at < 0 ? 0 : (left[at] as string) < (right[at] as string) ? -1 : 1;
  });
  return kept.map(({ name, operation, apiVersion, time, fields, subresource }) => ({
    manager: name,
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: fields.toWire(),
    ...(subresource === '' ? {} : { subresource }),
  }));
}

/**
 * Folds the oldest updaters of each version into one, so that the list stays short.
 *
 * Source: apimachinery `managedfields/internal/capmanagers.go`.
 */
export function capUpdaters(managers: Map<string, Manager>): Map<string, Manager> {
  const updaters = [...managers].filter(([, { operation, fields }]) => operation === 'Update' && !fields.isEmpty);
  let count = updaters.length;
  if (count <= MAX_UPDATE_MANAGERS) return managers;
  const timeOf = ([, { time }]: [string, Manager]): number => (time === undefined ? 0 : Date.parse(time));
  updaters.sort((a, b) => timeOf(a) - timeOf(b) || (a[0] < b[0] ? -1 : 1));
  const firsts = new Map<string, string>();
  for (const [id, manager] of updaters) {
    if (count <= MAX_UPDATE_MANAGERS) break;
    const { apiVersion } = manager;
    const first = firsts.get(apiVersion);
    if (first === undefined) {
      firsts.set(apiVersion, id);
      continue;
    }
    const bucket: Manager = { ...manager, name: OLDEST, subresource: '' };
    const bucketId = managerId(bucket);
    const held = managers.get(bucketId) ?? managers.get(first);
    if (!managers.has(bucketId)) managers.delete(first);
    managers.delete(id);
    managers.set(bucketId, {
      ...bucket,
      fields: held === undefined ? manager.fields : held.fields.union(manager.fields),
    });
    count -= 1;
  }
  return managers;
}
