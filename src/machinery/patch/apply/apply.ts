import { badRequest, StatusError } from '../../errors/status-error.ts';
import { type AnyObject, parseApiVersion } from '../../object/object.ts';
import { toWire } from '../../schema/decode.ts';
import type { ObjectShape } from '../../schema/type-schema.ts';
import { internalPatchError } from '../patch-error.ts';
import { FieldSet, toPathText } from './field-set.ts';
import { capUpdaters, type Manager, managerId, readManagers, writeManagers } from './managers.ts';
import {
  type Comparison,
  checkTyped,
  compare,
  isSame,
  mergeTyped,
  removePaths,
  TypedError,
  toFieldSet,
} from './typed.ts';

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

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
const MAX_ANNOTATIONS_BYTES = 256 * 1024;

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
  if (applied.metadata?.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
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
  const { live, applied, shape, reset, nowText, force } = options;
  const managers = managersOf(live, base, options);
  const id = managerId(self(options, 'Apply'));
  const before = managers.get(id);
  const fields = withoutReset(toFieldSet(applied, shape), reset);
  const merged = mergeTyped(base, applied, shape) as AnyObject;
  const mine = { ...self(options, 'Apply'), fields, time: before?.time };
  managers.set(id, mine);
  const object = before === undefined || before.fields.isEmpty ? merged : prune(merged, managers, before.fields, shape);
  const changes = compare(base, object, shape);
  const conflicts = settle(managers, id, changes, options);
  if (conflicts.length > 0 && !force) return { object, managers, conflicts };
  mine.fields = fields.difference(unowned);
  // An apply that changes nothing leaves the time of its entry alone.
  if (!isSame(base, object)) mine.time = nowText;
  return { object: object === base ? { ...object } : object, managers, conflicts };
}

/**
 * Records that a create, update or patch made the manager the owner of what it changed.
 *
 * Source: structured-merge-diff `merge/update.go` (Update), apimachinery `managedfields/internal/managedfieldsupdater.go`
 * and `skipnonapplied.go`.
 */
export function trackUpdate(options: UpdateOptions): AnyObject {
  const { live, next } = options;
  const base = live === undefined ? emptyLike(next) : withoutManagedFields(live);
  const object = withoutManagedFields(next);
  const isResetWished = options.subresource === '' && isReset(next);
  const managers = isResetWished
    ? new Map<string, Manager>()
    : readManagers(givenManagers(options) ?? live?.metadata?.managedFields);
  // Nobody kept track until now, so it does not begin with an update.
  if (managers.size === 0 && live?.metadata?.uid !== undefined) return object;
  track(managers, base, object, options);
  return withManagedFields(object, capUpdaters(managers));
}

