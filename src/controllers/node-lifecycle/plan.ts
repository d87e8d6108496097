import type { Lease } from '../../generated/api/coordination/v1.ts';
import type { Node, NodeCondition, Taint } from '../../generated/api/core/v1.ts';
import { findCondition } from '../conditions.ts';
import { parseTime, toTime } from '../timestamps.ts';

export const NOT_READY = 'node.kubernetes.io/not-ready';
export const UNREACHABLE = 'node.kubernetes.io/unreachable';
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/** What was last heard of a node, by our own clock: clocks of nodes are never compared with it. */
export interface NodeHealth {
  readonly heartbeatTime: string | undefined;
  readonly renewTime: string | undefined;
  /** When we saw the last sign of life. */
  readonly probeMs: number;
}

export interface HealthPlan {
  readonly health: NodeHealth;
  /** The Ready condition's status before and after: `Unknown` also where there is none. */
  readonly observed: string;
  readonly current: string;
  /** The conditions to write; undefined where the node is not overdue or all of them are Unknown already. */
  readonly conditions: NodeCondition[] | undefined;
}

const overdueTypes = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

/**
 * Judges a node by its status and lease. A sign of life is a new heartbeat in the Ready condition or a renewed lease.
 *
 * Source: `node_lifecycle_controller.go` (tryUpdateNodeHealth).
 */
export function planHealth(
  node: Node,
  lease: Lease | undefined,
  known: NodeHealth | undefined,
  times: { readonly nowMs: number; readonly graceMs: number; readonly startupGraceMs: number },
): HealthPlan {
  const { nowMs } = times;
  const ready = findCondition<NodeCondition>(node.status?.conditions, 'Ready');
  const createdMs = parseTime(node.metadata.creationTimestamp) ?? nowMs;
  const heartbeatTime = ready?.lastHeartbeatTime;
  const renewTime = lease?.spec?.renewTime;
  const firstSightMs = ready === undefined ? createdMs : nowMs;
  const isAlive = known !== undefined && (heartbeatTime !== known.heartbeatTime || isLater(renewTime, known.renewTime));
  const probeMs = known === undefined ? firstSightMs : isAlive ? nowMs : known.probeMs;
  const health = { heartbeatTime, renewTime, probeMs };
  const observed = ready?.status ?? 'Unknown';
  const graceMs = ready === undefined ? times.startupGraceMs : times.graceMs;
  if (nowMs <= probeMs + graceMs) return { health, observed, current: observed, conditions: undefined };
  const conditions = [...(node.status?.conditions ?? [])];
  let changed = false;
  for (const type of overdueTypes) {
    const at = conditions.findIndex((condition) => condition.type === type);
    const condition = conditions[at];
    if (condition?.status === 'Unknown') continue;
    changed = true;
    const lastTransitionTime = toTime(nowMs);
    if (condition === undefined) {
      conditions.push({
        type,
        status: 'Unknown',
        lastHeartbeatTime: toTime(createdMs),
        lastTransitionTime,
        reason: 'NodeStatusNeverUpdated',
        message: 'Kubelet never posted node status.',
      });
    } else {
      conditions[at] = {
        ...condition,
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
        lastTransitionTime,
      };
    }
  }
  return { health, observed, current: 'Unknown', conditions: changed ? conditions : undefined };
}

/** Taints that keep new pods away, by condition and status. */
const conditionTaints: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Ready: { False: NOT_READY, Unknown: UNREACHABLE },
  MemoryPressure: { True: 'node.kubernetes.io/memory-pressure' },
  DiskPressure: { True: 'node.kubernetes.io/disk-pressure' },
  NetworkUnavailable: { True: 'node.kubernetes.io/network-unavailable' },
  PIDPressure: { True: 'node.kubernetes.io/pid-pressure' },
};
const ownedKeys = new Set([UNSCHEDULABLE, ...Object.values(conditionTaints).flatMap((keys) => Object.values(keys))]);

