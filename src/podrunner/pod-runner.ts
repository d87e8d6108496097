import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '../client/client.ts';
import type { Informers } from '../client/informers.ts';
import type { Pod } from '../generated/api/core/v1.ts';
import {
  configmaps,
  leases,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  pods,
  secrets,
  storageclasses,
} from '../generated/resource-types.ts';
import { isAlreadyExists, isNotFound } from '../machinery/errors/status-error.ts';
import { type KubeObject, keyOf, toKeyText } from '../machinery/object/object.ts';
import { toTimeText } from '../machinery/values/time.ts';
import type { Clock, Timer } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { folderStorageClass, provision, reclaim, wantsFolder } from './folder-provisioner.ts';
import { openKubeletApi } from './kubelet-api.ts';
import { readMachine, toNode, toNodeStatus } from './node-status.ts';
import { PodWorker } from './pod-worker.ts';

/** As kubelets have them. Source: pkg/kubelet/apis/config/v1beta1/defaults.go. */
const LEASE_PERIOD_MS = 10_000;
const LEASE_SECONDS = 40;
const STATUS_PERIOD_MS = 60_000;

export interface PodRunnerOptions {
  /** Speaks as `system:node:<name>`. */
  readonly client: Client;
  /** Speaks for the folder provisioner, which makes volumes. */
  readonly provisioner: Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeName: string;
  /** Everything of this node is kept below it. */
  readonly folder: string;
  readonly image: string;
  readonly program: { readonly path: string; readonly args: readonly string[] };
  readonly env: Readonly<Record<string, string>>;
  readonly tls: {
    readonly cert: string;
    readonly key: string;
    readonly clientCa: string;
    readonly allowedGroups: readonly string[];
  };
  event(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

export interface PodRunner {
  readonly nodeName: string;
  readonly kubeletPort: number;
  /** Stops all processes in their grace and leaves the objects as they are: a later start goes on from there. */
  close(): Promise<void>;
}

/** Registers this machine as a node whose pods are processes, and runs the pods that are bound to it. */
export async function startPodRunner(options: PodRunnerOptions): Promise<PodRunner> {
  const { clock, logger, nodeName, folder, tls, image, informers } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const machine = readMachine();
  const abort = new AbortController();
  const workers = new Map<string, PodWorker>();

  const kubelet = await openKubeletApi({
    ...tls,
    clock,
    findLog: (namespace, pod, container) =>
      [...workers.values()].find((worker) => worker.isFor(namespace, pod))?.logs.get(container),
  });
  const reportStatus = (): Promise<void> => writeNodeStatus(options, machine, kubelet.port);
  await registerNode(options, machine);
  await reportStatus();
  const timers: Timer[] = [
    clock.every(
      LEASE_PERIOD_MS,
      () => void renewLease(options).catch((error) => logger.warn('node lease is not renewed', { error })),
    ),
    clock.every(
      STATUS_PERIOD_MS,
      () => void reportStatus().catch((error) => logger.warn('node status is not written', { error })),
    ),
  ];
  await renewLease(options);

  const workerDeps = {
    client: options.client,
    clock,
    logger,
    image,
    program: options.program,
    env: options.env,
    hostIp: machine.address,
    folder: join(folder, 'pods'),
    event: options.event,
  };
  const bound = informers.for(pods, { fieldSelector: `spec.nodeName=${nodeName}` });
  const take = (pod: Pod): void => {
    const uid = pod.metadata.uid ?? '';
    const known = workers.get(uid);
    if (known !== undefined) return known.update(pod);
    const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (ended && pod.metadata.deletionTimestamp === undefined) return;
    const worker = new PodWorker(workerDeps, pod);
    workers.set(uid, worker);
    if (pod.metadata.deletionTimestamp === undefined) worker.start();
    else worker.update(pod);
  };
  const unsubscribe = bound.addHandler({
    added: take,
    updated: take,
    deleted(pod) {
      const worker = workers.get(pod.metadata.uid ?? '');
      workers.delete(pod.metadata.uid ?? '');
      void worker?.stop();
    },
  });
  const bringTo = (kind: 'secret' | 'configMap') => ({
    updated: ({ metadata: { namespace, name } }: KubeObject): void => {
      for (const worker of workers.values()) worker.refresh(kind, namespace, name);
    },
  });
  const stopFiles = [
    informers.for(secrets).addHandler(bringTo('secret')),
    informers.for(configmaps).addHandler(bringTo('configMap')),
  ];
  const stopProvisioning = await startProvisioner(options, join(folder, 'volumes'), abort.signal);

  return {
    nodeName,
    kubeletPort: kubelet.port,
    async close() {
      unsubscribe();
      for (const stop of stopFiles) stop();
      stopProvisioning();
      for (const timer of timers) timer.cancel();
      abort.abort(new Error('the node stops'));
      await Promise.all([...workers.values()].map((worker) => worker.stop()));
      await kubelet.close();
    },
  };
}

async function registerNode(
  { client, nodeName }: PodRunnerOptions,
  machine: ReturnType<typeof readMachine>,
): Promise<void> {
  try {
    await client.create(nodes, toNode(nodeName, machine));
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

async function writeNodeStatus(
  options: PodRunnerOptions,
  machine: ReturnType<typeof readMachine>,
  kubeletPort: number,
): Promise<void> {
  const { client, nodeName, image, clock } = options;
  const { status: before } = await client.get(nodes, { name: nodeName });
  const nowText = toTimeText(clock.nowMs());
  const status = toNodeStatus(machine, { image, kubeletPort, nowText, before });
  await client.patch(nodes, { name: nodeName }, { status }, { type: 'merge', subresource: 'status' });
}

async function renewLease({ client, nodeName, clock }: PodRunnerOptions): Promise<void> {
  const key = { namespace: 'kube-node-lease', name: nodeName };
  const renewTime = new Date(clock.nowMs()).toISOString().replace('Z', '000Z');
  const spec = { holderIdentity: nodeName, leaseDurationSeconds: LEASE_SECONDS, renewTime };
  try {
    await client.patch(leases, key, { spec }, { type: 'merge' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const { metadata } = await client.get(nodes, { name: nodeName });
    const owner = { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: metadata.uid ?? '' };
    await client.create(leases, { metadata: { ...key, ownerReferences: [owner] }, spec });
  }
}

/** Gives each claim of the folder class its folder, and takes it back when the claim is gone. */
async function startProvisioner(options: PodRunnerOptions, folder: string, signal: AbortSignal): Promise<() => void> {
  const { provisioner, informers, logger } = options;
  try {
    await provisioner.create(storageclasses, folderStorageClass());
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  const classes = informers.for(storageclasses);
  await classes.synced;
  const provisionerOf = (name: string): string | undefined => classes.get(name)?.provisioner;
  const guard = (work: Promise<void>, about: object): void => {
    work.catch((error) => {
      if (!signal.aborted) logger.error('volume is not served', { ...about, error });
    });
  };
  const onClaim = { added: takeClaim, updated: takeClaim };
  function takeClaim(claim: Parameters<typeof wantsFolder>[0]): void {
    if (wantsFolder(claim, provisionerOf))
      guard(provision(provisioner, claim, folder, signal), { claim: toKeyText(keyOf(claim)) });
  }
  function takeVolume(volume: Parameters<typeof reclaim>[1]): void {
    guard(reclaim(provisioner, volume, folder, signal), { volume: volume.metadata.name });
  }
  const stops = [
    informers.for(persistentvolumeclaims).addHandler(onClaim),
    informers.for(persistentvolumes).addHandler({ added: takeVolume, updated: takeVolume }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
