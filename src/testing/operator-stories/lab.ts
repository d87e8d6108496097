import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { Client } from '../../client/client.ts';
import { createEventRecorder } from '../../client/events.ts';
import { Informers } from '../../client/informers.ts';
import type { Deployment } from '../../generated/api/apps/v1.ts';
import type { Job } from '../../generated/api/batch/v1.ts';
import type { Node, Pod, Secret } from '../../generated/api/core/v1.ts';
import type { ClusterRole, ClusterRoleBinding } from '../../generated/api/rbac/v1.ts';
import {
  clusterrolebindings,
  clusterroles,
  customresourcedefinitions,
  deployments,
  jobs,
  nodes,
  pods as podType,
  serviceaccounts,
} from '../../generated/resource-types.ts';
import { isForbidden, isNotFound } from '../../machinery/errors/status-error.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import { allCrds } from '../../operator/api/crds.ts';
import { type VirtualCluster, type VirtualClusterSpec, virtualClusters } from '../../operator/api/virtual-cluster.ts';
import { createKeySource } from '../../operator/key-source.ts';
import type { TenantState } from '../../operator/observed.ts';
import { runOperator } from '../../operator/operator.ts';
import { systemClock } from '../../std/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { startMemoryServer, until } from '../memory-server.ts';
import { recordingTransport } from '../recording-transport.ts';

const roleFile = join(import.meta.dirname, '..', '..', '..', 'config', 'rbac', 'cluster-role.yaml');
export const mergeStatus = { type: 'merge', subresource: 'status' } as const;

/**
 * The operator on a real API server in memory, with no more rights than its role gives; tenants are said to be ready or
 * not by the test.
 */
export class OperatorLab {
  /** What every tenant says when it is asked. */
  tenant: TenantState | undefined;
  /** Calls that the operator has made, as RBAC rules name them. */
  readonly used = new Set<string>();
  /** Logs by the names of pods. */
  readonly logs = new Map<string, string>();
  readonly rotations: { from: string; to: string }[] = [];
  readonly role: ClusterRole;
  readonly #binding: ClusterRoleBinding;
  readonly #stop = new AbortController();
  #client: Client | undefined;
  #running: Promise<unknown> | undefined;

