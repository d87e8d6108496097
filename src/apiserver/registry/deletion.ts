import { conflict } from '../../machinery/errors/status-error.ts';
import type { AnyObject, ObjectMeta } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { toTimeText } from '../../machinery/values/time.ts';

/** What a deletion asks for. */
export interface DeletionWish {
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: 'Background' | 'Foreground' | 'Orphan' | undefined;
  readonly orphanDependents: boolean | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
}

/**
 * What becomes of an object that is to be deleted:
 * - `pending`: it is going already and nothing changes.
 * - `mark`: write `next`; where `thenDelete`, delete that revision right away.
 * - `delete`: delete it at once.
 */
export type DeletionPlan =
  | { readonly step: 'pending' }
  | { readonly step: 'mark'; readonly next: AnyObject; readonly thenDelete: boolean }
  | { readonly step: 'delete' };

/**
 * Decides a deletion. Pure: `object` stays as it is.
 * @throws StatusError 409 where a precondition does not hold.
 *
 * Source: apiserver `pkg/registry/rest/delete.go` (BeforeDelete), `generic/registry/store.go` (Delete).
 */
export function planDeletion(
  object: AnyObject,
  definition: ResourceDefinition,
  wish: DeletionWish,
  nowMs: number,
): DeletionPlan {
  checkPreconditions(object, definition, wish);
  const grace = planGrace(object, definition, wish, nowMs);
  if (grace === 'pending') return { step: 'pending' };
  const finalizers = planFinalizers(object.metadata, definition, wish);
  if (grace === 'none') {
    if (finalizers.length === 0) return { step: 'delete' };
    return {
      step: 'mark',
      next: withMetadata(object, finalizers, markedNow(object.metadata, nowMs)),
      thenDelete: false,
    };
  }
  const thenDelete = finalizers.length === 0 && grace.deletionGracePeriodSeconds === 0;
  return { step: 'mark', next: withMetadata(object, finalizers, grace), thenDelete };
}

type DeletionMarks = Pick<ObjectMeta, 'deletionTimestamp' | 'deletionGracePeriodSeconds' | 'generation'>;

function checkPreconditions(object: AnyObject, definition: ResourceDefinition, wish: DeletionWish): void {
  const { uid, resourceVersion, name = '' } = object.metadata;
  // Upstream names the kind here where other messages name the resource.
  const resource = { group: definition.group, resource: definition.kind };
  if (wish.uid !== undefined && wish.uid !== uid) {
    const why = `the UID in the precondition (${wish.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`;
    throw conflict(resource, name, why);
  }
  if (wish.resourceVersion !== undefined && wish.resourceVersion !== resourceVersion) {
    const why = `the ResourceVersion in the precondition (${wish.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`;
    throw conflict(resource, name, why);
  }
}

/** `none`: not a graceful deletion; `pending`: one runs and stays as it is; else the marks to set. */
function planGrace(
  object: AnyObject,
  definition: ResourceDefinition,
  wish: DeletionWish,
  nowMs: number,
): 'none' | 'pending' | DeletionMarks {
  const { gracePeriodSeconds } = definition.strategy;
  if (gracePeriodSeconds === undefined) return 'none';
  const { deletionTimestamp, deletionGracePeriodSeconds: running, generation } = object.metadata;
  const wished = wish.gracePeriodSeconds;
  if (deletionTimestamp !== undefined) {
    if (running === undefined || running === 0) return 'none';
    if (wished === undefined || wished >= running) return 'pending';
    return shortened(deletionTimestamp, running, wished, nowMs, generation);
  }
  const seconds = gracePeriodSeconds(object, wished);
  if (seconds === undefined) return 'none';
  return {
    deletionTimestamp: toTimeText(nowMs + seconds * 1000),
    deletionGracePeriodSeconds: seconds,
    ...raised(generation),
  };
}

/** A running grace period can only get shorter, and its end never moves into the past. */
function shortened(
  timestamp: string,
  running: number,
  wished: number,
  nowMs: number,
  generation: number | undefined,
): DeletionMarks {
  const keep = generation === undefined ? {} : { generation };
  const endMs = Date.parse(timestamp) - running * 1000 + wished * 1000;
  if (endMs >= nowMs) return { deletionTimestamp: toTimeText(endMs), deletionGracePeriodSeconds: wished, ...keep };
  return { deletionTimestamp: toTimeText(nowMs), deletionGracePeriodSeconds: wished === 0 ? 0 : 1, ...keep };
}

function markedNow(meta: ObjectMeta, nowMs: number): DeletionMarks {
  const { deletionTimestamp, generation } = meta;
  const ends = deletionTimestamp === undefined || Date.parse(deletionTimestamp) > nowMs;
  return {
    deletionTimestamp: ends ? toTimeText(nowMs) : deletionTimestamp,
    deletionGracePeriodSeconds: 0,
    ...(deletionTimestamp === undefined ? raised(generation) : generation === undefined ? {} : { generation }),
  };
}

function raised(generation: number | undefined): { generation?: number } {
  return generation === undefined || generation <= 0 ? {} : { generation: generation + 1 };
}

/** The finalizers after the propagation policy had its say. */
export function planFinalizers(
  meta: ObjectMeta,
  definition: Pick<ResourceDefinition, 'defaultPropagation'>,
  wish: DeletionWish,
): readonly string[] {
  const given = meta.finalizers ?? [];
  const policy = policyOf(given, definition, wish);
  const kept = given.filter((name) => name !== 'orphan' && name !== 'foregroundDeletion');
  if (policy === 'Orphan') kept.push('orphan');
  if (policy === 'Foreground') kept.push('foregroundDeletion');
  const same = kept.length === given.length && kept.every((name) => given.includes(name));
  return same ? given : kept;
}

function policyOf(
  finalizers: readonly string[],
  definition: Pick<ResourceDefinition, 'defaultPropagation'>,
  wish: DeletionWish,
): 'Background' | 'Foreground' | 'Orphan' {
  const { defaultPropagation } = definition;
  if (defaultPropagation === 'None') return 'Background';
  if (wish.orphanDependents !== undefined) return wish.orphanDependents ? 'Orphan' : 'Background';
  if (wish.propagationPolicy !== undefined) return wish.propagationPolicy;
  for (const name of finalizers) {
    if (name === 'orphan') return 'Orphan';
    if (name === 'foregroundDeletion') return 'Foreground';
  }
  return defaultPropagation;
}

function withMetadata(object: AnyObject, finalizers: readonly string[], marks: DeletionMarks): AnyObject {
  const { finalizers: _before, ...meta } = object.metadata;
  const metadata = { ...meta, ...marks, ...(finalizers.length === 0 ? {} : { finalizers: [...finalizers] }) };
  return { ...object, metadata };
}
