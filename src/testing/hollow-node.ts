import type { Server } from 'node:https';
import type { Client } from '../client/client.ts';
import { Informers } from '../client/informers.ts';
import type { Node, Pod } from '../generated/api/core/v1.ts';
import {
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  pods,
  secrets,
  storageclasses,
} from '../generated/resource-types.ts';
import { isAlreadyExists } from '../machinery/errors/status-error.ts';
import { keyOf } from '../machinery/object/object.ts';
import { toTimeText } from '../machinery/values/time.ts';
import { loadPki } from '../pki/bundle.ts';
import { issueCertificate } from '../pki/certificate.ts';
import { folderStorageClass, provision, reclaim, wantsFolder } from '../podrunner/folder-provisioner.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createTenantDouble, type TenantStore } from './tenant-double.ts';

const HEARTBEAT_MS = 10_000;
const TENANT = 'warren.dev/virtualcluster';

export interface HollowNodeOptions {
  /** May do everything on the host cluster. */
  readonly client: Client;
  readonly nodeName: string;
  /** Address of the node, at which the simulated tenants listen; one of the machine's own, such as `127.9.8.7`. */
  readonly address: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export interface HollowNode {
  /** Tenants that answer now. */
  tenants(): number;
  /** What a tenant keeps, by the uid of the Secret with its authorities. */
  storeOf(pkiUid: string): TenantStore;
  close(): Promise<void>;
}

/**
 * A node that runs nothing: its pods are Running at once, and for a pod of a tenant's server a few lines answer, with a
 * certificate of that tenant, what the operator asks: readiness, and a list of no nodes. Claims of its storage class get
 * volumes that are nowhere. So a host cluster has hundreds of tenants for what their objects cost.
 */
export async function startHollowNode(options: HollowNodeOptions): Promise<HollowNode> {
  const { client, nodeName, address, clock, logger, signal } = options;
  const informers = new Informers({ client, clock, logger, signal });
  const servers = new Map<string, Promise<Server>>();
  const running = new Set<string>();
  const stores = new Map<string, TenantStore>();
  const storeOf = (pkiUid: string): TenantStore => {
    const store: TenantStore = stores.get(pkiUid) ?? new Map();
    stores.set(pkiUid, store);
    return store;
  };
  const guard = (work: Promise<unknown>): void => {
    work.catch((error) => {
      if (!signal.aborted) logger.warn('hollow node', { error: String(error) });
    });
  };
  await client.create(nodes, toNode(options));
  await client.create(storageclasses, folderStorageClass()).catch((error) => {
    if (!isAlreadyExists(error)) throw error;
  });
  const heartbeat = clock.every(HEARTBEAT_MS, () =>
    guard(client.patch(nodes, { name: nodeName }, { status: nodeStatus(options) }, merge('status'))),
  );

  async function run(pod: Pod): Promise<void> {
    const { uid = '' } = pod.metadata;
    if (running.has(uid)) return;
    running.add(uid);
    if (pod.metadata.labels?.[TENANT] !== undefined && pod.spec.containers[0]?.name === 'server') {
      servers.set(uid, answer(client, pod, { address, nowMs: clock.nowMs(), storeOf }));
      await servers.get(uid);
    }
    const status = podStatus(pod, address, clock.nowMs());
    await client.patch(pods, keyOf(pod), { status: isOfJob(pod) ? toEnded(status) : status }, merge('status'));
  }
  async function end(pod: Pod): Promise<void> {
    const { uid = '' } = pod.metadata;
    await stop(uid);
    await client.delete(pods, keyOf(pod), { gracePeriodSeconds: 0, preconditions: { uid } }).catch(() => {});
  }
  async function stop(uid: string): Promise<void> {
    const server = await servers.get(uid)?.catch(() => undefined);
    servers.delete(uid);
    server?.closeAllConnections();
    server?.close();
  }
  const take = (pod: Pod): void => {
    if (pod.metadata.deletionTimestamp !== undefined) return guard(end(pod));
    // What could not be started is tried again with the pod's next change, and here with the next heartbeat.
    guard(
      run(pod).catch((error) => {
        running.delete(pod.metadata.uid ?? '');
        throw error;
      }),
    );
  };
  const bound = informers.for(pods, { fieldSelector: `spec.nodeName=${nodeName}` });
  bound.addHandler({ added: take, updated: take, deleted: (pod) => guard(stop(pod.metadata.uid ?? '')) });
  const again = clock.every(1_000, () => {
    for (const pod of bound.list())
      if (!running.has(pod.metadata.uid ?? '') || pod.metadata.deletionTimestamp !== undefined) take(pod);
  });
  const classes = informers.for(storageclasses);
  await classes.synced;
  const takeClaim = (claim: Parameters<typeof wantsFolder>[0]): void => {
    if (wantsFolder(claim, (name) => classes.get(name)?.provisioner))
      guard(provision(client, claim, '/nowhere', signal));
  };
  informers.for(persistentvolumeclaims).addHandler({ added: takeClaim, updated: takeClaim });
  const takeVolume = (volume: Parameters<typeof reclaim>[1]): void =>
    guard(reclaim(client, volume, '/nowhere', signal));
  informers.for(persistentvolumes).addHandler({ added: takeVolume, updated: takeVolume });
  return {
    tenants: () => servers.size,
    storeOf,
    async close() {
      heartbeat.cancel();
      again.cancel();
      await Promise.all([...servers.keys()].map(stop));
    },
  };
}

const merge = (subresource: string) => ({ type: 'merge', subresource }) as const;

/** Serves what the operator asks of a tenant, on the tenant's port. */
async function answer(
  client: Client,
  pod: Pod,
  { address, nowMs, storeOf }: { address: string; nowMs: number; storeOf(pkiUid: string): TenantStore },
): Promise<Server> {
  const { namespace, labels } = pod.metadata;
  const { data = {}, metadata } = await client.get(secrets, { namespace, name: `${labels?.[TENANT]}-pki` });
  const files = Object.entries(data).map(([name, text]) => [name, Buffer.from(text, 'base64').toString()] as const);
  const subject = { commonName: 'tenant', organizations: [], usages: ['server' as const], names: [address] };
  const { chainPem: cert, keyPem: key } = issueCertificate(loadPki(Object.fromEntries(files)).server, subject, {
    nowMs,
  });
  const server = createTenantDouble({ cert, key: key ?? '' }, storeOf(metadata.uid ?? ''));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // Replicas share the port.
    const port = pod.spec.containers[0]?.ports?.[0]?.containerPort ?? 0;
    server.listen({ host: address, port, reusePort: true }, resolve);
  });
  return server;
}

