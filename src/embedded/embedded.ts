import { connect, createServer, isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Client, toPath } from '../client/client.ts';
import { createEventRecorder, referenceTo } from '../client/events.ts';
import { createHttpTransport } from '../client/http-transport.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { type ControlPlane, startControlPlane } from '../controlplane/control-plane.ts';
import { openBackend } from '../datastore/endpoint.ts';
import type { CustomResourceDefinition } from '../generated/api/apiextensions/v1.ts';
import { customresourcedefinitions, pods } from '../generated/resource-types.ts';
import { K3S_AGENT_VERSION, KUBERNETES_VERSION, PRODUCT_VERSION } from '../machinery/object/version.ts';
import { allCrds } from '../operator/api/crds.ts';
import type { ReadLog } from '../operator/backups/job-result.ts';
import { createKeySource } from '../operator/key-source.ts';
import { runOperator } from '../operator/operator.ts';
import { createTenantAccess } from '../operator/tenant-access.ts';
import { issueCertificate } from '../pki/certificate.ts';
import { adminKubeconfig } from '../pki/kubeconfig.ts';
import { readMachine } from '../podrunner/node-status.ts';
import { type PodRunner, startPodRunner } from '../podrunner/pod-runner.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { loadIdentity, loadServing, writePrivate } from '../tenant/identity.ts';

export interface EmbeddedOptions {
  /** Everything is kept below it. */
  readonly dataDir: string;
  /** Port of the host cluster's API. */
  readonly port: number;
  /** How tenants are started: the program that stands for Warren's image. */
  readonly program: { readonly path: string; readonly args: readonly string[] };
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of each step, for people who wait. */
  onStep(step: string): void;
}

/** A host cluster in this process, with one node whose pods are processes, and the operator. */
export interface Embedded {
  readonly url: string;
  readonly kubeconfigPath: string;
  /** Speaks as the administrator. */
  readonly client: Client;
  /** Stops the operator, the tenants and the host cluster, in this order. */
  close(): Promise<void>;
}

/** The image of tenants, which the embedded node runs as processes. */
export const EMBEDDED_IMAGE = `warren:${PRODUCT_VERSION}`;
const SERVICE_CIDR = '10.96.0.0/16';