function track(
  managers: Map<string, Manager>,
  base: AnyObject,
  object: AnyObject,
  options: FieldManagement,
  name = options.manager,
): void {
  const changes = compare(base, object, options.shape);
  const who = { ...self(options, 'Update'), name };
  const id = managerId(who);
  const known = managers.get(id);
  settle(managers, id, changes, options);
  const mine = withoutReset(changes.added.union(changes.modified), options.reset).difference(unowned);
  if (known !== undefined) known.fields = known.fields.difference(withoutReset(changes.removed, options.reset));
  if (mine.isEmpty) return;
  const fields = known === undefined ? mine : known.fields.union(mine);
  managers.set(id, { ...who, fields, time: options.nowText });
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

function withoutReset(set: FieldSet, reset: FieldSet | undefined): FieldSet {
  return reset === undefined ? set : set.without(reset);
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
function managersOf(live: AnyObject | undefined, base: AnyObject, options: ApplyOptions): Map<string, Manager> {
  const managers = readManagers(live?.metadata.managedFields);
  if (live === undefined || managers.size > 0) return managers;
  track(managers, toWire(emptyLike(live), options.shape) as AnyObject, base, options, 'before-first-apply');
  return managers;
}

/** Takes away what the manager had applied, applies no longer, and nobody else owns. */
function prune(
  merged: AnyObject,
  managers: ReadonlyMap<string, Manager>,
  before: FieldSet,
  shape: ObjectShape,
): AnyObject {
  const last = before.withStructFields(shape);
  const all = toFieldSet(merged, shape).withStructFields(shape);
  let owned = new FieldSet();
  for (const { fields } of managers.values()) owned = owned.union(fields);
  let left = removePaths(merged, last, shape);
  const kept = toFieldSet(left, shape).withStructFields(shape).union(owned.withStructFields(shape));
  left = removePaths(merged, all.difference(kept), shape);
  // What nobody applied stays, though it lies beside or below what went.
  const gone = all.difference(toFieldSet(left, shape).withStructFields(shape)).intersection(last);
  return removePaths(merged, gone, shape) as AnyObject;
}

interface Conflict {
  readonly manager: Manager;
  readonly path: readonly string[];
}

/** Takes from the others what changes. @returns what of it they own, which is a conflict for an apply without force. */
function settle(
  managers: Map<string, Manager>,
  id: string,
  changes: Comparison,
  { reset }: FieldManagement,
): readonly Conflict[] {
  const changed = withoutReset(changes.added.union(changes.modified), reset);
  const removed = withoutReset(changes.removed, reset);
  const conflicts: Conflict[] = [];
  for (const [other, manager] of managers) {
    if (other === id) continue;
    for (const path of manager.fields.intersection(changed).paths()) conflicts.push({ manager: { ...manager }, path });
    manager.fields = manager.fields.difference(changed).difference(removed);
  }
  return conflicts;
}

/**
 * Conflicts that remain where kubectl takes over what it applied from the client's side before: what stands in the
 * annotation as it does in the object is kubectl's own. Source: apimachinery `managedfields/internal/lastappliedmanager.go`.
 */
function withoutAllowed(
  conflicts: readonly Conflict[],
  { manager, apiVersion, shape }: ApplyOptions,
  live: AnyObject,
): readonly Conflict[] {
  const text = live.metadata?.annotations?.[LAST_APPLIED];
  if (manager !== 'kubectl' || !text) return conflicts;
  try {
    const lastApplied = JSON.parse(text) as AnyObject;
    if (lastApplied.apiVersion !== apiVersion) return conflicts;
    const { added, removed, modified } = compare(lastApplied, live, shape);
    const allowed = toFieldSet(lastApplied, shape).difference(modified).difference(added).difference(removed);
    return conflicts.filter(({ path }) => !allowed.has(path));
  } catch {
    return conflicts;
  }
}

/** Keeps the annotation of client-side apply in step, so that one can go back. Source: `lastappliedupdater.go`. */
function syncLastApplied(object: AnyObject, applied: AnyObject): void {
  if (!object.metadata?.annotations?.[LAST_APPLIED]) return;
  const { [LAST_APPLIED]: _, ...annotations } = applied.metadata?.annotations ?? {};
  const { annotations: _all, ...metadata } = applied.metadata ?? {};
  const bare = {
    ...applied,
    metadata: Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations },
  };
  const next: Record<string, string> = {
    ...object.metadata.annotations,
    [LAST_APPLIED]: `${JSON.stringify(sortKeys(bare))}\n`,
  };
  let size = 0;
  for (const [key, value] of Object.entries(next)) size += Buffer.byteLength(key) + Buffer.byteLength(value);
  if (size > MAX_ANNOTATIONS_BYTES) delete next[LAST_APPLIED];
  object.metadata = { ...object.metadata, annotations: next };
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const fields = value as Record<string, unknown>;
  return Object.fromEntries(
    Object.keys(fields)
      .sort()
      .map((key) => [key, sortKeys(fields[key])]),
  );
}

/** Source: apimachinery `managedfields/internal/conflict.go`. */
function conflictError(conflicts: readonly Conflict[]): StatusError {
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
