import type { ControllerRevision, StatefulSet, StatefulSetStatus } from '../../generated/api/apps/v1.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import { toScaledInt } from '../int-or-percent.ts';
import { isPodAvailable, isPodEnded, isPodReady, isPodTerminating } from '../pods/pod-state.ts';
import { ordinalOf, revisionOf, startOf } from './identity.ts';

export interface SetView {
  readonly set: StatefulSet;
  readonly pods: readonly Pod[];
  readonly current: ControllerRevision;
  readonly update: ControllerRevision;
  readonly nowMs: number;
}

export type SetStep =
  /** Create the pod of this ordinal, its claims first, of this revision. */
  | { readonly step: 'create'; readonly ordinal: number; readonly revision: ControllerRevision }
  | { readonly step: 'delete'; readonly pod: Pod; readonly why: 'ended' | 'scale-down' | 'update' }
  /** Create the claims that a pending pod misses. */
  | { readonly step: 'claim'; readonly pod: Pod }
  /** Give the claims of a pod that is scaled away their owners. */
  | { readonly step: 'own'; readonly pod: Pod }
  /** Put the labels of its place, and the owners of its claims, back. */
  | { readonly step: 'repair'; readonly pod: Pod };

/** What the plan cannot see by itself. */
export interface SetNeeds {
  /** The pod lost the labels of its place, or its claims have other owners than the policy asks for. */
  repair(pod: Pod): boolean;
  owners(pod: Pod): boolean;
}

/**
 * The steps of one round. In order (the default) that is one step at most: each pod waits until all before it run and
 * are available, and one goes only when all after it are gone. `Parallel` takes all steps at once.
 *
 * Source: `pkg/controller/statefulset/stateful_set_control.go` (updateStatefulSet).
 */
export function planSet(view: SetView, needs: SetNeeds): SetStep[] {
  const { set, pods } = view;
  if (set.metadata.deletionTimestamp !== undefined) return [];
  const start = startOf(set);
  const end = start + (set.spec.replicas ?? 1);
  const ordered = set.spec.podManagementPolicy !== 'Parallel';
  const placed = new Map<number, Pod>();
  const condemned: Pod[] = [];
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal >= start && ordinal < end) placed.set(ordinal, pod);
    else if (ordinal >= 0) condemned.push(pod);
  }
  condemned.sort((a, b) => ordinalOf(set, b) - ordinalOf(set, a));
  const steps: SetStep[] = [];
  for (let ordinal = start; ordinal < end; ordinal++) {
    const { taken, blocks } = planReplica(view, ordinal, placed.get(ordinal), { needs, ordered });
    steps.push(...taken);
    if (blocks && ordered) return steps;
  }
  const blocksOthers = steps.some((each) => each.step === 'create' || each.step === 'delete');
  for (const pod of [...condemned].sort(byOrdinal(set))) if (needs.owners(pod)) steps.push({ step: 'own', pod });
  const firstSick = findFirstSick(view, [...placed.values()].sort(byOrdinal(set)), condemned);
  for (const pod of condemned) {
    if (isPodTerminating(pod)) {
      if (ordered) return steps;
      continue;
    }
    // A sick pod that is not the first one must wait: the cure may depend on those before it.
    if (ordered && !isRunningAvailable(view, pod) && pod !== firstSick) return steps;
    steps.push({ step: 'delete', pod, why: 'scale-down' });
    if (ordered) return steps;
  }
  if (blocksOthers || set.spec.updateStrategy?.type === 'OnDelete') return steps;
  return [...steps, ...planRolling(view, placed, { start, end })];
}

function planReplica(
  view: SetView,
  ordinal: number,
  pod: Pod | undefined,
  { needs, ordered }: { readonly needs: SetNeeds; readonly ordered: boolean },
): { readonly taken: readonly SetStep[]; readonly blocks: boolean } {
  if (pod === undefined) {
    return { taken: [{ step: 'create', ordinal, revision: revisionFor(view, ordinal) }], blocks: true };
  }
  if (isPodEnded(pod)) {
    return { taken: isPodTerminating(pod) ? [] : [{ step: 'delete', pod, why: 'ended' }], blocks: true };
  }
  const taken: SetStep[] = pod.status?.phase === 'Pending' ? [{ step: 'claim', pod }] : [];
  const blocks = isPodTerminating(pod) || !isRunningAvailable(view, pod);
  if (!(blocks && ordered) && needs.repair(pod)) taken.push({ step: 'repair', pod });
  return { taken, blocks };
}

