import type { DaemonSet, DaemonSetStatus } from '../../generated/api/apps/v1.ts';
import type { Node, Pod } from '../../generated/api/core/v1.ts';
import { toScaledInt } from '../int-or-percent.ts';
import { isPodAvailable, isPodReady, isPodTerminating } from '../pods/pod-state.ts';
import { parseTime } from '../timestamps.ts';
import { isUpdated, planPlacement, targetNodeOf } from './placement.ts';

/** Pods of a daemon set by the node that they are for. */
export type PodsByNode = ReadonlyMap<string, readonly Pod[]>;

export interface Context {
  readonly daemonSet: DaemonSet;
  readonly nodes: readonly Node[];
  readonly podsByNode: PodsByNode;
  /** Hash of the current template. */
  readonly hash: string;
  readonly nowMs: number;
}

export interface DaemonPlan {
  /** Nodes that get a pod. */
  readonly create: readonly string[];
  readonly remove: readonly Pod[];
  /** Pods that ended, among those to remove: users are told. */
  readonly ended: readonly { readonly pod: Pod; readonly node: string }[];
  /** Failed pods that are left for now; look again after so long. */
  readonly retryInMs?: number | undefined;
}

export function groupByNode(pods: readonly Pod[]): Map<string, Pod[]> {
  const groups = new Map<string, Pod[]>();
  for (const pod of pods) {
    const node = targetNodeOf(pod);
    if (node === undefined) continue;
    const group = groups.get(node);
    if (group === undefined) groups.set(node, [pod]);
    else group.push(pod);
  }
  return groups;
}

/** How long a failed pod of a node must still wait for its replacement, in milliseconds; counts the try when 0. */
export type FailureDelay = (node: string) => number;

/**
 * Pods that are missing, ended, too many or where they may not be. Updates of the template are not its matter.
 *
 * Source: `pkg/controller/daemon/daemon_controller.go` (podsShouldBeOnNode).
 */
export function planPods(context: Context, failureDelay: FailureDelay): DaemonPlan {
  const { daemonSet, nodes, podsByNode } = context;
  const create: string[] = [];
  const remove: Pod[] = [];
  const ended: { pod: Pod; node: string }[] = [];
  let retryInMs: number | undefined;
  for (const node of nodes) {
    const name = node.metadata.name ?? '';
    const { run, stay } = planPlacement(daemonSet, node);
    const pods = podsByNode.get(name) ?? [];
    if (pods.length === 0) {
      if (run) create.push(name);
      continue;
    }
    if (!stay) {
      remove.push(...pods.filter((pod) => !isPodTerminating(pod)));
      continue;
    }
    const running: Pod[] = [];
    for (const pod of pods) {
      const phase = pod.status?.phase;
      if (isPodTerminating(pod)) continue;
      if (phase === 'Failed') {
        const delayMs = failureDelay(name);
        if (delayMs > 0) {
          retryInMs = Math.min(retryInMs ?? delayMs, delayMs);
          continue;
        }
      }
      if (phase === 'Failed' || phase === 'Succeeded') {
        remove.push(pod);
        ended.push({ pod, node: name });
      } else running.push(pod);
    }
    running.sort(byAge);
    if (maxSurgeOf(daemonSet, 1) === 0) remove.push(...running.slice(1));
    else if (running.length === 0 && run) create.push(name);
    else remove.push(...planSurplus(context, running));
  }
  const known = new Set(nodes.map((node) => node.metadata.name ?? ''));
  for (const [name, pods] of podsByNode) {
    // Bound for a node that is gone before the scheduler could bind it.
    if (!known.has(name)) remove.push(...pods.filter((pod) => !pod.spec?.nodeName && !isPodTerminating(pod)));
  }
  return { create, remove, ended, ...(retryInMs === undefined ? {} : { retryInMs }) };
}

/** With a surge two pods may stand on a node, the oldest of each template; the old one goes once the new one serves. */
function planSurplus({ daemonSet, hash, nowMs }: Context, running: readonly Pod[]): Pod[] {
  if (running.length <= 1) return [];
  const newPods = running.filter((pod) => isUpdated(daemonSet, pod, hash));
  const oldPods = running.filter((pod) => !newPods.includes(pod));
  const surplus = [...newPods.slice(1), ...oldPods.slice(1)];
  const [newPod, oldPod] = [newPods[0], oldPods[0]];
  if (newPod === undefined || oldPod === undefined) return surplus;
  const isReplaced = !isPodReady(oldPod) || isPodAvailable(newPod, daemonSet.spec.minReadySeconds ?? 0, nowMs);
  return isReplaced ? [...surplus, oldPod] : surplus;
}

/** Source: `pkg/controller/daemon/update.go` (rollingUpdate). */
export function planUpdate(context: Context): DaemonPlan {
  const { daemonSet, nodes, nowMs } = context;
  const placements = new Map(nodes.map((node) => [node.metadata.name ?? '', planPlacement(daemonSet, node)]));
  const wanted = [...placements.values()].filter(({ run }) => run).length;
  const rule = daemonSet.spec.updateStrategy?.rollingUpdate;
  const maxSurge = maxSurgeOf(daemonSet, wanted);
  const unavailable = toScaledInt(rule?.maxUnavailable ?? 1, wanted, 'up');
  const maxUnavailable = wanted > 0 && unavailable === 0 && maxSurge === 0 ? 1 : unavailable;
  const minReadySeconds = daemonSet.spec.minReadySeconds ?? 0;
  const isAvailable = (pod: Pod): boolean => isPodAvailable(pod, minReadySeconds, nowMs);
  const byNode = new Map<string, readonly Pod[]>(context.podsByNode);
  for (const [name, { run }] of placements) if (run && !byNode.has(name)) byNode.set(name, []);
  return maxSurge === 0
    ? planReplacement(context, byNode, maxUnavailable, isAvailable)
    : planSurge(
        context,
        byNode,
        { maxSurge, wanted, runsOn: (name) => placements.get(name)?.run ?? false },
        isAvailable,
      );
}

