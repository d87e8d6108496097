import { badRequest, StatusError } from '../../errors/status-error.ts';
import { type AnyObject, parseApiVersion } from '../../object/object.ts';
import type { ObjectShape } from '../../schema/type-schema.ts';
import { internalPatchError } from '../patch-error.ts';
import { FieldSet, toPathText } from './field-set.ts';
import { type Manager, managerId, readManagers, writeManagers } from './managers.ts';
import { checkTyped, compare, mergeTyped, removePaths, TypedError, toFieldSet } from './typed.ts';

export interface FieldManagement {
  readonly shape: ObjectShape;
  /** Name of the manager. */
  readonly manager: string;
  /** Version of the request; managers that update are kept apart by it. */
  readonly apiVersion: string;
  /** Empty for the object itself. */
  readonly subresource: string;
  /** RFC 3339 in seconds. */
  readonly nowText: string;
  /** Paths that this endpoint does not let its callers own, such as status on the object itself. */
  readonly reset?: FieldSet | undefined;
}

export interface ApplyOptions extends FieldManagement {
  /** The stored object, with its managed fields; undefined where it is created. */
  readonly live: AnyObject | undefined;
  readonly applied: AnyObject;
  /** Takes over what others own. */
  readonly force: boolean;
}

export interface UpdateOptions extends FieldManagement {
  readonly live: AnyObject | undefined;
  /** The object as it will be. Its managed fields are replaced in the result. */
  readonly next: AnyObject;
}

/** Nobody owns these. Source: apimachinery `managedfields/internal/stripmeta.go`. */
const unowned = (() => {
  const set = new FieldSet();
  for (const path of [['f:apiVersion'], ['f:kind'], ['f:metadata']]) set.insert(path);
  for (const name of [
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'clusterName',
    'generation',
    'managedFields',
    'resourceVersion',
  ]) {
    set.insert(['f:metadata', `f:${name}`]);
  }
  return set;
})();

/**
 * Server-side apply: lays the configuration over the live object, takes away what the manager applied before and no
 * longer does, and records who owns what.
 *
 * @returns the object with its managed fields, not yet defaulted.
 * @throws StatusError 409 with each conflict, unless forced; 400 and 500 for a configuration that does not fit.
 *
 * Source: structured-merge-diff `merge/update.go` (Apply), apimachinery `managedfields`.
 */