/** Work that is done at once. */
function isOfJob({ metadata }: Pod): boolean {
  return metadata.labels?.['batch.kubernetes.io/job-name'] !== undefined;
}

function toEnded(status: NonNullable<Pod['status']>): NonNullable<Pod['status']> {
  const { startTime: startedAt } = status;
  return {
    ...status,
    phase: 'Succeeded',
    conditions: status.conditions?.map((each) =>
      each.type.endsWith('Ready') ? { ...each, status: 'False', reason: 'PodCompleted' } : each,
    ),
    containerStatuses: status.containerStatuses?.map((each) => ({
      ...each,
      ready: false,
      started: false,
      state: { terminated: { exitCode: 0, reason: 'Completed', startedAt, finishedAt: startedAt } },
    })),
  };
}

function toNode(options: HollowNodeOptions): Node {
  const { nodeName } = options;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: nodeName, labels: { 'kubernetes.io/hostname': nodeName, 'kubernetes.io/os': 'linux' } },
    spec: {},
    status: nodeStatus(options),
  };
}

function nodeStatus({ address, clock }: HollowNodeOptions): NonNullable<Node['status']> {
  const nowText = toTimeText(clock.nowMs());
  const resources = { cpu: '1000', memory: '4Ti', pods: '5000', 'ephemeral-storage': '4Ti' };
  return {
    capacity: resources,
    allocatable: resources,
    addresses: [{ type: 'InternalIP', address }],
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'KubeletReady',
        message: 'runs nothing',
        lastHeartbeatTime: nowText,
        lastTransitionTime: nowText,
      },
    ],
  };
}

function podStatus(pod: Pod, address: string, nowMs: number): NonNullable<Pod['status']> {
  const nowText = toTimeText(nowMs);
  const conditions = ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
    type,
    status: 'True',
    lastTransitionTime: nowText,
  }));
  return {
    phase: 'Running',
    hostIP: address,
    // No loopback: EndpointSlices do not take these.
    podIP: '198.18.0.1',
    startTime: nowText,
    conditions,
    containerStatuses: pod.spec.containers.map(({ name, image = '' }) => ({
      name,
      image,
      imageID: '',
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: nowText } },
    })),
  };
}