function planReplacement(
  context: Context,
  byNode: PodsByNode,
  maxUnavailable: number,
  isAvailable: (pod: Pod) => boolean,
): DaemonPlan {
  let unavailable = 0;
  const sick: Pod[] = [];
  const candidates: Pod[] = [];
  for (const pods of byNode.values()) {
    const pair = findPair(context, pods);
    if (pair === undefined || (pair.oldPod === undefined) === (pair.newPod === undefined)) unavailable++;
    else if (pair.newPod !== undefined) unavailable += isAvailable(pair.newPod) ? 0 : 1;
    else if (pair.oldPod !== undefined && !isAvailable(pair.oldPod)) {
      // It serves nobody: replacing it costs nothing.
      sick.push(pair.oldPod);
      unavailable++;
    } else if (pair.oldPod !== undefined) candidates.push(pair.oldPod);
  }
  const room = Math.max(0, maxUnavailable - unavailable);
  return { create: [], remove: [...sick, ...candidates.slice(0, room)], ended: [] };
}

function planSurge(
  context: Context,
  byNode: PodsByNode,
  limits: { readonly maxSurge: number; readonly wanted: number; runsOn(name: string): boolean },
  isAvailable: (pod: Pod) => boolean,
): DaemonPlan {
  let surge = 0;
  let available = 0;
  const remove: Pod[] = [];
  const misplaced: Pod[] = [];
  const allowed: string[] = [];
  const candidates: string[] = [];
  for (const [name, pods] of byNode) {
    const pair = findPair(context, pods);
    if (pair === undefined) {
      surge++;
      continue;
    }
    const { oldPod, newPod } = pair;
    const serving = oldPod ?? newPod;
    if (serving !== undefined && isAvailable(serving)) available++;
    if (oldPod === undefined) continue;
    if (newPod !== undefined) {
      if (isAvailable(newPod)) remove.push(oldPod);
      else surge++;
    } else if (!limits.runsOn(name)) (isAvailable(oldPod) ? misplaced : remove).push(oldPod);
    else (isAvailable(oldPod) ? candidates : allowed).push(name);
  }
  remove.push(...misplaced.slice(0, Math.max(0, available - limits.wanted)));
  const room = Math.max(0, limits.maxSurge - surge);
  return { create: [...allowed, ...candidates.slice(0, room)], remove, ended: [] };
}

/** The living pod of the current template and the one of an older template; undefined where there are too many. */
function findPair(
  { daemonSet, hash }: Context,
  pods: readonly Pod[],
): { readonly newPod?: Pod; readonly oldPod?: Pod } | undefined {
  const living = pods.filter((pod) => !isPodTerminating(pod));
  const [newPod, ...moreNew] = living.filter((pod) => isUpdated(daemonSet, pod, hash));
  const [oldPod, ...moreOld] = living.filter((pod) => !isUpdated(daemonSet, pod, hash));
  if (moreNew.length > 0 || moreOld.length > 0) return undefined;
  return { ...(newPod === undefined ? {} : { newPod }), ...(oldPod === undefined ? {} : { oldPod }) };
}

export function planStatus(context: Context, options: { readonly observed: boolean }): DaemonSetStatus {
  const { daemonSet, nodes, podsByNode, hash, nowMs } = context;
  const counts = { desired: 0, current: 0, misscheduled: 0, ready: 0, updated: 0, available: 0 };
  for (const node of nodes) {
    const pods = podsByNode.get(node.metadata.name ?? '') ?? [];
    if (!planPlacement(daemonSet, node).run) {
      if (pods.length > 0) counts.misscheduled++;
      continue;
    }
    counts.desired++;
    const [pod] = [...pods].sort(byAge);
    if (pod === undefined) continue;
    counts.current++;
    if (isPodReady(pod)) counts.ready++;
    if (isPodAvailable(pod, daemonSet.spec.minReadySeconds ?? 0, nowMs)) counts.available++;
    if (isUpdated(daemonSet, pod, hash)) counts.updated++;
  }
  const { observedGeneration, conditions, collisionCount } = daemonSet.status ?? {};
  const optional = (name: string, value: number | undefined): object => (value ? { [name]: value } : {});
  return {
    currentNumberScheduled: counts.current,
    numberMisscheduled: counts.misscheduled,
    desiredNumberScheduled: counts.desired,
    numberReady: counts.ready,
    ...optional('observedGeneration', options.observed ? daemonSet.metadata.generation : observedGeneration),
    ...optional('updatedNumberScheduled', counts.updated),
    ...optional('numberAvailable', counts.available),
    ...optional('numberUnavailable', counts.desired - counts.available),
    ...(conditions === undefined ? {} : { conditions }),
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
}

function maxSurgeOf(daemonSet: DaemonSet, wanted: number): number {
  if (daemonSet.spec.updateStrategy?.type !== 'RollingUpdate') return 0;
  return toScaledInt(daemonSet.spec.updateStrategy.rollingUpdate?.maxSurge, wanted, 'up');
}

function byAge(a: Pod, b: Pod): number {
  const bound = Number(Boolean(b.spec?.nodeName)) - Number(Boolean(a.spec?.nodeName));
  const age = (parseTime(a.metadata.creationTimestamp) ?? 0) - (parseTime(b.metadata.creationTimestamp) ?? 0);
  return bound || age || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);
}
