import { badRequest } from '../../errors/status-error.ts';
import { type AnyObject, parseApiVersion } from '../../object/object.ts';
import { toWire } from '../../schema/to-wire.ts';
import type { ObjectShape } from '../../schema/type-schema.ts';
import { internalPatchError } from '../patch-error.ts';
import { checkTyped } from './check-typed.ts';
import { type Conflict, conflictError } from './conflicts.ts';
import { FieldSet } from './field-set.ts';
import { fieldsLastApplied, syncLastApplied } from './last-applied.ts';
import { capUpdaters, type Manager, managerId, readManagers, writeManagers } from './managers.ts';
import { prune } from './prune.ts';
import { isSame, mergeTyped, TypedError, toFieldSet } from './typed.ts';
import { Changes, type VersionedShape, versionOf } from './versions.ts';

export interface FieldManagement extends VersionedShape {
  /** Name of the manager. */
  readonly manager: string;
  /** Version of the request; managers that update are kept apart by it. */
  readonly apiVersion: string;
  /** Empty for the object itself. */
  readonly subresource: string;
  /** RFC 3339 in seconds. */
  readonly nowText: string;
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
  const { live, applied, shape, force } = options;
  if (Array.isArray(applied.metadata?.managedFields)) throw badRequest('metadata.managedFields must be nil');
  check(applied, shape);
  const base = live === undefined ? emptyLike(applied) : withoutManagedFields(live);
  let outcome = attempt(options, base);
  if (outcome.conflicts.length > 0 && !force) {
    const refused = withoutAllowed(outcome.conflicts, options, base);
    if (refused.length > 0) throw conflictError(refused);
    outcome = attempt({ ...options, force: true }, base);
  }
  const { object, managers } = outcome;
  if (options.manager === 'kubectl') syncLastApplied(object, applied);
  return { object: withManagedFields(object, managers) };
}

interface Outcome {
  readonly object: AnyObject;
  readonly managers: Map<string, Manager>;
  readonly conflicts: readonly Conflict[];
}

function attempt(options: ApplyOptions, base: AnyObject): Outcome {
  const { live, applied, shape, nowText, force } = options;
  const managers = managersOf(live, base, options);
  const id = managerId(self(options, 'Apply'));
  const before = managers.get(id);
  const fields = owned(toFieldSet(applied, shape), options);
  const merged = mergeTyped(base, applied, shape) as AnyObject;
  const mine = { ...self(options, 'Apply'), fields, time: before?.time };
  managers.set(id, mine);
  const object = before === undefined || before.fields.isEmpty ? merged : prune(merged, managers, before, options);
  const conflicts = settle(managers, id, new Changes(options, base, object));
  if (conflicts.length > 0 && !force) return { object, managers, conflicts };
  mine.fields = fields.difference(unowned);
  // An apply that changes nothing leaves the time of its entry alone.
  if (!isSame(base, object)) mine.time = nowText;
  return { object: object === base ? { ...object } : object, managers, conflicts };
}

/**
 * Records that a create, update or patch made the manager the owner of what it changed. An object that does not fit its
 * schema loses its managed fields.
 *
 * Source: structured-merge-diff `merge/update.go` (Update), apimachinery `managedfields/internal/managedfieldsupdater.go`
 * and `skipnonapplied.go`.
 */
export function trackUpdate(options: UpdateOptions): AnyObject {
  const { live, next } = options;
  const base = live === undefined ? emptyLike(next) : withoutManagedFields(live);
  const object = withoutManagedFields(next);
  const managers = givenManagers(options);
  // Nobody kept track until now, so it does not begin with an update.
  if (managers.size === 0 && live?.metadata?.uid !== undefined) return object;
  try {
    reconcile(managers, base, options);
    track(managers, base, object, options);
  } catch (error) {
    if (error instanceof TypedError) return object;
    throw error;
  }
  return withManagedFields(object, capUpdaters(managers));
}

function track(
  managers: Map<string, Manager>,
  base: AnyObject,
  object: AnyObject,
  options: FieldManagement,
  name = options.manager,
): void {
  const changes = new Changes(options, base, object);
  const who = self({ ...options, manager: name }, 'Update');
  const id = managerId(who);
  const known = managers.get(id);
  settle(managers, id, changes);
  const { added, modified, removed } = changes.own;
  const mine = added.union(modified).difference(unowned);
  if (known !== undefined) known.fields = known.fields.difference(removed);
  if (mine.isEmpty) return;
  const fields = known === undefined ? mine : known.fields.union(mine);
  managers.set(id, { ...who, fields, time: options.nowText });
}

