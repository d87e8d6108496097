import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Deployment } from '../generated/api/apps/v1.ts';
import type { Job } from '../generated/api/batch/v1.ts';
import type { Node, PersistentVolumeClaim, Secret } from '../generated/api/core/v1.ts';
import { deployments, jobs, persistentvolumeclaims, secrets, services } from '../generated/resource-types.ts';
import {
  type KubeObject,
  keyOf,
  type ObjectKey,
  ownedBy,
  type ResourceType,
  toKeyText,
} from '../machinery/object/object.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { FakeTransport } from '../testing/fake-transport.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { FINALIZER, type VirtualCluster, virtualClusters } from './api/virtual-cluster.ts';
import { GatewayRoutes } from './gateway-routes.ts';
import type { HostCache } from './host.ts';
import { createKeySource } from './key-source.ts';
import { secretText, type TenantState, toSecretData } from './observed.ts';
import { Policies } from './policies/policies.ts';
import { VirtualClusterReconciler } from './reconciler.ts';
import { ReferencedSecrets } from './referenced-secrets.ts';

const at = (name: string) => ({ namespace: 'default', name });
const KEY = 'default/demo';
const ready: TenantState = { ready: true, nodes: { total: 0, ready: 0 }, kubelets: {} };
const node: Node = {
  metadata: { name: 'host' },
  spec: {},
  status: {
    addresses: [{ type: 'InternalIP', address: '192.0.2.1' }],
    conditions: [{ type: 'Ready', status: 'True' }],
  },
};

function cluster(uid: string, more: Partial<VirtualCluster['metadata']> = {}, spec: VirtualCluster['spec'] = {}) {
  const metadata = { ...at('demo'), uid, generation: 1, finalizers: [FINALIZER], ...more };
  return { metadata, spec } as VirtualCluster;
}

/** A host, and an operator whose cache may lag behind it. */
class Lab {
  readonly host = new FakeTransport();
  readonly clock = new ManualClock();
  readonly keys = createKeySource(this.clock);
  tenant: TenantState | undefined = ready;
  /** What the cache shows though it is different by now; undefined: it does not show it yet. */
  readonly stale = new Map<string, KubeObject | undefined>();
  readonly #reconciler: VirtualClusterReconciler;

  constructor() {
    this.host.serve(virtualClusters);
    const { client } = this.host;
    const cache: HostCache = {
      get: <T extends KubeObject>(type: ResourceType<T>, key: ObjectKey) => this.#seen(type, key),
      readyNodes: () => [node],
      podsOf: () => [],
      podsOfJob: () => [],
      backupsOf: () => [],
      joinTokensOf: () => [],
      jobsOf: () => [],
      clustersIn: () => [],
    };
    const { clock } = this;
    this.#reconciler = new VirtualClusterReconciler({
      client,
      cache,
      keys: this.keys,
      tenants: { clientOf: () => undefined, probe: async () => this.tenant, rotateToken: async () => {} },
      resolve: async () => [],
      referenced: new ReferencedSecrets(client, clock),
      policies: new Policies({ client, clock, informer: { list: () => [] }, clustersIn: () => [] }),
      routes: new GatewayRoutes(client, clock),
      readLog: async () => assert.fail('no log is read'),
      events: { event: () => {} },
      settings: {
        image: 'warren:2',
        imagePullPolicy: 'IfNotPresent',
        serverVersion: 'v1.36.2+warren1',
        agentVersion: 'v1.36.2+k3s1',
        nodePorts: { first: 30_000, last: 32_767 },
      },
      clock,
      logger: silentLogger,
    });
  }

  lag<T extends KubeObject>(type: ResourceType<T>, name: string, shown: T | undefined): void {
    this.stale.set(`${type.plural}/${toKeyText(at(name))}`, shown);
  }

  find<T extends KubeObject>(type: ResourceType<T>, name: string): T | undefined {
    return this.host.find(type, 'default', name);
  }

  async reconcile(): Promise<void> {
    await this.#reconciler.reconcile(KEY, new AbortController().signal);
  }

  /** What was asked of the host since, but for status. */
  writes(): string[] {
    const made = this.host.writes.splice(0).filter(({ path }) => !path.endsWith('/status'));
    return made.map(({ method, path }) => `${method} ${path.split('/').slice(-2).join('/')}`);
  }

  #seen<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): T | undefined {
    const id = `${type.plural}/${toKeyText(key)}`;
    return this.stale.has(id) ? (this.stale.get(id) as T | undefined) : this.host.find(type, key.namespace, key.name);
  }
}

