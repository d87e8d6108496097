import type { OwnerReference } from '../../generated/api/meta/v1.ts';
import type { KubeObject } from '../../machinery/object/object.ts';
import { FOREGROUND, hasFinalizer, ORPHAN } from './graph.ts';

/** An owner reference together with what a look-up found. */
export interface JudgedReference {
  readonly reference: OwnerReference;
  /** `solid`: the owner lives. `dangling`: it does not exist. `waiting`: it goes in the foreground. */
  readonly state: 'solid' | 'dangling' | 'waiting';
}

export type CollectPlan =
  | { readonly step: 'keep' }
  /** Remove these references; the others hold the object. */
  | { readonly step: 'drop-references'; readonly uids: readonly string[] }
  | { readonly step: 'delete'; readonly policy: 'Background' | 'Foreground' | 'Orphan'; readonly unblock: boolean };

/**
 * Decides what becomes of an object with these owners. `unblock` asks to make its references non-blocking first: two
 * objects that wait for each other in the foreground would wait for ever.
 *
 * Source: `garbagecollector.go` (attemptToDeleteItem).
 */
export function planCollect(
  object: KubeObject,
  references: readonly JudgedReference[],
  dependents: { readonly count: number; readonly someDeleteTheirs: boolean },
): CollectPlan {
  if (references.length === 0) return { step: 'keep' };
  const uidsOf = (state: JudgedReference['state']): string[] =>
    references.filter((each) => each.state === state).map((each) => each.reference.uid);
  const waiting = uidsOf('waiting');
  if (references.some((each) => each.state === 'solid')) {
    const uids = [...uidsOf('dangling'), ...waiting];
    return uids.length === 0 ? { step: 'keep' } : { step: 'drop-references', uids };
  }
  if (waiting.length > 0 && dependents.count > 0) {
    return { step: 'delete', policy: 'Foreground', unblock: dependents.someDeleteTheirs };
  }
  // The finalizers that the object has already say how it is to go.
  if (hasFinalizer(object, ORPHAN)) return { step: 'delete', policy: 'Orphan', unblock: false };
  if (hasFinalizer(object, FOREGROUND)) return { step: 'delete', policy: 'Foreground', unblock: false };
  return { step: 'delete', policy: 'Background', unblock: false };
}
