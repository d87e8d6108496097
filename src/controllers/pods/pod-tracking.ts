import type { Informer } from '../../client/informer.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import type { LabelSelector } from '../../generated/api/meta/v1.ts';
import { type KubeObject, keyOf, type ResourceType, toKeyText } from '../../machinery/object/object.ts';
import type { Expectations } from '../../reconcile/expectations.ts';
import { controllerKeyOf, type MapToKeys, onChange, type Source } from '../../reconcile/sources.ts';
import { selectingOwners } from './pod-indexes.ts';
import { availableInMs, isPodReady } from './pod-state.ts';

export interface PodTracking<T extends KubeObject> {
  readonly pods: Informer<Pod>;
  readonly owners: Informer<T>;
  readonly ownerType: ResourceType<T>;
  /** Absent for owners that adopt nothing. */
  readonly selectorOf?: ((owner: T) => LabelSelector | undefined) | undefined;
  readonly expectations?: Expectations | undefined;
  readonly minReadySecondsOf?: ((owner: T) => number) | undefined;
  /** Milliseconds that a change waits for others, so that many make one look. Default 0. */
  readonly batchMs?: number | undefined;
  readonly nowMs: () => number;
}

/**
 * Yields the keys of owners whose pods change, and counts what expectations wait for. The count comes first: a key must
 * not be reconciled before.
 */
export function onPodChange<T extends KubeObject>(tracking: PodTracking<T>): Source {
  const { pods, owners, ownerType, selectorOf, expectations, minReadySecondsOf, batchMs = 0, nowMs } = tracking;
  const ownerKey = (pod: Pod): string | undefined => {
    const key = controllerKeyOf(pod, ownerType);
    const uid = pod.metadata.ownerReferences?.find((reference) => reference.controller)?.uid;
    // An owner of that name may be another one by now.
    return key !== undefined && owners.get(key)?.metadata.uid === uid ? key : undefined;
  };
  const wouldAdopt = (pod: Pod): string[] =>
    selectorOf === undefined || pod.metadata.deletionTimestamp !== undefined
      ? []
      : selectingOwners(owners, pod, selectorOf).map((owner) => toKeyText(keyOf(owner)));
  const toKeys: MapToKeys<Pod> = ({ type, object: pod, previous }) => {
    const key = ownerKey(pod);
    const isGoing = pod.metadata.deletionTimestamp !== undefined || type === 'deleted';
    if (key !== undefined && isGoing) expectations?.deletionSeen(key, toKeyText(keyOf(pod)));
    else if (key !== undefined && type === 'added') expectations?.creationSeen(key);
    const keys: (string | readonly [string, number])[] = key === undefined ? wouldAdopt(pod) : [key];
    if (type === 'deleted') return key === undefined ? [] : keys;
    if (previous !== undefined) {
      const before = ownerKey(previous);
      if (before !== undefined && before !== key) keys.push(before);
    }
    const owner = key === undefined ? undefined : owners.get(key);
    const minReadySeconds = owner === undefined ? 0 : (minReadySecondsOf?.(owner) ?? 0);
    if (key !== undefined && minReadySeconds > 0 && isPodReady(pod)) {
      // The status changes without any event once the pod has been ready long enough.
      const delayMs = availableInMs(pod, minReadySeconds, nowMs());
      if (delayMs !== undefined) keys.push([key, delayMs + 1000]);
    }
    return keys;
  };
  if (batchMs === 0) return onChange(pods, toKeys);
  return onChange(pods, (change) =>
    Array.from(toKeys(change), (entry): readonly [string, number] =>
      typeof entry === 'string' ? [entry, batchMs] : [entry[0], Math.max(entry[1], batchMs)],
    ),
  );
}
