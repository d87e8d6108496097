import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client } from '../client/client.ts';
import { createEventRecorder } from '../client/events.ts';
import { Informers } from '../client/informers.ts';
import type { Deployment } from '../generated/api/apps/v1.ts';
import type { Node } from '../generated/api/core/v1.ts';
import {
  customresourcedefinitions,
  deployments,
  networkpolicies,
  nodes,
  persistentvolumeclaims,
  secrets,
  services,
} from '../generated/resource-types.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import type { KubeObject, ResourceType } from '../machinery/object/object.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { startMemoryServer, until } from '../testing/memory-server.ts';
import { virtualClusterCrd } from './api/schema.ts';
import { type VirtualCluster, type VirtualClusterSpec, virtualClusters } from './api/virtual-cluster.ts';
import { createKeySource } from './key-source.ts';
import type { TenantState } from './observed.ts';
import { runOperator } from './operator.ts';

/** The operator on a real API server in memory; tenants are said to be ready or not by the test. */
describe('the operator', () => {
  const stop = new AbortController();
  let client: Client;
  let running: Promise<unknown>;
  let tenant: TenantState | undefined;
  const at = (name: string) => ({ namespace: 'default', name });

  before(async () => {
    const server = await startMemoryServer(silentLogger, stop.signal);
    client = new Client(server.transportFor({ name: 'admin', groups: ['system:masters', 'system:authenticated'] }));
    await client.create(customresourcedefinitions, virtualClusterCrd());
    await until('the kind is served', async () => {
      const { status } = await client.get(customresourcedefinitions, { name: 'virtualclusters.warren.dev' });
      return status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') ?? false;
    });
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
    const base = { clock: systemClock, logger: silentLogger, signal: stop.signal };
    const informers = new Informers({ client, ...base });
    const operator = runOperator(
      {
        client,
        informers,
        events: createEventRecorder({ client, component: 'warren-operator', ...base }),
        keys: createKeySource(systemClock),
        probe: async () => tenant,
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
      stop.signal,
    );
    running = Promise.all([operator, informers.ended()]);
  });
  after(async () => {
    stop.abort();
    await running;
  });

  const create = (name: string, spec: VirtualClusterSpec = {}): Promise<VirtualCluster> =>
    client.create(virtualClusters, {
      apiVersion: 'warren.dev/v1alpha1',
      kind: 'VirtualCluster',
      metadata: { name, namespace: 'default' },
      spec,
    } as VirtualCluster);
  const get = (name: string): Promise<VirtualCluster> => client.get(virtualClusters, at(name));
  const condition = async (name: string, wanted: string) =>
    (await get(name)).status?.conditions?.find(({ type }) => type === wanted);

  async function exists<T extends KubeObject>(type: ResourceType<T>, name: string): Promise<boolean> {
    try {
      await client.get(type, at(name));
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async function serve(name: string): Promise<void> {
    await until('the server is wanted', () => exists(deployments, `${name}-server`));
    tenant = { ready: true, nodes: { total: 3, ready: 2 } };
    await until('the tenant is Ready', async () => (await get(name)).status?.phase === 'Ready');
  }

  it('makes everything that a tenant needs, and tells where it is', async () => {
    await create('demo');
    await serve('demo');
    const { status } = await get('demo');
    const service = await client.get(services, at('demo-server'));
    const [port] = service.spec?.ports ?? [];
    assert.equal(service.spec?.type, 'NodePort');
    assert.deepEqual([port?.port, port?.targetPort], [port?.nodePort, port?.nodePort]);
    assert.equal(status?.endpoint, `https://192.0.2.1:${port?.nodePort}`);
    assert.equal(status?.nodes?.summary, '2/3');
    assert.match(status?.caCertHash ?? '', /^[0-9a-f]{64}$/);
    for (const name of ['demo-pki', 'demo-token', 'demo-kubeconfig']) assert.ok(await exists(secrets, name), name);
    assert.ok(await exists(persistentvolumeclaims, 'demo-data'));
    assert.ok(await exists(networkpolicies, 'demo-server'));
  });

  it('gives the tenant a pod that a restricted namespace takes', async () => {
    const { spec } = await client.get(deployments, at('demo-server'));
    const pod = spec?.template.spec;
    const [container] = pod?.containers ?? [];
    assert.equal(pod?.automountServiceAccountToken, false);
    assert.equal(pod?.securityContext?.runAsNonRoot, true);
    assert.equal(pod?.securityContext?.seccompProfile?.type, 'RuntimeDefault');
    assert.equal(container?.securityContext?.allowPrivilegeEscalation, false);
    assert.equal(container?.securityContext?.readOnlyRootFilesystem, true);
    assert.deepEqual(container?.securityContext?.capabilities?.drop, ['ALL']);
  });

  it('brings back what somebody deletes or changes', async () => {
    const before = await client.get(services, at('demo-server'));
    await client.delete(services, at('demo-server'));
    await until('the service is back', () => exists(services, 'demo-server'));
    const again = await client.get(services, at('demo-server'));
    assert.equal(again.spec?.ports?.[0]?.nodePort, before.spec?.ports?.[0]?.nodePort, 'agents know the port');
    await client.patch(deployments, at('demo-server'), { spec: { replicas: 5 } }, { type: 'merge' });
    await until(
      'the replicas are back',
      async () => (await client.get(deployments, at('demo-server'))).spec?.replicas === 1,
    );
  });

  it('keeps keys and tokens through everything', async () => {
    const { data } = await client.get(secrets, at('demo-pki'));
    await client.patch(
      virtualClusters,
      at('demo'),
      { spec: { tls: { extraSANs: ['demo.example'] } } },
      { type: 'merge' },
    );
    await until(
      'the change is seen',
      async () => (await get('demo')).status?.observedGeneration === (await get('demo')).metadata.generation,
    );
    assert.equal((await client.get(secrets, at('demo-pki'))).data?.['server-ca.key'], data?.['server-ca.key']);
  });

  it('stops the server of a suspended tenant, keeps its data, and starts it again', async () => {
    const replicas = async () => (await client.get(deployments, at('demo-server'))).spec?.replicas;
    await client.patch(virtualClusters, at('demo'), { spec: { suspend: true } }, { type: 'merge' });
    await until('the tenant is suspended', async () => (await get('demo')).status?.phase === 'Suspended');
    assert.equal(await replicas(), 0);
    assert.ok(await exists(persistentvolumeclaims, 'demo-data'));
    await client.patch(virtualClusters, at('demo'), { spec: { suspend: false } }, { type: 'merge' });
    await until('the tenant is Ready', async () => (await get('demo')).status?.phase === 'Ready');
    assert.equal(await replicas(), 1);
  });

  it('tells that a tenant that was ready does not answer any more', async () => {
    tenant = undefined;
    await client.patch(virtualClusters, at('demo'), { metadata: { labels: { look: 'again' } } }, { type: 'merge' });
    await until('the tenant is degraded', async () => (await get('demo')).status?.phase === 'Degraded');
    assert.equal((await condition('demo', 'Ready'))?.status, 'False');
  });

  it('says what is wrong with a wish that it cannot fulfil, and goes on once it is mended', async () => {
    await create('old', { version: 'v1.20' });
    await until('the fault is told', async () => (await condition('old', 'Ready'))?.reason === 'VersionNotServed');
    assert.equal(await exists(deployments, 'old-server'), false);
    await client.patch(virtualClusters, at('old'), { spec: { version: 'v1.36' } }, { type: 'merge' });
    await serve('old');
  });

  it('gives two tenants that ask for one port each its own, or says that it is taken', async () => {
    const taken = (await client.get(services, at('demo-server'))).spec?.ports?.[0]?.nodePort ?? 0;
    await create('second', { exposure: { nodePort: { port: taken } } });
    await until('the fault is told', async () => (await condition('second', 'Ready'))?.status === 'False');
    assert.match((await condition('second', 'Ready'))?.message ?? '', new RegExp(String(taken)));
  });

  it('takes everything away with a tenant', async () => {
    await removeServerLater('old');
    await client.delete(virtualClusters, at('old'));
    await until('the tenant is gone', async () => !(await exists(virtualClusters, 'old')));
    for (const name of ['old-pki', 'old-token', 'old-kubeconfig'])
      assert.equal(await exists(secrets, name), false, name);
    assert.equal(await exists(services, 'old-server'), false);
  });

  it('leaves data and authority where they are to be retained', async () => {
    await client.patch(virtualClusters, at('demo'), { spec: { deletionPolicy: 'Retain' } }, { type: 'merge' });
    const { data } = await client.get(secrets, at('demo-pki'));
    await removeServerLater('demo');
    await client.delete(virtualClusters, at('demo'));
    await until('the tenant is gone', async () => !(await exists(virtualClusters, 'demo')));
    assert.ok(await exists(persistentvolumeclaims, 'demo-data'));
    await create('demo');
    await serve('demo');
    assert.deepEqual((await client.get(secrets, at('demo-pki'))).data?.['server-ca.crt'], data?.['server-ca.crt']);
  });

  /** Does what the garbage collector does with a Deployment that is deleted in the foreground. */
  async function removeServerLater(name: string): Promise<void> {
    void until('the server is being deleted', async () => {
      const found: Deployment = await client.get(deployments, at(`${name}-server`));
      if (found.metadata.deletionTimestamp === undefined) return false;
      await client.patch(deployments, at(`${name}-server`), { metadata: { finalizers: null } }, { type: 'merge' });
      return true;
    }).catch(() => {});
  }
});