function owned<T extends KubeObject>(object: T, owner: VirtualCluster): T {
  return { ...object, metadata: { ...object.metadata, ownerReferences: [ownedBy(owner, virtualClusters)] } };
}

describe('a tenant that has the name of one before', () => {
  it('is left alone by whoever still believes that the one before is being taken down', async () => {
    const lab = new Lab();
    const [before] = lab.host.put(virtualClusters, cluster('old', { deletionTimestamp: '2026-01-01T00:00:00Z' }));
    lab.host.remove(virtualClusters, 'default', 'demo');
    lab.host.put(virtualClusters, cluster('new'));
    lab.host.put(secrets, { metadata: at('demo-pki') }, { metadata: at('demo-token') });
    lab.host.put(deployments, { metadata: at('demo-server') } as Deployment);
    lab.host.put(persistentvolumeclaims, { metadata: at('demo-data'), spec: {} } as PersistentVolumeClaim);
    lab.lag(virtualClusters, 'demo', before);
    await lab.reconcile();
    assert.deepEqual(lab.writes(), []);
    assert.deepEqual(lab.find(virtualClusters, 'demo')?.metadata.finalizers, [FINALIZER]);
    assert.equal(lab.find(virtualClusters, 'demo')?.status, undefined);
  });

  it('gets keys and a password of its own, though the cache still shows those of the one before', async () => {
    const lab = new Lab();
    const old = cluster('old');
    const files = await lab.keys.newPki();
    const pki = owned({ metadata: at('demo-pki'), data: toSecretData(files) } as Secret, old);
    const full = `K10${lab.keys.caHash(files['server-ca.crt'] ?? '')}::server:earlier`;
    const token = owned({ metadata: at('demo-token'), data: toSecretData({ token: full }) } as Secret, old);
    lab.lag(secrets, 'demo-pki', pki);
    lab.lag(secrets, 'demo-token', token);
    lab.host.put(virtualClusters, cluster('new'));
    await lab.reconcile();
    const made = lab.find(secrets, 'demo-pki');
    assert.notEqual(secretText(made, 'server-ca.key'), files['server-ca.key']);
    assert.equal(made?.metadata.ownerReferences?.[0]?.uid, 'new');
    assert.doesNotMatch(secretText(lab.find(secrets, 'demo-token'), 'token') ?? '', /earlier/);
  });

  it('takes over what is still there, so that it does not go with an owner that is no more', async () => {
    const lab = new Lab();
    lab.host.put(virtualClusters, cluster('old'));
    await lab.reconcile();
    const key = secretText(lab.find(secrets, 'demo-pki'), 'server-ca.key');
    lab.host.remove(virtualClusters, undefined, 'demo');
    lab.host.remove(virtualClusters, 'default', 'demo');
    lab.host.put(virtualClusters, cluster('new'));
    await lab.reconcile();
    await lab.reconcile();
    assert.equal(secretText(lab.find(secrets, 'demo-pki'), 'server-ca.key'), key);
    const made: readonly KubeObject[] = [
      ...lab.host.all(secrets),
      ...lab.host.all(services),
      ...lab.host.all(deployments),
      ...lab.host.all(persistentvolumeclaims),
    ];
    assert.equal(made.length, 6);
    for (const { metadata } of made)
      assert.ok(
        metadata.ownerReferences?.some(({ uid }) => uid === 'new'),
        metadata.name ?? '',
      );
  });

  it('does not take the Job of a restore of the one before for its own', async () => {
    const lab = new Lab();
    const storage = { persistentVolumeClaim: { claimName: 'archive' } };
    const spec = { restoreFrom: { storage, key: 'k' } };
    lab.host.put(virtualClusters, cluster('new', {}, spec));
    await lab.reconcile();
    const [own] = lab.host.all(jobs);
    assert.equal(own?.metadata.ownerReferences?.[0]?.uid, 'new');
    const status = { conditions: [{ type: 'Complete', status: 'True' }], completionTime: '2026-01-01T00:00:00Z' };
    const earlier = owned({ ...(own as Job), status } as Job, cluster('old'));
    lab.host.remove(jobs, 'default', 'demo-restore');
    lab.host.put(jobs, earlier);
    lab.writes();
    await lab.reconcile();
    assert.deepEqual(
      lab.writes().filter((each) => each.includes('jobs/')),
      ['DELETE jobs/demo-restore'],
    );
  });
});

