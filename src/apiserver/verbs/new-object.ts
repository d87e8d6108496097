import type { OwnerReference } from '../../generated/api/meta/v1.ts';
import { badRequest } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { AuthenticatedCall } from '../call.ts';
import { addWarning, type VerbScope } from './scope.ts';

/** Clears what only the server sets. Source: apiserver `registry/rest/meta.go` (WipeObjectMetaSystemFields). */
export function wipeSystemFields(object: AnyObject): void {
  const { metadata } = object;
  delete metadata.creationTimestamp;
  delete metadata.uid;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
}

/**
 * Puts the object into the namespace of the request, or into none.
 * @throws StatusError 400 where the object says otherwise.
 */
export function settleNamespace(object: AnyObject, call: AuthenticatedCall, scope: VerbScope): void {
  const expected = scope.definition.namespaced ? call.info.namespace : '';
  const given = object.metadata.namespace ?? '';
  if (given === expected) {
    if (expected === '') delete object.metadata.namespace;
    return;
  }
  if (expected === '') delete object.metadata.namespace;
  else if (given === '') object.metadata.namespace = expected;
  else throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

/** @throws StatusError 400 where the object's name is not the one on the URL. */
export function checkName(object: AnyObject, name: string): void {
  const given = object.metadata.name ?? '';
  if (given === '') {
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  }
  if (given === name) return;
  throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
}

/** Drops repeated owners, and says so. Source: apiserver `endpoints/handlers/create.go` (dedupOwnerReferences). */
export function dropRepeatedOwners(
  object: AnyObject,
  call: AuthenticatedCall,
  options: { afterAdmission: boolean },
): void {
  const owners = object.metadata.ownerReferences ?? [];
  const kept = new Map<string, OwnerReference>();
  const repeated = new Set<string>();
  for (const owner of owners) {
    if (kept.has(owner.uid)) repeated.add(owner.uid);
    else kept.set(owner.uid, owner);
  }
  if (repeated.size === 0) return;
  object.metadata.ownerReferences = [...kept.values()];
  const when = options.afterAdmission ? ' after mutating admission happens' : '';
  const advice =
    'API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests';
  const uids = [...repeated].join(', ');
  addWarning(
    call,
    `.metadata.ownerReferences contains duplicate entries${when}; ${advice}; duplicate UID(s) observed: ${uids}`,
  );
}