export function applyServerSide(options: ApplyOptions): { readonly object: AnyObject } {
  const { live, applied, shape, force, nowText } = options;
  if (applied.metadata?.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
  check(applied, shape);
  const base = live === undefined ? emptyLike(applied) : withoutManagedFields(live);
  const managers = managersOf(live, base, shape);
  const id = managerId(self(options, 'Apply'));
  const before = managers.get(id)?.fields;
  const fields = owned(toFieldSet(applied, shape), options.reset);
  const merged = mergeTyped(base, applied, shape) as AnyObject;
  managers.set(id, { ...self(options, 'Apply'), fields, time: nowText });
  const object = before === undefined ? merged : prune(merged, managers, before, shape);
  settle(managers, id, compare(base, object, shape), force);
  return { object: withManagedFields(object, managers) };
}

/**
 * Records that a create, update or patch made the manager the owner of what it changed.
 *
 * Source: structured-merge-diff `merge/update.go` (Update), apimachinery `managedfields/internal/managedfieldsupdater.go`.
 */
export function trackUpdate(options: UpdateOptions): AnyObject {
  const { live, next, shape, nowText } = options;
  const base = live === undefined ? emptyLike(next) : withoutManagedFields(live);
  const object = withoutManagedFields(next);
  if (isReset(next)) return object;
  const managers = readManagers(givenManagers(options) ?? live?.metadata.managedFields);
  const { added, removed, modified } = compare(base, object, shape);
  const changed = added.union(modified);
  const id = managerId(self(options, 'Update'));
  for (const [other, manager] of managers) {
    if (other !== id) manager.fields = manager.fields.difference(changed);
    manager.fields = manager.fields.difference(removed);
  }
  const mine = owned(changed, options.reset);
  const known = managers.get(id);
  if (!mine.isEmpty) {
    const fields = known === undefined ? mine : known.fields.union(mine);
    managers.set(id, { ...self(options, 'Update'), fields, time: nowText });
  }
  return withManagedFields(object, managers);
}

/** `managedFields: [{}]` is how a client asks for forgetting all of them. */
function isReset({ metadata }: AnyObject): boolean {
  const entries = metadata.managedFields;
  return entries?.length === 1 && Object.keys(entries[0] ?? {}).length === 0;
}

/** Managed fields in the update itself count, so that they can be edited; subresources do not take them. */
function givenManagers({ next, subresource }: UpdateOptions): AnyObject['metadata']['managedFields'] | undefined {
  const entries = next.metadata.managedFields;
  return subresource === '' && entries !== undefined && entries !== null && entries.length > 0 ? entries : undefined;
}

function self({ manager, apiVersion, subresource }: FieldManagement, operation: 'Apply' | 'Update') {
  return { name: manager, operation, apiVersion, subresource };
}

function owned(set: FieldSet, reset: FieldSet | undefined): FieldSet {
  const own = set.difference(unowned);
  return reset === undefined ? own : own.without(reset);
}

function check(applied: AnyObject, shape: ObjectShape): void {
  try {
    checkTyped(applied, shape);
  } catch (error) {
    if (!(error instanceof TypedError)) throw error;
    const { group, version } = parseApiVersion(applied.apiVersion ?? '');
    const { name = '' } = applied.metadata ?? {};
    throw internalPatchError(
      `failed to create typed patch object (${applied.metadata?.namespace ?? ''}/${name}; ${group}/${version}, Kind=${applied.kind}): ${error.message}`,
    );
  }
}

/** Managers of an object that was written before anybody kept track: all that is there belongs to one of them. */
function managersOf(live: AnyObject | undefined, base: AnyObject, shape: ObjectShape): Map<string, Manager> {
  const managers = readManagers(live?.metadata.managedFields);
  if (live === undefined || managers.size > 0) return managers;
  const manager: Manager = {
    name: 'before-first-apply',
    operation: 'Update',
    apiVersion: live.apiVersion ?? '',
    subresource: '',
    time: undefined,
    fields: owned(toFieldSet(base, shape), undefined),
  };
  managers.set(managerId(manager), manager);
  return managers;
}

/** Takes away what the manager had applied, applies no longer, and nobody else owns. */
function prune(
  merged: AnyObject,
  managers: ReadonlyMap<string, Manager>,
  before: FieldSet,
  shape: ObjectShape,
): AnyObject {
  let kept = new FieldSet();
  for (const { fields } of managers.values()) kept = kept.union(fields);
  const present = toFieldSet(merged, shape).withParents();
  const gone = present.intersection(before.withParents()).difference(kept.withParents());
  return gone.isEmpty ? merged : (removePaths(merged, gone, shape) as AnyObject);
}

/** Finds what others lose by the change: a conflict each, or the end of their ownership. */
function settle(managers: Map<string, Manager>, id: string, changes: ReturnType<typeof compare>, force: boolean): void {
  const changed = changes.added.union(changes.modified);
  const conflicts: { manager: Manager; path: readonly string[] }[] = [];
  for (const [other, manager] of managers) {
    if (other === id) continue;
    const lost = manager.fields.intersection(changed);
    for (const path of lost.paths()) conflicts.push({ manager, path });
    if (force) manager.fields = manager.fields.difference(lost);
    manager.fields = manager.fields.difference(changes.removed);
  }
  if (conflicts.length > 0 && !force) throw conflictError(conflicts);
}

/** Source: apimachinery `managedfields/internal/conflict.go`. */
function conflictError(conflicts: readonly { manager: Manager; path: readonly string[] }[]): StatusError {
  const groups = new Map<string, string[]>();
  for (const { manager, path } of conflicts) {
    const shown = describe(manager);
    groups.set(shown, [...(groups.get(shown) ?? []), toPathText(path)]);
  }
  const lines = [...groups.keys()].sort().map((manager) => {
    const paths = groups.get(manager) ?? [];
    return paths.length === 1 && groups.size === 1
      ? `conflict with ${manager}: ${paths[0]}`
      : `conflicts with ${manager}:\n${paths.map((path) => `- ${path}`).join('\n')}`;
  });
  const count = conflicts.length;
  const message = `Apply failed with ${count} conflict${count === 1 ? '' : 's'}: ${lines.join('\n')}`;
  const causes = conflicts.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${describe(manager)}`,
    field: toPathText(path),
  }));
  return new StatusError({ code: 409, reason: 'Conflict', message, details: { causes } });
}

function describe({ name, operation, apiVersion, subresource }: Manager): string {
  const where = subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`;
  return `${JSON.stringify(name)}${where}${operation === 'Update' ? ` using ${apiVersion}` : ''}`;
}

function emptyLike({ apiVersion, kind }: AnyObject): AnyObject {
  return { apiVersion, kind, metadata: {} } as AnyObject;
}

function withoutManagedFields(object: AnyObject): AnyObject {
  const { managedFields: _, ...metadata } = object.metadata ?? {};
  return { ...object, metadata };
}

function withManagedFields(object: AnyObject, managers: ReadonlyMap<string, Manager>): AnyObject {
  const managedFields = writeManagers(managers);
  return managedFields.length === 0 ? object : { ...object, metadata: { ...object.metadata, managedFields } };
}