export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { dataDir, port, clock, logger, onStep } = options;
  const hostDir = join(dataDir, 'host');
  const url = `https://127.0.0.1:${port}`;
  const { pki, files } = await loadIdentity({ dataDir: hostDir, pkiDir: undefined }, clock.nowMs());
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'localhost', '127.0.0.1', '10.96.0.1'];
  const serving = loadServing({ dataDir: hostDir }, pki, names, clock.nowMs());
  const backend = await openBackend('', { defaultPath: join(hostDir, 'server', 'db', 'state.db'), clock, logger });
  const abort = new AbortController();
  const state: { runner?: PodRunner; controlPlane?: ControlPlane; operator?: Promise<void> } = {};
  const close = async (): Promise<void> => {
    abort.abort(new Error('warren stops'));
    await state.operator;
    await state.runner?.close();
    await state.controlPlane?.close();
    await backend.close();
  };
  try {
    const controlPlane = await startControlPlane({
      backend,
      pki,
      serviceAccountKeyPem: files['service.key'] ?? '',
      host: '127.0.0.1',
      port,
      serving,
      clusterCidrs: [],
      serviceCidrs: [SERVICE_CIDR],
      nodePorts: '30000-32767',
      clusterDomain: 'cluster.local',
      dialer: {
        // The only node is this machine: its kubelet listens on loopback.
        async dial(node, _host, kubeletPort) {
          if (node !== state.runner?.nodeName) throw new Error(`node ${node} is not this machine`);
          if (kubeletPort !== state.runner.kubeletPort)
            throw new Error('pods of this node are processes: only their logs can be reached');
          return connect({ host: '127.0.0.1', port: kubeletPort });
        },
      },
      kubeletClientName: 'system:apiserver',
      clock,
      logger,
    });
    state.controlPlane = controlPlane;
    const kubeconfigPath = join(dataDir, 'kubeconfig');
    writePrivate(kubeconfigPath, adminKubeconfig(pki, { server: url, name: 'warren', nowMs: clock.nowMs() }));
    onStep(`host cluster serves on ${url}`);

    const admin = controlPlane.clientFor('system:admin', ['system:masters']);
    await Promise.all(allCrds().map((crd) => installCrd(admin, crd, clock)));
    state.runner = await startNode(options, controlPlane, pki);
    onStep(`node ${state.runner.nodeName} is ready; its pods are processes`);

    const operatorClient = controlPlane.clientFor('system:serviceaccount:warren-system:warren-operator', [
      'system:masters',
    ]);
    const events = createEventRecorder({
      client: operatorClient,
      component: 'warren-operator',
      clock,
      logger,
      signal: abort.signal,
    });
    state.operator = runOperator(
      {
        client: operatorClient,
        informers: controlPlane.informers,
        events,
        keys: createKeySource(clock),
        tenants: createTenantAccess(() => '127.0.0.1'),
        settings: {
          image: EMBEDDED_IMAGE,
          imagePullPolicy: 'Never',
          serverVersion: KUBERNETES_VERSION,
          agentVersion: K3S_AGENT_VERSION,
          nodePorts: { first: 30_000, last: 32_767 },
          tenantHost: '127.0.0.1',
          isPortFree,
        },
        readLog: logReader(kubeconfigPath),
        watchNamespaces: [],
        clock,
        logger,
      },
      abort.signal,
    );
    onStep('operator watches VirtualClusters');
    return { url, kubeconfigPath, client: admin, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Installs a CRD and waits until the API serves the kind. */
async function installCrd(client: Client, crd: CustomResourceDefinition, clock: Clock): Promise<void> {
  const key = { name: crd.metadata.name ?? '' };
  await client.patch(customresourcedefinitions, key, crd, { type: 'apply', force: true, fieldManager: 'warren' });
  for (;;) {
    const { status } = await client.get(customresourcedefinitions, key);
    if (status?.conditions?.some(({ type, status: value }) => type === 'Established' && value === 'True')) return;
    await clock.sleep(10);
  }
}

/** Logs are streams, which need HTTP: they are read over the port, as anybody else would. */
function logReader(kubeconfigPath: string): ReadLog {
  return async (pod, signal) => {
    const transport = createHttpTransport(readKubeconfig(kubeconfigPath));
    try {
      const text = await transport.request({
        method: 'GET',
        path: toPath(pods, pod.namespace, pod.name, 'log'),
        signal,
      });
      return typeof text === 'string' ? text : JSON.stringify(text);
    } finally {
      transport.close();
    }
  };
}

/** Whether a tenant, which listens on all addresses, could open the port now. */
function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port }, () => server.close(() => resolve(true)));
  });
}

async function startNode(
  { dataDir, program, env, clock, logger }: EmbeddedOptions,
  controlPlane: ControlPlane,
  pki: Awaited<ReturnType<typeof loadIdentity>>['pki'],
): Promise<PodRunner> {
  const nodeName =
    hostname()
      .toLowerCase()
      .replace(/[^a-z0-9.-]/g, '-') || 'local';
  const { address } = readMachine();
  const names = [nodeName, 'localhost', '127.0.0.1', ...(isIP(address) === 0 ? [] : [address])];
  const nowMs = clock.nowMs();
  const { chainPem, keyPem = '' } = issueCertificate(
    pki.server,
    { commonName: nodeName, organizations: [], usages: ['server'], names },
    { nowMs },
  );
  const client = controlPlane.clientFor(`system:node:${nodeName}`, ['system:nodes']);
  const events = createEventRecorder({
    client,
    component: 'kubelet',
    host: nodeName,
    clock,
    logger,
    signal: new AbortController().signal,
  });
  return await startPodRunner({
    client,
    // Secrets of pods are read, volumes made and claims served in the name of the machine's own administrator.
    provisioner: controlPlane.clientFor('system:admin', ['system:masters']),
    informers: controlPlane.informers,
    clock,
    logger,
    nodeName,
    folder: join(dataDir, 'node'),
    image: EMBEDDED_IMAGE,
    program,
    env,
    tls: { cert: chainPem, key: keyPem, clientCa: pki.client.certPem, allowedGroups: ['system:masters'] },
    event: (pod, type, reason, message) => events.event(referenceTo(pods, pod), type, reason, message),
  });
}
