import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ObjectKey } from '../machinery/object/object.ts';
import type { ControllerMetrics } from '../reconcile/controller.ts';
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

/** Metrics of one operator; names of the controller's are those of controller-runtime and client-go. */
export function createOperatorMetrics(): OperatorMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const tenant = ['namespace', 'name'] as const;
  const reconciles = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Reconciles by result: success, requeue_after or error.',
    labelNames: ['controller', 'result'] as const,
    registers,
  });
  const durations = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Length of reconciles.',
    labelNames: ['controller'] as const,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const depth = new Gauge({
    name: 'workqueue_depth',
    help: 'Keys that wait for a reconcile.',
    labelNames: ['name'] as const,
    registers,
  });
  const leader = new Gauge({
    name: 'leader_election_master_status',
    help: '1 where this process holds the lease.',
    labelNames: ['name'] as const,
    registers,
  });
  const phase = new Gauge({
    name: 'warren_virtualcluster_phase',
    help: '1 for the phase that a VirtualCluster is in.',
    labelNames: [...tenant, 'phase'] as const,
    registers,
  });
  const condition = new Gauge({
    name: 'warren_virtualcluster_condition',
    help: '1 where the condition is True, 0 where it is not.',
    labelNames: [...tenant, 'condition'] as const,
    registers,
  });
  const nodes = new Gauge({
    name: 'warren_virtualcluster_nodes',
    help: 'Machines that joined, by state: ready or not_ready.',
    labelNames: [...tenant, 'state'] as const,
    registers,
  });
  const ready = new Gauge({
    name: 'warren_virtualcluster_ready_replicas',
    help: 'Server replicas that are ready.',
    labelNames: tenant,
    registers,
  });
  return {
    controller: {
      reconciled(controller, outcome, durationMs) {
        const result = outcome === 'failed' ? 'error' : outcome === 'done' ? 'success' : 'requeue_after';
        reconciles.inc({ controller, result });
        durations.observe({ controller }, durationMs / 1000);
      },
      depth: (name, keys) => depth.set({ name }, keys),
    },
    seen({ metadata: { namespace = '', name = '' } }, status) {
      const labels = { namespace, name };
      for (const each of phases) phase.set({ ...labels, phase: each }, each === status.phase ? 1 : 0);
      for (const type of watched) {
        const found = status.conditions?.find((each) => each.type === type);
        condition.set({ ...labels, condition: type }, found?.status === 'True' ? 1 : 0);
      }
      // Told only where it is asked for: without it there is nothing to alert of.
      for (const type of optional) {
        const found = status.conditions?.find((each) => each.type === type);
        if (found === undefined) condition.remove({ ...labels, condition: type });
        else condition.set({ ...labels, condition: type }, found.status === 'True' ? 1 : 0);
      }
      const { total = 0, ready: readyNodes = 0 } = status.nodes ?? {};
      nodes.set({ ...labels, state: 'ready' }, readyNodes);
      nodes.set({ ...labels, state: 'not_ready' }, total - readyNodes);
      ready.set(labels, status.replicas ?? 0);
    },
    gone({ namespace = '', name = '' }) {
      const labels = { namespace, name };
      for (const each of phases) phase.remove({ ...labels, phase: each });
      for (const type of [...watched, ...optional]) condition.remove({ ...labels, condition: type });
      for (const state of ['ready', 'not_ready']) nodes.remove({ ...labels, state });
      ready.remove(labels);
    },
    leads: (isLeader) => leader.set({ name: 'warren-operator' }, isLeader ? 1 : 0),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