/**
 * Managed fields in the update itself count, so that they can be edited; subresources do not take them. An empty list,
 * or one empty entry, forgets them all. Source: apimachinery `managedfields/internal/fieldmanager.go` (decodeLiveOrNew).
 */
function givenManagers({ live, next, subresource }: UpdateOptions): Map<string, Manager> {
  const stored = live?.metadata?.managedFields;
  const given = next.metadata.managedFields;
  if (subresource !== '' || given === undefined || given === null) return readManagers(stored);
  const isReset = given.length === 0 || (given.length === 1 && Object.keys(given[0] ?? {}).length === 0);
  if (isReset) return new Map();
  const managers = readManagers(given);
  return managers.size === 0 ? readManagers(stored) : managers;
}

/** Managers without a name are `unknown`. Source: `managedfields/internal/buildmanagerinfo.go`. */
function self({ manager, apiVersion, subresource }: FieldManagement, operation: 'Apply' | 'Update') {
  return { name: manager || 'unknown', operation, apiVersion, subresource };
}

function owned(set: FieldSet, { filter }: FieldManagement): FieldSet {
  return filter === undefined ? set : filter(set);
}

function check(applied: AnyObject, shape: ObjectShape): void {
  try {
    checkTyped(applied, shape);
  } catch (error) {
    if (!(error instanceof TypedError)) throw error;
    throw internalPatchError(`failed to create typed patch object (${describeApplied(applied)}): ${error.message}`);
  }
}

/** `namespace/name; group/version, Kind=kind`, as upstream's faults name a configuration. */
export function describeApplied(applied: AnyObject): string {
  const { name, namespace }: { name?: unknown; namespace?: unknown } = applied.metadata ?? {};
  const shown = [namespace, name].map((part) => (typeof part === 'string' ? part : ''));
  return `${shown.join('/')}; ${describeKind(applied)}`;
}

/** `group/version, Kind=kind`, as Go prints it. */
export function describeKind({ apiVersion = '', kind }: AnyObject): string {
  const { group, version } = parseApiVersion(apiVersion);
  return `${group}/${version}, Kind=${kind}`;
}

/** Managers of an object that was written before anybody kept track: all that is there belongs to one of them. */
function managersOf(live: AnyObject | undefined, base: AnyObject, options: ApplyOptions): Map<string, Manager> {
  const managers = readManagers(live?.metadata.managedFields);
  if (live === undefined) return managers;
  if (managers.size > 0) reconcile(managers, base, options);
  else track(managers, toWire(emptyLike(live), options.shape) as AnyObject, base, options, 'before-first-apply');
  return managers;
}

/** Makes fields follow changes of the schema, and forgets who wrote in versions that are gone. */
function reconcile(managers: Map<string, Manager>, live: AnyObject, options: FieldManagement): void {
  for (const [id, manager] of managers) {
    const version = versionOf(options, manager.apiVersion);
    if (version === undefined) managers.delete(id);
    else if (live.metadata?.uid !== undefined) manager.fields = manager.fields.reconciled(version.shape);
  }
}

/** Takes from the others what changes. @returns what of it they own, which is a conflict for an apply without force. */
function settle(managers: Map<string, Manager>, id: string, changes: Changes): readonly Conflict[] {
  const conflicts: Conflict[] = [];
  for (const [other, manager] of managers) {
    if (other === id) continue;
    const seen = changes.in(manager.apiVersion);
    if (seen === undefined) {
      managers.delete(other);
      continue;
    }
    const changed = seen.added.union(seen.modified);
    for (const path of manager.fields.intersection(changed).paths()) conflicts.push({ manager: { ...manager }, path });
    manager.fields = manager.fields.difference(changed).difference(seen.removed);
  }
  return conflicts;
}

/** Conflicts that remain where kubectl takes over what it applied from the client's side before. */
function withoutAllowed(
  conflicts: readonly Conflict[],
  { manager, apiVersion, shape }: ApplyOptions,
  live: AnyObject,
): readonly Conflict[] {
  const allowed = manager === 'kubectl' ? fieldsLastApplied(live, apiVersion, shape) : undefined;
  return allowed === undefined ? conflicts : conflicts.filter(({ path }) => !allowed.has(path));
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
