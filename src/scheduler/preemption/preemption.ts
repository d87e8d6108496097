import type { Pod } from '../../generated/api/core/v1.ts';
import type { PodDisruptionBudget } from '../../generated/api/policy/v1.ts';
import { matchesLabels, parseSelectorObject } from '../../machinery/values/selector-object.ts';
import type { NodeInfo } from '../cache/node-info.ts';
import { type PodInfo, priorityOf, uidOf } from '../cache/pod-info.ts';
import { type CycleOptions, countReasons, type Decision, judgeWithNominated } from '../cycle.ts';
import type { Snapshot } from '../framework/plugin.ts';

export interface Candidate {
  readonly nodeName: string;
  /** Pods to evict, the most important first; never empty. */
  readonly victims: readonly Pod[];
  /** How many of them a disruption budget would have kept. */
  readonly violations: number;
}

export type Preemption =
  | { readonly candidate: Candidate }
  /** `keepsPromise`: the pod's nominated node stays as it is. */
  | { readonly message: string; readonly keepsPromise: boolean };

export interface PreemptionOptions extends Pick<CycleOptions, 'nominatedOn' | 'random'> {
  readonly budgets: readonly PodDisruptionBudget[];
  /** Default: upstream's. */
  readonly limits?: CandidateLimits;
  readonly nowMs: number;
}

/** How many candidates are enough: a part of the nodes in percent, and at least a number. */
export interface CandidateLimits {
  readonly percentage: number;
  readonly absolute: number;
}

/** Source: apis/config/v1/defaults.go (DefaultPreemptionArgs). */
export const defaultLimits: CandidateLimits = { percentage: 10, absolute: 100 };

/**
 * Looks for the node on which evicting pods of lower priority makes room, at the least cost. Pure but for `random`.
 *
 * Source: pkg/scheduler/framework/preemption/preemption.go, plugins/defaultpreemption.
 */
export function planPreemption(
  subject: PodInfo,
  snapshot: Snapshot,
  decision: Decision,
  options: PreemptionOptions,
): Preemption {
  const { pod } = subject;
  if (pod.spec.preemptionPolicy === 'Never')
    return { message: 'not eligible due to preemptionPolicy=Never.', keepsPromise: true };
  if (isWaitingForVictims(pod, snapshot, decision))
    return { message: 'not eligible due to a terminating pod on the nominated node.', keepsPromise: true };

  const nodes = snapshot.nodes.filter(({ name }) => decision.rejections.get(name)?.refusal.resolvable === true);
  const { percentage, absolute } = options.limits ?? defaultLimits;
  const wanted = Math.max(Math.floor((nodes.length * percentage) / 100), absolute);
  const startAt = Math.floor(options.random() * nodes.length);
  const candidates: Candidate[] = [];
  const reasons: string[] = [];
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[(startAt + at) % nodes.length] as NodeInfo;
    const found = findVictims(subject, node, decision, options);
    if ('reasons' in found) reasons.push(...found.reasons);
    else candidates.push(found);
    if (candidates.length >= wanted && candidates.some(({ violations }) => violations === 0)) break;
  }
  if (candidates.length > 0) return { candidate: pickCheapest(candidates, options.nowMs) };
  const helpless = snapshot.nodes.length - nodes.length;
  for (let at = 0; at < helpless; at++) reasons.push('Preemption is not helpful for scheduling');
  const message = `0/${snapshot.nodes.length} nodes are available: ${countReasons(reasons)}.`;
  return { message, keepsPromise: false };
}

/** Whether pods that were evicted for this one are still on their way out. */
function isWaitingForVictims(pod: Pod, { nodes }: Snapshot, { rejections }: Decision): boolean {
  const promised = pod.status?.nominatedNodeName;
  if (!promised || rejections.get(promised)?.refusal.resolvable === false) return false;
  const node = nodes.find(({ name }) => name === promised);
  for (const { pod: other } of node?.pods() ?? [])
    if (priorityOf(other) < priorityOf(pod) && wasPreempted(other)) return true;
  return false;
}

function wasPreempted({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp === undefined) return false;
  const condition = status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  return condition?.status === 'True' && condition.reason === 'PreemptionByScheduler';
}

/**
 * The pods to evict from a node: all of lower priority at first, of which as many are spared as can stay, those that a
 * budget protects before the others, the important before the less so.
 */
