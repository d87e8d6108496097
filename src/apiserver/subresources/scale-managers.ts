import type { ManagedFieldsEntry } from '../../generated/api/meta/v1.ts';
import { FieldSet } from '../../machinery/patch/apply/field-set.ts';
import { type Manager, readManagers, writeManagers } from '../../machinery/patch/apply/managers.ts';

const SCALE_VERSION = 'autoscaling/v1';
const REPLICAS_IN_SCALE = ['f:spec', 'f:replicas'] as const;

type Entries = readonly ManagedFieldsEntry[] | undefined;

/** Which field of an object is the wish for replicas, in which version. */
export interface ReplicasField {
  readonly apiVersion: string;
  /** As `.spec.replicas`. */
  readonly path: string;
}

/**
 * The managers of a scale: those that own the replicas of its object.
 *
 * Source: apimachinery `managedfields/scalehandler.go` (ToSubresource).
 */
export function toScaleManagers(parent: Entries, field: ReplicasField): ManagedFieldsEntry[] {
  const path = toPath(field);
  const managers = new Map<string, Manager>();
  for (const [id, manager] of readManagers(parent)) {
    if (!manager.fields.has(path)) continue;
    managers.set(id, { ...manager, apiVersion: SCALE_VERSION, fields: only(REPLICAS_IN_SCALE) });
  }
  return writeManagers(managers);
}

/**
 * The managers of the object after its scale was written: who lost the replicas loses that field alone.
 *
 * Source: apimachinery `managedfields/scalehandler.go` (ToParent).
 */
export function toParentManagers(parent: Entries, scale: Entries, field: ReplicasField): ManagedFieldsEntry[] {
  const path = toPath(field);
  const before = readManagers(parent);
  const after = readManagers(scale);
  const result = new Map<string, Manager>();
  const known = new Set<string>();
  for (const [id, manager] of before) {
    const still = [...after.entries()].find(([, other]) => isSameManager(manager, other));
    if (!manager.fields.has(path) || still !== undefined) result.set(id, manager);
    else result.set(id, { ...manager, fields: manager.fields.difference(only(path)) });
    if (manager.fields.has(path) && still !== undefined) known.add(still[0]);
  }
  for (const [id, manager] of after) {
    if (known.has(id) || !manager.fields.has(REPLICAS_IN_SCALE)) continue;
    result.set(id, { ...manager, apiVersion: field.apiVersion, fields: only(path) });
  }
  return writeManagers(result);
}

/** Versions differ between the two, so they do not count. */
function isSameManager(a: Manager, b: Manager): boolean {
  return a.name === b.name && a.operation === b.operation && a.subresource === b.subresource;
}

function toPath({ path }: ReplicasField): string[] {
  return path
    .split('.')
    .filter((name) => name !== '')
    .map((name) => `f:${name}`);
}

function only(path: readonly string[]): FieldSet {
  const set = new FieldSet();
  set.insert(path);
  return set;
}
