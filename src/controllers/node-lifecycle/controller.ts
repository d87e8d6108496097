import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import { updateWithRetry } from '../../client/patches.ts';
import type { Lease } from '../../generated/api/coordination/v1.ts';
import type { Node, Pod, Taint } from '../../generated/api/core/v1.ts';
import { leases, nodes, pods } from '../../generated/resource-types.ts';
import { codeOf, isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { everyPeriod, onChange, untilSynced } from '../../reconcile/sources.ts';
import { type Clock, ticksOf } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { runAll } from '../batches.ts';
import { findCondition } from '../conditions.ts';
import type { ControllerCounts, ZoneFigures } from '../controller-counts.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { toTime } from '../timestamps.ts';
import {
  evictionsPerSecond,
  NOT_READY,
  type NodeHealth,
  planBetaLabels,
  planHealth,
  planNoExecuteTaints,
  planNoScheduleTaints,
  planZoneState,
  UNREACHABLE,
  zoneOf,
} from './plan.ts';

interface Deps {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly nodes: Informer<Node>;
  readonly leases: Informer<Lease>;
  readonly pods: Informer<Pod>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly graceMs: number;
  readonly counts?: ControllerCounts | undefined;
}

/** A node without any status may take so long to come up. Source: kube-controller-manager `--node-startup-grace-period`. */
const STARTUP_GRACE_MS = 60_000;

/** Name of the index of pods by their node. */
export const NODE_INDEX = 'node-name';

/** Looks at all nodes: silent ones become Unknown, sick ones get the taints that evict their pods. */
class NodeMonitor implements Reconciler {
  readonly #deps: Deps;
  readonly #health = new Map<string, NodeHealth>();
  readonly #known = new Map<string, string>();
  readonly #podsToMark = new Set<string>();
  readonly #nextTaintMs = new Map<string, number>();
  #allWereDisrupted = false;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile(_key: string, signal: AbortSignal): Promise<Result> {
    const { counts, clock } = this.#deps;
    const now = ticksOf(clock);
    const startedAt = now();
    const all = this.#deps.nodes.list();
    this.#greet(all);
    const readyStatuses = new Map<string, string>();
    for (const node of all) {
      if (signal.aborted) return done;
      const nodeAt = now();
      try {
        readyStatuses.set(node.metadata.name ?? '', await this.#checkHealth(node));
      } catch (error) {
        this.#deps.logger.warn('the health of a node could not be updated', { node: node.metadata.name, error });
      }
      counts?.nodeChecked(now() - nodeAt);
    }
    await this.#taint(all, readyStatuses);
    counts?.nodesChecked(zonesOf(all, readyStatuses), now() - startedAt);
    return done;
  }

  #greet(all: readonly Node[]): void {
    const names = new Set(all.map((node) => node.metadata.name ?? ''));
    for (const node of all) {
      const { name = '', uid = '' } = node.metadata;
      if (this.#known.has(name)) continue;
      this.#known.set(name, uid);
      this.#event(name, uid, 'RegisteredNode', `Registered Node ${name} in Controller`);
    }
    for (const [name, uid] of this.#known) {
      if (names.has(name)) continue;
      this.#known.delete(name);
      this.#health.delete(name);
      this.#podsToMark.delete(name);
      this.#event(name, uid, 'RemovingNode', `Removing Node ${name} from Controller`);
    }
  }

  #event(name: string, uid: string, reason: string, what: string): void {
    const about = { apiVersion: 'v1', kind: 'Node', name, uid };
    this.#deps.recorder.event(about, 'Normal', reason, `Node ${name} event: ${what}`);
  }

  /** Returns the Ready condition's status as it is now. */
  async #checkHealth(node: Node): Promise<string> {
    const { client, clock, leases: leaseInformer, recorder, graceMs } = this.#deps;
    const { name = '', uid } = node.metadata;
    const lease = leaseInformer.get(`kube-node-lease/${name}`);
    const times = { nowMs: clock.nowMs(), graceMs, startupGraceMs: STARTUP_GRACE_MS };
    const plan = planHealth(node, lease, this.#health.get(name), times);
    this.#health.set(name, plan.health);
    if (plan.conditions !== undefined) {
      // Guarded by the resourceVersion: a kubelet that reports at this moment wins.
      const status = { ...node.status, conditions: plan.conditions };
      await client.update(nodes, { ...node, status }, { subresource: 'status' });
    }
    const turned = plan.current !== 'True' && plan.observed === 'True';
    if (turned) {
      const about = { apiVersion: 'v1', kind: 'Node', name, uid };
      recorder.event(about, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
    }
    if (plan.current === 'True') this.#podsToMark.delete(name);
    else if (turned || (this.#podsToMark.has(name) && plan.observed !== 'True')) await this.#markPods(name);
    return plan.current;
  }

  /** Pods of a node that is not ready are not ready either: services must stop sending to them. */
  async #markPods(nodeName: string): Promise<void> {
    this.#podsToMark.add(nodeName);
    await runAll(this.#deps.pods.byIndex(NODE_INDEX, nodeName), (pod) =>
      markPodNotReady(this.#deps.client, this.#deps.recorder, pod, this.#deps.clock.nowMs()),
    );
    this.#podsToMark.delete(nodeName);
  }

  async #taint(all: readonly Node[], readyStatuses: ReadonlyMap<string, string>): Promise<void> {
    const zones = new Map<string, string[]>();
    for (const node of all) {
      const status = readyStatuses.get(node.metadata.name ?? '');
      const isCounted = node.metadata.labels?.['node.kubernetes.io/exclude-disruption'] === undefined;
      if (status === undefined || !isCounted) continue;
      zones.set(zoneOf(node), [...(zones.get(zoneOf(node)) ?? []), status]);
    }
    const states = new Map(Array.from(zones, ([zone, statuses]) => [zone, planZoneState(statuses)]));
    const allDisrupted = states.size > 0 && [...states.values()].every((state) => state === 'full-disruption');
    if (this.#allWereDisrupted && !allDisrupted) {
      // It was likely us who were cut off: every node gets its full time to report again.
      const probeMs = this.#deps.clock.nowMs();
      for (const [name, health] of this.#health) this.#health.set(name, { ...health, probeMs });
    }
    this.#allWereDisrupted = allDisrupted;
    for (const node of all) {
      const { name = '' } = node.metadata;
      const status = readyStatuses.get(name);
      if (status === undefined) continue;
      const zone = zoneOf(node);
      const rate = evictionsPerSecond(states.get(zone) ?? 'normal', zones.get(zone)?.length ?? 0);
      await this.#taintNode(node, status, { zone, rate, allDisrupted });
    }
  }

  async #taintNode(
    node: Node,
    status: string,
    context: { readonly zone: string; readonly rate: number; readonly allDisrupted: boolean },
  ): Promise<void> {
    const nowMs = this.#deps.clock.nowMs();
    const sick = status === 'False' ? NOT_READY : status === 'Unknown' ? UNREACHABLE : undefined;
    // With every node sick, evicting would only lose pods: there is no place for them to go.
    const wanted = context.allDisrupted ? undefined : sick;
    const taints = planNoExecuteTaints(node, wanted, nowMs);
    if (taints === undefined) return;
    const hasOne = (node.spec?.taints ?? []).some(
      (taint) => taint.effect === 'NoExecute' && (taint.key === NOT_READY || taint.key === UNREACHABLE),
    );
    if (wanted !== undefined && !hasOne) {
      if (context.rate === 0 || nowMs < (this.#nextTaintMs.get(context.zone) ?? 0)) return;
      this.#nextTaintMs.set(context.zone, nowMs + 1000 / context.rate);
    }
    if (wanted !== undefined && !hasOne) this.#deps.counts?.nodeEvicted(toZoneLabel(context.zone));
    await writeTaints(this.#deps.client, node, (fresh) => planNoExecuteTaints(fresh, wanted, nowMs)).catch(
      (error: unknown) =>
        this.#deps.logger.warn('the taints of a node could not be updated', { node: node.metadata.name, error }),
    );
  }
}

/** The name of a zone as upstream's metrics have it. Source: component-helpers `node/topology` (GetZoneKey). */
function toZoneLabel(zone: string): string {
  const at = zone.indexOf(':');
  const [region, name] = [zone.slice(0, at), zone.slice(at + 1)];
  return region === '' && name === '' ? '' : `${region}:\u0000:${name}`;
}

function zonesOf(all: readonly Node[], statuses: ReadonlyMap<string, string>): ReadonlyMap<string, ZoneFigures> {
  const zones = new Map<string, ZoneFigures>();
  for (const node of all) {
    const label = toZoneLabel(zoneOf(node));
    const { nodes: count, unhealthy } = zones.get(label) ?? { nodes: 0, unhealthy: 0 };
    const isWell = statuses.get(node.metadata.name ?? '') === 'True';
    zones.set(label, { nodes: count + 1, unhealthy: unhealthy + (isWell ? 0 : 1) });
  }
  return zones;
}

/** Keeps the NoSchedule taints and the old labels of each node as its status says. */
class NodeTaints implements Reconciler {
  readonly #client: Client;
  readonly #nodes: Informer<Node>;
  readonly #clock: Clock;

  constructor(client: Client, nodeInformer: Informer<Node>, clock: Clock) {
    this.#client = client;
    this.#nodes = nodeInformer;
    this.#clock = clock;
  }

  async reconcile(name: string): Promise<Result> {
    const node = this.#nodes.get(name);
    if (node === undefined) return done;
    const plan = (each: Node): Taint[] | undefined => planNoScheduleTaints(each, this.#clock.nowMs());
    if (plan(node) !== undefined) await writeTaints(this.#client, node, plan);
    const labels = planBetaLabels(node);
    if (labels !== undefined) {
      await this.#client.patch(nodes, { name }, { metadata: { labels } }, { type: 'strategic' }).catch(ignoreNotFound);
    }
    return done;
  }
}

async function writeTaints(client: Client, node: Node, plan: (fresh: Node) => Taint[] | undefined): Promise<void> {
  await updateWithRetry(client, nodes, node, (copy) => {
    const taints = plan(copy);
    if (taints === undefined) return false;
    copy.spec = { ...copy.spec, taints };
    return true;
  });
}

async function markPodNotReady(client: Client, recorder: EventRecorder, pod: Pod, nowMs: number): Promise<void> {
  const ready = findCondition(pod.status?.conditions, 'Ready');
  if (ready?.status !== 'True') return;
  const { uid, resourceVersion } = pod.metadata;
  const lastTransitionTime = toTime(nowMs);
  const conditions = (pod.status?.conditions ?? []).map((condition) =>
    condition.type === 'Ready' ? { ...condition, status: 'False', lastTransitionTime } : condition,
  );
  const next = { ...pod, metadata: { ...pod.metadata, uid, resourceVersion }, status: { ...pod.status, conditions } };
  try {
    await client.update(pods, next, { subresource: 'status' });
    const { namespace, name } = keyOf(pod);
    const about = { apiVersion: 'v1', kind: 'Pod', namespace, name, uid };
    recorder.event(about, 'Warning', 'NodeNotReady', 'Node is not ready');
  } catch (error) {
    // A newer status says more than ours.
    if (!isConflict(error) && !isNotFound(error)) throw error;
  }
}

function ignoreNotFound(error: unknown): void {
  if (codeOf(error) !== 404) throw error;
}

/** Pods by the node that they are bound to. */
export function indexPodsByNode(informer: Informer<Pod>): void {
  informer.addIndex(NODE_INDEX, (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
}

export async function runNodeLifecycleController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics, config } = deps;
  const client = clientFor(controllerUser('node-controller'));
  const nodeInformer = informers.for(nodes);
  const leaseInformer = informers.for(leases, { namespace: 'kube-node-lease' });
  const podInformer = informers.for(pods);
  indexPodsByNode(podInformer);
  const recorder = deps.events('node-controller', client);
  const monitor = new NodeMonitor({
    client,
    recorder,
    nodes: nodeInformer,
    leases: leaseInformer,
    pods: podInformer,
    clock,
    logger,
    counts: deps.counts,
    graceMs: config.nodeMonitorGracePeriodMs ?? 40_000,
  });
  const period = everyPeriod(clock, config.nodeMonitorPeriodMs ?? 5000, 'nodes');
  const loop = { clock, logger, metrics };
  await Promise.all([
    runController(
      {
        ...loop,
        name: 'node-monitor',
        reconciler: monitor,
        // A node that turns not ready must not wait for the next look.
        sources: [
          period,
          onChange(nodeInformer, ({ object, previous }) =>
            readyStatus(object) === readyStatus(previous) && previous !== undefined ? [] : ['nodes'],
          ),
          untilSynced(leaseInformer),
          untilSynced(podInformer),
        ],
      },
      signal,
    ),
    runController(
      {
        ...loop,
        name: 'node-taints',
        reconciler: new NodeTaints(client, nodeInformer, clock),
        sources: [onChange(nodeInformer)],
        workers: 4,
      },
      signal,
    ),
  ]);
}

function readyStatus(node: Node | undefined): string | undefined {
  return findCondition(node?.status?.conditions, 'Ready')?.status;
}