/**
 * Below the partition a pod comes back as it was. A strategy without settings, which no server stores any more, keeps
 * as many as there are.
 *
 * Source: `stateful_set_utils.go` (newVersionedStatefulSetPod).
 */
function revisionFor({ set, current, update }: SetView, ordinal: number): ControllerRevision {
  const strategy = set.spec.updateStrategy;
  if (strategy?.type === 'OnDelete') return update;
  const kept = strategy?.rollingUpdate === undefined ? set.status?.currentReplicas : strategy.rollingUpdate.partition;
  return ordinal - startOf(set) < (kept ?? 0) ? current : update;
}

function findFirstSick(view: SetView, placed: readonly Pod[], condemned: readonly Pod[]): Pod | undefined {
  const all = [...placed, ...[...condemned].reverse()];
  return all.find((pod) => !isRunningAvailable(view, pod) || isPodTerminating(pod));
}

function planRolling(
  view: SetView,
  placed: ReadonlyMap<number, Pod>,
  { start, end }: { readonly start: number; readonly end: number },
): SetStep[] {
  const { set, update } = view;
  const rule = set.spec.updateStrategy?.rollingUpdate;
  const maxUnavailable = Math.max(1, toScaledInt(rule?.maxUnavailable ?? 1, set.spec.replicas ?? 1, 'down'));
  const isUnavailable = (pod: Pod | undefined): boolean =>
    pod === undefined || isPodTerminating(pod) || !isRunningAvailable(view, pod);
  let unavailable = 0;
  for (let ordinal = start; ordinal < end; ordinal++) if (isUnavailable(placed.get(ordinal))) unavailable++;
  const steps: SetStep[] = [];
  const lowest = start + (rule?.partition ?? 0);
  for (let ordinal = end - 1; ordinal >= lowest && unavailable + steps.length < maxUnavailable; ordinal--) {
    const pod = placed.get(ordinal);
    if (pod === undefined || isPodTerminating(pod) || revisionOf(pod) === update.metadata.name) continue;
    steps.push({ step: 'delete', pod, why: 'update' });
  }
  return steps;
}

function isRunningAvailable({ set, nowMs }: SetView, pod: Pod): boolean {
  return pod.status?.phase === 'Running' && isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
}

function byOrdinal(set: StatefulSet): (a: Pod, b: Pod) => number {
  return (a, b) => ordinalOf(set, a) - ordinalOf(set, b);
}

/** Counts, and the end of a roll-out: the update revision becomes the current one. */
export function planStatus(view: SetView): StatefulSetStatus {
  const { set, pods, current, update, nowMs } = view;
  const count = (test: (pod: Pod) => boolean): number => pods.filter(test).length;
  const isRunning = (pod: Pod): boolean => pod.status?.phase === 'Running' && isPodReady(pod);
  const hasRevision = (pod: Pod, revision: ControllerRevision): boolean =>
    Boolean(pod.status?.phase) && !isPodTerminating(pod) && revisionOf(pod) === revision.metadata.name;
  const replicas = count((pod) => pod.status?.phase !== undefined && pod.status.phase !== '');
  const ready = count(isRunning);
  const updated = count((pod) => hasRevision(pod, update));
  const isComplete =
    (set.spec.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate' &&
    [updated, ready, replicas].every((each) => each === (set.spec.replicas ?? 1));
  const currentReplicas = isComplete ? updated : count((pod) => hasRevision(pod, current));
  const optional = (name: string, value: number): object => (value === 0 ? {} : { [name]: value });
  const { collisionCount = 0, conditions } = set.status ?? {};
  return {
    ...(set.metadata.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
    replicas,
    ...optional('readyReplicas', ready),
    ...optional('currentReplicas', currentReplicas),
    ...optional('updatedReplicas', updated),
    currentRevision: (isComplete ? update : current).metadata.name,
    updateRevision: update.metadata.name,
    collisionCount,
    availableReplicas: count((pod) => isRunning(pod) && isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)),
    ...(conditions === undefined ? {} : { conditions }),
  };
}