  constructor() {
    const documents = parseAllDocuments(readFileSync(roleFile, 'utf8')).map((each) => each.toJS());
    [this.role, this.#binding] = documents as [ClusterRole, ClusterRoleBinding];
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The administrator of the host. */
  get client(): Client {
    assert.ok(this.#client !== undefined, 'the lab is open');
    return this.#client;
  }

  async open(): Promise<void> {
    const server = await startMemoryServer(silentLogger, this.signal);
    const client = new Client(
      server.transportFor({ name: 'admin', groups: ['system:masters', 'system:authenticated'] }),
    );
    this.#client = client;
    for (const crd of allCrds()) {
      await client.create(customresourcedefinitions, crd);
      await until('the kind is served', async () => {
        const { status } = await client.get(customresourcedefinitions, { name: crd.metadata.name ?? '' });
        return status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') ?? false;
      });
    }
    await client.create(nodes, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'host-1' },
      status: {
        addresses: [
          { type: 'InternalIP', address: '10.0.0.1' },
          { type: 'ExternalIP', address: '192.0.2.1' },
        ],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    } as Node);
    await client.create(serviceaccounts, { metadata: this.at('default') });
    const base = { clock: systemClock, logger: silentLogger, signal: this.signal };
    await client.create(clusterroles, this.role);
    await client.create(clusterrolebindings, this.#binding);
    const operatorClient = new Client(
      recordingTransport(
        server.transportFor({
          name: 'system:serviceaccount:warren-system:warren-operator',
          groups: ['system:serviceaccounts', 'system:serviceaccounts:warren-system', 'system:authenticated'],
        }),
        this.used,
      ),
    );
    const informers = new Informers({ client: operatorClient, ...base });
    const operator = runOperator(
      {
        client: operatorClient,
        informers,
        events: createEventRecorder({ client: operatorClient, component: 'warren-operator', ...base }),
        keys: createKeySource(systemClock),
        tenants: {
          // The host stands for its tenants' own APIs, too.
          clientOf: () => client,
          probe: async () => this.tenant,
          rotateToken: async (_observed, passwords) => void this.rotations.push(passwords),
        },
        resolve: async (name) => (name === 'lb.example' ? ['198.51.100.7'] : []),
        readLog: async (pod) => {
          // A log is a stream, which this server without a port cannot give; but whether it may be read, it says.
          await operatorClient
            .get(podType, pod, { subresource: 'log' })
            .catch((error) => assert.ok(!isForbidden(error), 'logs may be read'));
          return this.logs.get(pod.name) ?? '';
        },
        settings: {
          image: 'warren:test',
          imagePullPolicy: 'IfNotPresent',
          serverVersion: 'v1.36.2+warren1',
          agentVersion: 'v1.36.2+k3s1',
          nodePorts: { first: 30000, last: 32767 },
        },
        watchNamespaces: [],
        clock: systemClock,
        logger: silentLogger,
      },
      this.signal,
    );
    this.#running = Promise.all([operator, informers.ended()]);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  readonly at = (name: string) => ({ namespace: 'default', name });

  readonly create = (name: string, spec: VirtualClusterSpec = {}): Promise<VirtualCluster> =>
    this.client.create(virtualClusters, {
      apiVersion: 'warren.dev/v1alpha1',
      kind: 'VirtualCluster',
      metadata: { name, namespace: 'default' },
      spec,
    } as VirtualCluster);

  readonly get = (name: string): Promise<VirtualCluster> => this.client.get(virtualClusters, this.at(name));

  readonly condition = async (name: string, wanted: string) =>
    (await this.get(name)).status?.conditions?.find(({ type }) => type === wanted);

  readonly exists = async <T extends KubeObject>(type: ResourceType<T>, name: string): Promise<boolean> => {
    try {
      await this.client.get(type, this.at(name));
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  };

  readonly serve = async (name: string): Promise<void> => {
    await until('the server is wanted', () => this.exists(deployments, `${name}-server`));
    this.tenant = { ready: true, nodes: { total: 3, ready: 2 }, kubelets: { a: 'v1.36.1+k3s1', b: 'v1.32.0+k3s1' } };
    await until('the tenant is Ready', async () => (await this.get(name)).status?.phase === 'Ready');
  };

  readonly theJob = async (labelSelector: string): Promise<readonly Job[]> => {
    const list = async () => (await this.client.list(jobs, { namespace: 'default', labelSelector })).items;
    await until('the Job is there', async () => (await list()).length > 0);
    return await list();
  };

  /** Does what the host does with a Job whose pod has ended well. */
  readonly finish = async (job: Job | undefined, result: object): Promise<void> => {
    const name = job?.metadata.name ?? '';
    const labels = { ...job?.spec?.template.metadata?.labels, 'batch.kubernetes.io/job-name': name };
    this.logs.set(`${name}-pod`, `began\nresult: ${JSON.stringify(result)}\n`);
    const spec = { containers: [{ name: 'job', image: 'warren:test' }] };
    await this.client.create(podType, { metadata: { ...this.at(`${name}-pod`), labels }, spec } as Pod);
    await this.client.patch(podType, this.at(`${name}-pod`), { status: { phase: 'Succeeded' } }, mergeStatus);
    const startTime = new Date().toISOString().replace(/\.\d+/, '');
    const conditions = ['SuccessCriteriaMet', 'Complete'].map((type) => ({ type, status: 'True' }));
    const status = { startTime, completionTime: startTime, succeeded: 1, conditions };
    await this.client.patch(jobs, this.at(name), { status }, mergeStatus);
  };

  readonly fail = async (job: Job | undefined, message: string): Promise<void> => {
    const startTime = new Date().toISOString().replace(/\.\d+/, '');
    const conditions = ['FailureTarget', 'Failed'].map((type) => ({ type, status: 'True', reason: 'Failed', message }));
    await this.client.patch(
      jobs,
      this.at(job?.metadata.name ?? ''),
      { status: { startTime, conditions } },
      mergeStatus,
    );
  };

  /** Does what the garbage collector does with a Deployment that is deleted in the foreground. */
  readonly removeServerLater = async (name: string): Promise<void> => {
    void until('the server is being deleted', async () => {
      const found: Deployment = await this.client.get(deployments, this.at(`${name}-server`));
      if (found.metadata.deletionTimestamp === undefined) return false;
      await this.client.patch(
        deployments,
        this.at(`${name}-server`),
        { metadata: { finalizers: null } },
        { type: 'merge' },
      );
      return true;
    }).catch(() => {});
  };
}

/** One key of a Secret. */
export function text({ data }: Secret, key: string): string {
  return Buffer.from(data?.[key] ?? '', 'base64').toString('utf8');
}
