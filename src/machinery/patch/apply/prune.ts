import type { AnyObject } from '../../object/object.ts';
import type { ObjectShape } from '../../schema/type-schema.ts';
import { FieldSet } from './field-set.ts';
import type { Manager } from './managers.ts';
import { removePaths, toFieldSet } from './typed.ts';
import { convertTo, type VersionedShape, versionOf } from './versions.ts';

/**
 * Takes away what a manager had applied, applies no longer, and nobody else owns. What it had applied is known in the
 * version of that time, what others own in theirs.
 *
 * @param before - What the manager had applied.
 *
 * Source: structured-merge-diff `merge/update.go` (prune, addBackOwnedItems, addBackDanglingItems).
 */
export function prune(
  merged: AnyObject,
  managers: ReadonlyMap<string, Manager>,
  before: Manager,
  own: VersionedShape,
): AnyObject {
  const version = versionOf(own, before.apiVersion);
  if (version === undefined) return merged;
  const { shape } = version;
  const full = convertTo(own, merged, before.apiVersion);
  const last = before.fields.withStructFields(shape);
  let left = removePaths(full, last, shape) as AnyObject;
  for (const [apiVersion, fields] of ownedByVersion(managers, before.apiVersion)) {
    const other = versionOf(own, apiVersion);
    if (other === undefined) continue;
    left = addBack(convertTo(own, merged, apiVersion), convertTo(own, left, apiVersion), fields, other.shape);
  }
  // What nobody applied stays, though it lies beside or below what went.
  const kept = structFields(convertTo(own, left, before.apiVersion), shape);
  const gone = structFields(full, shape).difference(kept).intersection(last);
  return convertTo(own, removePaths(full, gone, shape) as AnyObject, own.apiVersion);
}

/** What of the whole is left or owned. */
function addBack(full: AnyObject, left: AnyObject, fields: FieldSet, shape: ObjectShape): AnyObject {
  const kept = structFields(left, shape).union(fields.withStructFields(shape));
  return removePaths(full, structFields(full, shape).difference(kept), shape) as AnyObject;
}

function structFields(object: AnyObject, shape: ObjectShape): FieldSet {
  return toFieldSet(object, shape).withStructFields(shape);
}

/** All that anybody owns, one set a version, beginning with the one that is pruned in: later ones may need what it keeps. */
function ownedByVersion(managers: ReadonlyMap<string, Manager>, first: string): ReadonlyMap<string, FieldSet> {
  const owned = new Map<string, FieldSet>([[first, new FieldSet()]]);
  for (const { apiVersion, fields } of managers.values()) {
    owned.set(apiVersion, fields.union(owned.get(apiVersion) ?? new FieldSet()));
  }
  return owned;
}
