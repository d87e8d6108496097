import type { ApiServer } from '../apiserver/api-server.ts';
import { Client } from '../client/client.ts';
import { createEventRecorder } from '../client/events.ts';
import { Informers } from '../client/informers.ts';
import type { ControllerDeps } from '../controllers/definition.ts';
import { runControllers } from '../controllers/index.ts';
import type { Pod } from '../generated/api/core/v1.ts';
import { pods } from '../generated/resource-types.ts';
import { keyOf } from '../machinery/object/object.ts';
import { systemClock } from '../std/clock.ts';
import { type Logger, silentLogger } from '../telemetry/logger.ts';
import { startMemoryServer, until } from './memory-server.ts';

export interface ControllerCluster extends AsyncDisposable {
  readonly server: ApiServer;
  /** As a member of `system:masters`. */
  readonly admin: Client;
  readonly informers: Informers;
  readonly until: typeof until;
}

/**
 * A whole cluster in memory: the real server with `Node,RBAC`, all controllers each under its own identity, and a node
 * on which pods run at once (those of jobs succeed at once).
 */
export async function startControllerCluster(logger: Logger = silentLogger): Promise<ControllerCluster> {
  const stop = new AbortController();
  const server = await startMemoryServer(logger, stop.signal);
  const admin = new Client(server.transportFor({ name: 'admin', groups: ['system:masters', 'system:authenticated'] }));
  const groups = ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'];
  const base = { clock: systemClock, logger, signal: stop.signal };
  const informers = new Informers({ client: admin, ...base });
  const deps: ControllerDeps = {
    clientFor: (name) => new Client(server.transportFor({ name, groups })),
    informers,
    clock: systemClock,
    logger,
    events: (component, client) => createEventRecorder({ client, component, ...base }),
    config: {
      clusterCIDRs: ['10.42.0.0/16'],
      serviceCIDRs: ['10.43.0.0/16'],
      rootCA: 'PEM',
      namespaceDeletionDelayMs: 0,
    },
    random: Math.random,
  };
  const running = runControllers(deps, {}, stop.signal);
  const podInformer = informers.for(pods);
  const kubelet = systemClock.every(10, () => {
    for (const pod of podInformer.list()) void play(admin, pod).catch(() => {});
  });
  return {
    server,
    admin,
    informers,
    until,
    async [Symbol.asyncDispose]() {
      kubelet.cancel();
      stop.abort();
      await Promise.all([running, informers.ended()]);
      server.close();
    },
  };
}

/** The next thing that a scheduler and a kubelet would do for a pod. */
async function play(admin: Client, pod: Pod): Promise<void> {
  if (pod.metadata.deletionTimestamp !== undefined) {
    await admin.delete(pods, keyOf(pod), { gracePeriodSeconds: 0 });
    return;
  }
  const { namespace, name } = pod.metadata;
  if (!pod.spec.nodeName) {
    const body = { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target: { kind: 'Node', name: 'n1' } };
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/binding`;
    await admin.transport.request({ method: 'POST', path, body });
    return;
  }
  if (pod.status?.phase !== 'Pending') return;
  const isJob = pod.metadata.labels?.['batch.kubernetes.io/job-name'] !== undefined;
  const lastTransitionTime = `${new Date(systemClock.nowMs()).toISOString().slice(0, 19)}Z`;
  const status = {
    phase: isJob ? 'Succeeded' : 'Running',
    podIP: '10.42.0.9',
    podIPs: [{ ip: '10.42.0.9' }],
    conditions: [{ type: 'Ready', status: isJob ? 'False' : 'True', lastTransitionTime }],
  };
  await admin.update(pods, { ...pod, status }, { subresource: 'status' });
}