describe('a tenant that goes while it is made', () => {
  it('is not given a finalizer from an old state, which would hold it up', async () => {
    const lab = new Lab();
    const [shown] = lab.host.put(virtualClusters, cluster('a', { finalizers: [] }));
    lab.lag(virtualClusters, 'demo', shown);
    lab.host.put(
      virtualClusters,
      cluster('a', { finalizers: ['other/one'], deletionTimestamp: '2026-01-01T00:00:00Z' }),
    );
    await assert.rejects(lab.reconcile(), /conflict|modified/i);
    assert.deepEqual(lab.host.all(secrets), []);
  });

  it('goes with a server that the cache does not show yet', async () => {
    const lab = new Lab();
    lab.host.put(virtualClusters, cluster('a', { deletionTimestamp: '2026-01-01T00:00:00Z' }));
    lab.host.put(deployments, {
      metadata: { ...at('demo-server'), finalizers: ['foregroundDeletion'] },
    } as unknown as Deployment);
    lab.host.put(secrets, { metadata: at('demo-pki') });
    lab.lag(deployments, 'demo-server', undefined);
    await lab.reconcile();
    assert.deepEqual(lab.writes(), ['DELETE deployments/demo-server']);
    await lab.reconcile();
    assert.deepEqual(lab.writes(), [], 'its keys stay until its server is gone');
    assert.ok(lab.find(secrets, 'demo-pki'));
  });

  it('keeps finalizers of others that came meanwhile', async () => {
    const lab = new Lab();
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    const [shown] = lab.host.put(virtualClusters, cluster('a', { deletionTimestamp }));
    lab.lag(virtualClusters, 'demo', shown);
    lab.host.put(virtualClusters, cluster('a', { deletionTimestamp, finalizers: [FINALIZER, 'other/one'] }));
    await lab.reconcile();
    assert.deepEqual(lab.find(virtualClusters, 'demo')?.metadata.finalizers, ['other/one']);
  });
});

describe('a tenant of which everything is as wished', () => {
  it('costs the host no calls, until something changes', async () => {
    const lab = new Lab();
    lab.host.put(virtualClusters, cluster('a'));
    for (let round = 0; round < 3; round++) await lab.reconcile();
    const calls: string[] = [];
    for (const method of ['GET', 'PATCH', 'POST', 'DELETE'])
      lab.host.on(method, /./, ({ path }) => void calls.push(`${method} ${path}`));
    for (let round = 0; round < 3; round++) {
      lab.clock.advance(60_000);
      await lab.reconcile();
    }
    assert.equal(calls.join(), '');
    lab.host.remove(services, 'default', 'demo-server');
    await lab.reconcile();
    assert.ok(calls.includes('PATCH /api/v1/namespaces/default/services/demo-server'));
    const token = lab.find(secrets, 'demo-token') as Secret;
    lab.host.put(secrets, { ...token, data: { ...token.data, url: '' } });
    calls.length = 0;
    await lab.reconcile();
    assert.ok(calls.includes(`PATCH /api/v1/namespaces/default/secrets/${keyOf(token).name}`));
  });

  it('tells when the tenant stops to answer', async () => {
    const lab = new Lab();
    lab.host.put(virtualClusters, cluster('a'));
    for (let round = 0; round < 3; round++) await lab.reconcile();
    assert.equal(lab.find(virtualClusters, 'demo')?.status?.phase, 'Ready');
    lab.tenant = undefined;
    lab.clock.advance(60_000);
    await lab.reconcile();
    assert.equal(lab.find(virtualClusters, 'demo')?.status?.phase, 'Degraded');
  });
});