function findVictims(
  subject: PodInfo,
  node: NodeInfo,
  { filters }: Decision,
  options: PreemptionOptions,
): Candidate | { readonly reasons: readonly string[] } {
  const lower = [...node.pods()].filter((info) => priorityOf(info.pod) < priorityOf(subject.pod));
  if (lower.length === 0) return { reasons: ['No preemption victims found for incoming pod'] };
  const copy = node.copy();
  for (const { pod } of lower) copy.remove(uidOf(pod));
  const judge = () => judgeWithNominated(subject, copy, filters, options, { isChanged: true });
  const rejection = judge();
  if (rejection !== undefined) return { reasons: rejection.refusal.reasons };

  const byImportance = (a: Pod, b: Pod): number =>
    priorityOf(b) - priorityOf(a) || startMs(a, options.nowMs) - startMs(b, options.nowMs);
  // As upstream's sorting comes to it, of equal pods that have not started the last stands first.
  const order = new Map(lower.map((info, at) => [info, info.pod.status?.startTime === undefined ? -at : at]));
  lower.sort((a, b) => byImportance(a.pod, b.pod) || (order.get(a) ?? 0) - (order.get(b) ?? 0));
  const { protectedOnes, others } = splitByBudget(lower, options.budgets);
  const victims: Pod[] = [];
  const isSpared = (info: PodInfo): boolean => {
    copy.add(info);
    if (judge() === undefined) return true;
    copy.remove(uidOf(info.pod));
    victims.push(info.pod);
    return false;
  };
  const violations = protectedOnes.filter((info) => !isSpared(info)).length;
  for (const info of others) isSpared(info);
  victims.sort(byImportance);
  if (victims.length === 0) return { reasons: [`expected at least one victim pod on node "${node.name}"`] };
  return { nodeName: node.name, victims, violations };
}

/** Pods whose eviction a budget does not allow any more, counted in their order, and the rest. */
function splitByBudget(
  infos: readonly PodInfo[],
  budgets: readonly PodDisruptionBudget[],
): { protectedOnes: PodInfo[]; others: PodInfo[] } {
  const open = budgets.map((budget) => ({
    budget,
    selector: parseSelectorObject(budget.spec?.selector),
    left: budget.status?.disruptionsAllowed ?? 0,
  }));
  const protectedOnes: PodInfo[] = [];
  const others: PodInfo[] = [];
  for (const info of infos) {
    const { namespace, name = '', labels = {} } = info.pod.metadata;
    let isProtected = false;
    for (const each of Object.keys(labels).length === 0 ? [] : open) {
      if (each.budget.metadata.namespace !== namespace || each.selector.length === 0) continue;
      if (!matchesLabels(each.selector, labels)) continue;
      // Its eviction has been counted by the server already.
      if (each.budget.status?.disruptedPods?.[name] !== undefined) continue;
      each.left--;
      if (each.left < 0) {
        isProtected = true;
        break;
      }
    }
    (isProtected ? protectedOnes : others).push(info);
  }
  return { protectedOnes, others };
}

/** Numbers that decide between candidates, one after the other; the highest wins. Source: pickOneNodeForPreemption. */
const criteria: readonly ((candidate: Candidate, nowMs: number) => number)[] = [
  ({ violations }) => -violations,
  ({ victims }) => -priorityOf(victims[0] as Pod),
  // Shifted, so that a few pods of negative priority are not dearer than many.
  ({ victims }) => -victims.reduce((sum, pod) => sum + priorityOf(pod) + 2 ** 31, 0),
  ({ victims }) => -victims.length,
  earliestStartMs,
];

function pickCheapest(candidates: readonly Candidate[], nowMs: number): Candidate {
  let left = candidates;
  for (const criterion of criteria) {
    const values = left.map((candidate) => criterion(candidate, nowMs));
    const best = Math.max(...values);
    left = left.filter((_, index) => values[index] === best);
    if (left.length === 1) break;
  }
  return left[0] as Candidate;
}

/** When the first of the most important victims started. Source: scheduler/util (GetEarliestPodStartTime). */
function earliestStartMs({ victims }: Candidate, nowMs: number): number {
  const highest = priorityOf(victims[0] as Pod);
  return Math.min(...victims.filter((pod) => priorityOf(pod) === highest).map((pod) => startMs(pod, nowMs)));
}

const startMs = ({ status }: Pod, nowMs: number): number => (status?.startTime ? Date.parse(status.startTime) : nowMs);
