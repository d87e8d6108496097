import { keyOf, type ObjectKey, toKeyText } from '../machinery/object/object.ts';
import type { ControllerMetrics } from '../reconcile/controller.ts';
import { QueueMetrics } from '../reconcile/queue-metrics.ts';
import { type Clock, systemClock } from '../std/clock.ts';
import { MetricsRegistry } from '../telemetry/metrics/metrics-registry.ts';
import { collectProcessMetrics } from '../telemetry/metrics/process-metrics.ts';
import { METRICS_CONTENT_TYPE } from '../telemetry/metrics/text.ts';
import type { Phase, VirtualCluster, VirtualClusterStatus } from './api/virtual-cluster.ts';

/** What the operator counts. */
export interface OperatorMetrics {
  readonly controller: ControllerMetrics;
  /** After each look at a VirtualCluster. */
  seen(cluster: VirtualCluster, status: VirtualClusterStatus): void;
  /** A VirtualCluster is no more. */
  gone(key: ObjectKey): void;
  /** Whether this process is the one that works. */
  leads(isLeader: boolean): void;
  /** All of it in Prometheus' text form. */
  text(): Promise<string>;
  readonly contentType: string;
}

const phases: readonly Phase[] = ['Pending', 'Provisioning', 'Ready', 'Degraded', 'Suspended', 'Deleting'];
/** What is worth an alert; the others follow from these. */
const watched = ['Ready', 'UpToDate', 'DatastoreReady', 'EndpointReachable', 'ControlPlaneAvailable', 'NodesReady'];

const optional = ['BackupHealthy', 'PolicyViolation', 'Published'];

/** Seconds. Source: controller-runtime `pkg/internal/controller/metrics/metrics.go`. */
const RECONCILE_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];

/** Metrics of one operator; names of the controllers' are those of controller-runtime and client-go. */
export function createOperatorMetrics(clock: Clock = systemClock): OperatorMetrics {
  const registry = new MetricsRegistry();
  collectProcessMetrics(registry, clock);
  const leader = registry.gauge({
    name: 'leader_election_master_status',
    help: '1 where this process holds the lease.',
    stability: 'ALPHA',
    labels: ['name'],
  });
  const tenants = createTenantMetrics(registry);
  const told = new Map<string, ObjectKey>();
  const gone = (key: ObjectKey): void => {
    told.delete(toKeyText(key));
    tenants.gone(key);
  };
  return {
    controller: createControllerMetrics(registry, clock),
    seen(cluster, status) {
      told.set(toKeyText(keyOf(cluster)), keyOf(cluster));
      tenants.seen(cluster, status);
    },
    gone,
    leads(isLeader) {
      leader.set(leader.series('warren-operator'), isLeader ? 1 : 0);
      // Who leads now tells of tenants: what was known here would stand beside it, and grow old.
      if (!isLeader) for (const key of [...told.values()]) gone(key);
    },
    text: () => registry.text(),
    contentType: METRICS_CONTENT_TYPE,
  };
}

function createControllerMetrics(registry: MetricsRegistry, clock: Clock): ControllerMetrics {
  const queues = new QueueMetrics(registry, clock);
  const reconciles = registry.counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Reconciles by result: success, requeue_after or error.',
    labels: ['controller', 'result'],
  });
  const errors = registry.counter({
    name: 'controller_runtime_reconcile_errors_total',
    help: 'Reconciles that failed.',
    labels: ['controller'],
  });
  const active = registry.gauge({
    name: 'controller_runtime_active_workers',
    help: 'Reconciles under way.',
    labels: ['controller'],
  });
  const durations = registry.histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Length of reconciles.',
    labels: ['controller'],
    buckets: RECONCILE_BUCKETS,
  });
  return {
    added: (controller) => queues.added(controller),
    retried: (controller) => queues.retried(controller),
    depth: (controller, keys) => queues.depth(controller, keys),
    taken(controller, waitedMs) {
      queues.taken(controller, waitedMs);
      active.add(active.series(controller));
      errors.series(controller);
    },
    reconciled(controller, outcome, durationMs) {
      queues.reconciled(controller, outcome, durationMs);
      const result = outcome === 'failed' ? 'error' : outcome === 'done' ? 'success' : 'requeue_after';
      reconciles.add(reconciles.series(controller, result));
      durations.observe(durations.series(controller), durationMs / 1000);
      active.add(active.series(controller), -1);
      if (outcome === 'failed') errors.add(errors.series(controller));
    },
  };
}

function createTenantMetrics(registry: MetricsRegistry): Pick<OperatorMetrics, 'seen' | 'gone'> {
  const tenant = ['namespace', 'name'];
  const phase = registry.gauge({
    name: 'warren_virtualcluster_phase',
    help: '1 for the phase that a VirtualCluster is in.',
    labels: [...tenant, 'phase'],
  });
  const condition = registry.gauge({
    name: 'warren_virtualcluster_condition',
    help: '1 where the condition is True, 0 where it is not.',
    labels: [...tenant, 'condition'],
  });
  const nodes = registry.gauge({
    name: 'warren_virtualcluster_nodes',
    help: 'Machines that joined, by state: ready or not_ready.',
    labels: [...tenant, 'state'],
  });
  const ready = registry.gauge({
    name: 'warren_virtualcluster_ready_replicas',
    help: 'Server replicas that are ready.',
    labels: tenant,
  });
  return {
    seen({ metadata: { namespace = '', name = '' } }, status) {
      for (const each of phases) phase.set(phase.series(namespace, name, each), each === status.phase ? 1 : 0);
      for (const type of [...watched, ...optional]) {
        const found = status.conditions?.find((each) => each.type === type);
        // Those that are optional are told only where they are asked for: without them there is nothing to alert of.
        if (found === undefined && optional.includes(type)) condition.remove(namespace, name, type);
        else condition.set(condition.series(namespace, name, type), found?.status === 'True' ? 1 : 0);
      }
      const { total = 0, ready: readyNodes = 0 } = status.nodes ?? {};
      nodes.set(nodes.series(namespace, name, 'ready'), readyNodes);
      nodes.set(nodes.series(namespace, name, 'not_ready'), total - readyNodes);
      ready.set(ready.series(namespace, name), status.replicas ?? 0);
    },
    gone({ namespace = '', name = '' }) {
      for (const each of phases) phase.remove(namespace, name, each);
      for (const type of [...watched, ...optional]) condition.remove(namespace, name, type);
      for (const state of ['ready', 'not_ready']) nodes.remove(namespace, name, state);
      ready.remove(namespace, name);
    },
  };
}