/** The node's taints with those of effect NoSchedule as its conditions ask; undefined where nothing changes. */
export function planNoScheduleTaints(node: Node, nowMs: number): Taint[] | undefined {
  const wanted = new Set<string>();
  for (const { type, status } of node.status?.conditions ?? []) {
    const key = conditionTaints[type]?.[status];
    if (key !== undefined) wanted.add(key);
  }
  if (node.spec?.unschedulable) wanted.add(UNSCHEDULABLE);
  const isOwned = (taint: Taint): boolean => taint.effect === 'NoSchedule' && ownedKeys.has(taint.key);
  const taints = node.spec?.taints ?? [];
  const present = new Set(taints.filter(isOwned).map((taint) => taint.key));
  if (present.size === wanted.size && [...wanted].every((key) => present.has(key))) return undefined;
  const kept = taints.filter((taint) => !isOwned(taint) || wanted.has(taint.key));
  const added = [...wanted].filter((key) => !present.has(key));
  return [...kept, ...added.map((key) => ({ key, effect: 'NoSchedule', timeAdded: toTime(nowMs) }))];
}

/** The node's taints with one (or none) of the two that evict pods; undefined where nothing changes. */
export function planNoExecuteTaints(node: Node, wanted: string | undefined, nowMs: number): Taint[] | undefined {
  const taints = node.spec?.taints ?? [];
  const isOwned = (taint: Taint): boolean =>
    taint.effect === 'NoExecute' && (taint.key === NOT_READY || taint.key === UNREACHABLE);
  const present = taints.filter(isOwned);
  if (present.length === (wanted === undefined ? 0 : 1) && (present[0] === undefined || present[0].key === wanted)) {
    return undefined;
  }
  const kept = taints.filter((taint) => !isOwned(taint) || taint.key === wanted);
  if (wanted === undefined || kept.some((taint) => isOwned(taint))) return kept;
  return [...kept, { key: wanted, effect: 'NoExecute', timeAdded: toTime(nowMs) }];
}

export type ZoneState = 'normal' | 'partial-disruption' | 'full-disruption';

/** How sick a zone is. Source: `node_lifecycle_controller.go` (ComputeZoneState). */
export function planZoneState(readyStatuses: readonly string[]): ZoneState {
  const ready = readyStatuses.filter((status) => status === 'True').length;
  const notReady = readyStatuses.length - ready;
  if (ready === 0 && notReady > 0) return 'full-disruption';
  return notReady > 2 && notReady / readyStatuses.length >= 0.55 ? 'partial-disruption' : 'normal';
}

/** Nodes that may be tainted for eviction each second. In a large sick zone slower, in a small one not at all. */
export function evictionsPerSecond(state: ZoneState, zoneSize: number): number {
  if (state !== 'partial-disruption') return 0.1;
  return zoneSize > 50 ? 0.01 : 0;
}

/** Zone of a node, by its topology labels. */
export function zoneOf(node: Node): string {
  const labels = node.metadata.labels ?? {};
  const region = labels['topology.kubernetes.io/region'] ?? labels['failure-domain.beta.kubernetes.io/region'] ?? '';
  const zone = labels['topology.kubernetes.io/zone'] ?? labels['failure-domain.beta.kubernetes.io/zone'] ?? '';
  return `${region}:${zone}`;
}

/** The old label names that kubelets of all ages look at; undefined where they agree with the new ones. */
export function planBetaLabels(node: Node): Record<string, string> | undefined {
  const labels = node.metadata.labels ?? {};
  const wanted: Record<string, string> = {};
  for (const name of ['os', 'arch']) {
    const value = labels[`kubernetes.io/${name}`];
    if (value !== undefined && labels[`beta.kubernetes.io/${name}`] !== value) {
      wanted[`beta.kubernetes.io/${name}`] = value;
    }
  }
  return Object.keys(wanted).length === 0 ? undefined : wanted;
}

function isLater(time: string | undefined, than: string | undefined): boolean {
  if (time === undefined) return false;
  return than === undefined || (parseTime(time) ?? 0) > (parseTime(than) ?? 0);
}