describe('an operator that comes in the middle of an upgrade', () => {
  it('goes on to its own image, and remembers the server that was ready last', async () => {
    const lab = new Lab();
    lab.host.put(virtualClusters, cluster('a'));
    await lab.reconcile();
    const made = lab.find(deployments, 'demo-server');
    const good = JSON.stringify({ image: 'warren:0', version: 'v1.36.0+warren1', args: ['server'] });
    const annotations = { ...made?.metadata.annotations, 'warren.dev/last-good': good };
    const spec = structuredClone(made?.spec);
    const [container] = spec?.template.spec?.containers ?? [];
    if (container !== undefined) container.image = 'warren:1';
    lab.host.put(deployments, {
      metadata: { ...made?.metadata, annotations, generation: 2 },
      spec,
      status: { observedGeneration: 2, replicas: 1, updatedReplicas: 1, readyReplicas: 0 },
    } as NonNullable<typeof made>);
    await lab.reconcile();
    const now = lab.find(deployments, 'demo-server');
    assert.equal(now?.spec?.template.spec?.containers[0]?.image, 'warren:2');
    assert.equal(now?.metadata.annotations?.['warren.dev/last-good'], good);
  });

  it('gives it another token once its server is ready, and not before', async () => {
    const lab = new Lab();
    lab.host.put(virtualClusters, cluster('a'));
    await lab.reconcile();
    const before = secretText(lab.find(secrets, 'demo-token'), 'token');
    lab.tenant = undefined;
    lab.clock.advance(60_000);
    const seen = lab.find(virtualClusters, 'demo') as VirtualCluster;
    const annotations = { 'warren.dev/rotate-token': '1' };
    lab.host.put(virtualClusters, { ...seen, metadata: { ...seen.metadata, annotations } });
    await lab.reconcile();
    assert.equal(secretText(lab.find(secrets, 'demo-token'), 'token'), before);
    lab.tenant = ready;
    lab.clock.advance(60_000);
    await lab.reconcile();
    assert.notEqual(secretText(lab.find(secrets, 'demo-token'), 'token'), before);
    assert.equal(lab.find(virtualClusters, 'demo')?.status?.tokenRotation, '1');
  });

  it('does not bring a token back from a state of the cache before its rotation', async () => {
    const lab = new Lab();
    const annotations = { 'warren.dev/rotate-token': '1' };
    lab.host.put(virtualClusters, cluster('a'));
    for (let round = 0; round < 2; round++) await lab.reconcile();
    const before = lab.find(secrets, 'demo-token') as Secret;
    const half = { ...before, data: { ...before.data, ...toSecretData({ 'next-password': 'later' }) } };
    const [begun] = lab.host.put(secrets, half);
    const seen = lab.find(virtualClusters, 'demo') as VirtualCluster;
    lab.host.put(virtualClusters, { ...seen, metadata: { ...seen.metadata, annotations } });
    await lab.reconcile();
    const after = secretText(lab.find(secrets, 'demo-token'), 'token');
    assert.match(after ?? '', /:later$/);
    lab.lag(secrets, 'demo-token', begun);
    const changed = lab.find(virtualClusters, 'demo') as VirtualCluster;
    lab.host.put(virtualClusters, { ...changed, spec: { tls: { extraSANs: ['other.example'] } } });
    await assert.rejects(lab.reconcile());
    assert.equal(secretText(lab.find(secrets, 'demo-token'), 'token'), after);
  });

  it('ends a rotation that was begun, though nobody wishes it any more', async () => {
    const lab = new Lab();
    lab.host.put(virtualClusters, cluster('a'));
    for (let round = 0; round < 2; round++) await lab.reconcile();
    const before = lab.find(secrets, 'demo-token') as Secret;
    lab.host.put(secrets, { ...before, data: { ...before.data, ...toSecretData({ 'next-password': 'later' }) } });
    lab.clock.advance(60_000);
    await lab.reconcile();
    const after = lab.find(secrets, 'demo-token');
    assert.match(secretText(after, 'token') ?? '', /:later$/);
    assert.equal(secretText(after, 'next-password'), undefined);
  });
});
