/** Machines that exist on paper: their leases are kept, and their pods run, end and stop as a test wishes. */
import { Client } from '../../src/client/client.ts';
import { createHttpTransport } from '../../src/client/http-transport.ts';
import { Informers } from '../../src/client/informers.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { toMicroTime } from '../../src/client/leases.ts';
import type { Lease } from '../../src/generated/api/coordination/v1.ts';
import type { Node, Pod } from '../../src/generated/api/core/v1.ts';
import { leases, nodes, pods } from '../../src/generated/resource-types.ts';
import { keyOf } from '../../src/machinery/object/object.ts';
import { toTimeText } from '../../src/machinery/values/time.ts';
import { systemClock as clock } from '../../src/std/clock.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { podStatus } from '../../src/testing/agent-double/pod-status.ts';

/** As kubelets renew theirs. */
const LEASE_MS = 10_000;

export interface SimulatedNodes extends AsyncDisposable {
  readonly client: Client;
  /** From now on nobody hears of the node, and its pods neither start nor stop. */
  silence(name: string): void;
  revive(name: string): void;
}

export interface SimulatedNodesOptions {
  readonly kubeconfig: string;
  readonly count: number;
  /** Default 8. */
  readonly cpu?: string;
  /** Exit code of the pod's containers; undefined: they run on, or as their command says. */
  readonly exitCode?: (pod: Pod) => number | undefined;
  /** Between a pod's binding and its report. Default 0. */
  readonly startMs?: number;
}

/** Registers nodes `sim-0`, `sim-1`, ... in three zones, and plays their kubelets until disposed of. */
export async function startSimulatedNodes(options: SimulatedNodesOptions): Promise<SimulatedNodes> {
  const { kubeconfig, count, cpu = '8', exitCode, startMs = 0 } = options;
  const stop = new AbortController();
  const client = new Client(createHttpTransport({ ...readKubeconfig(kubeconfig), maxSockets: 32 }));
  const informers = new Informers({ client, clock, logger: silentLogger, signal: stop.signal });
  const names = new Set(Array.from({ length: count }, (_, index) => `sim-${index}`));
  const silent = new Set<string>();
  const busy = new Set<string>();
  let at = 0;
  for (const name of names) await client.create(nodes, node(name, at++ % 3, cpu));
  const renew = async (): Promise<void> => {
    for (const name of names) if (!silent.has(name)) await renewLease(client, name).catch(() => {});
  };
  await renew();
  const podInformer = informers.for(pods);

  async function play(pod: Pod): Promise<void> {
    const { uid = '', deletionTimestamp } = pod.metadata;
    const nodeName = pod.spec.nodeName ?? '';
    if (!names.has(nodeName) || silent.has(nodeName) || busy.has(uid) || stop.signal.aborted) return;
    const goes = deletionTimestamp !== undefined;
    if (!goes && pod.status?.phase !== 'Pending') return;
    busy.add(uid);
    try {
      if (goes) await client.delete(pods, keyOf(pod), { gracePeriodSeconds: 0, preconditions: { uid } });
      else {
        if (startMs > 0) await clock.sleep(startMs, stop.signal);
        await report(client, pod, exitCode?.(pod));
      }
    } catch {
      // Gone or changed meanwhile: the next event tells.
    } finally {
      busy.delete(uid);
    }
    const next = podInformer.get(`${pod.metadata.namespace}/${pod.metadata.name}`);
    if (next !== undefined && next !== pod) await play(next);
  }

  podInformer.addHandler({
    added: (pod) => void play(pod),
    updated: (pod) => void play(pod),
    deleted: () => {},
  });
  const timer = clock.every(LEASE_MS, () => void renew());
  return {
    client,
    silence: (name) => silent.add(name),
    revive: (name) => {
      silent.delete(name);
      void renew();
      for (const pod of podInformer.list()) void play(pod);
    },
    async [Symbol.asyncDispose]() {
      timer.cancel();
      stop.abort();
      await informers.ended();
    },
  };
}

function node(name: string, zone: number, cpu: string): Node {
  const now = toTimeText(clock.nowMs());
  const resources = { cpu, memory: '32Gi', pods: '110', 'ephemeral-storage': '100Gi' };
  const condition = { lastHeartbeatTime: now, lastTransitionTime: now };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'topology.kubernetes.io/zone': `z${zone}`,
      },
    },
    spec: {},
    status: {
      capacity: resources,
      allocatable: resources,
      conditions: [
        { ...condition, type: 'MemoryPressure', status: 'False', reason: 'KubeletHasSufficientMemory' },
        { ...condition, type: 'DiskPressure', status: 'False', reason: 'KubeletHasNoDiskPressure' },
        { ...condition, type: 'PIDPressure', status: 'False', reason: 'KubeletHasSufficientPID' },
        {
          ...condition,
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
        },
      ],
      addresses: [{ type: 'Hostname', address: name }],
    },
  };
}

/** Renews the node's lease and, where the controllers took it for lost, says that it is ready. */
async function renewLease(client: Client, name: string): Promise<void> {
  const key = { namespace: 'kube-node-lease', name };
  const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime: toMicroTime(clock.nowMs()) };
  const lease: Lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: key, spec };
  await client.patch(leases, key, lease, { type: 'merge' }).catch(() => client.create(leases, lease));
  const { status } = await client.get(nodes, { name });
  if (status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True') return;
  const now = toTimeText(clock.nowMs());
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: 'KubeletReady',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  };
  await client.patch(
    nodes,
    { name },
    { status: { conditions: [ready] } },
    { type: 'strategic', subresource: 'status' },
  );
}

async function report(client: Client, pod: Pod, exitCode: number | undefined): Promise<void> {
  const nowText = toTimeText(clock.nowMs());
  const podIp = `10.42.${Math.floor(Math.random() * 250)}.${1 + Math.floor(Math.random() * 250)}`;
  const situation = { podIp, nowText, ...(exitCode === undefined ? {} : { exitCode }) };
  const { conditions = [], ...status } = podStatus(pod, situation);
  const dated = conditions.map((each) => ({ ...each, lastTransitionTime: nowText }));
  const body = { metadata: { uid: pod.metadata.uid }, status: { ...status, conditions: dated } };
  await client.patch(pods, keyOf(pod), body, { type: 'strategic', subresource: 'status' });
}
