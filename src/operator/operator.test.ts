import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { Client } from '../client/client.ts';
import { createEventRecorder } from '../client/events.ts';
import { Informers } from '../client/informers.ts';
import type { CustomResourceDefinition } from '../generated/api/apiextensions/v1.ts';
import type { Deployment } from '../generated/api/apps/v1.ts';
import type { Job } from '../generated/api/batch/v1.ts';
import type { Node, Pod, Secret, Service } from '../generated/api/core/v1.ts';
import type { ClusterRole, ClusterRoleBinding } from '../generated/api/rbac/v1.ts';
import {
  clusterrolebindings,
  clusterroles,
  customresourcedefinitions,
  deployments,
  ingresses,
  jobs,
  networkpolicies,
  nodes,
  persistentvolumeclaims,
  poddisruptionbudgets,
  pods as podType,
  secrets,
  serviceaccounts,
  services,
} from '../generated/resource-types.ts';
import { isForbidden, isNotFound } from '../machinery/errors/status-error.ts';
import type { AnyObject, KubeObject, ResourceType } from '../machinery/object/object.ts';
import { sealIdentity } from '../pki/sealed-identity.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { startMemoryServer, until } from '../testing/memory-server.ts';
import { recordingTransport } from '../testing/recording-transport.ts';
import { allCrds } from './api/crds.ts';
import { type JoinToken, joinTokens } from './api/join-token.ts';
import {
  ROTATE_CA,
  ROTATE_TOKEN,
  type VirtualCluster,
  type VirtualClusterSpec,
  virtualClusters,
  withDefaults,
} from './api/virtual-cluster.ts';
import { BACKUP_NOW, type VirtualClusterBackup, virtualClusterBackups } from './api/virtual-cluster-backup.ts';
import { type VirtualClusterPolicy, virtualClusterPolicies } from './api/virtual-cluster-policy.ts';
import { GatewayRoutes, tlsRoutes } from './gateway-routes.ts';
import { createKeySource } from './key-source.ts';
import type { TenantState } from './observed.ts';
import { runOperator } from './operator.ts';
import { publicationStep } from './steps/publication.ts';

const roleFile = join(import.meta.dirname, '..', '..', 'config', 'rbac', 'cluster-role.yaml');
/** Granted, though the story does not need it on a server without the admission plugin that asks for it. */
const BESIDES = [
  // Only where the host has the Gateway API from the beginning.
  ...['create', 'patch', 'delete'].map((verb) => `tlsroutes.gateway.networking.k8s.io ${verb}`),

  'virtualclusters.warren.dev/finalizers update',
  'virtualclusterbackups.warren.dev/finalizers update',
  'jointokens.warren.dev/finalizers update',
];
const mergeStatus = { type: 'merge', subresource: 'status' } as const;

/**
 * The operator on a real API server in memory, with no more rights than its role gives; tenants are said to be ready or
 * not by the test.
 */
describe('the operator', () => {
  const stop = new AbortController();
  let client: Client;
  let running: Promise<unknown>;
  let tenant: TenantState | undefined;
  const used = new Set<string>();
  const logs = new Map<string, string>();
  const rotations: { from: string; to: string }[] = [];
  const [role, binding] = parseAllDocuments(readFileSync(roleFile, 'utf8')).map((each) => each.toJS()) as [
    ClusterRole,
    ClusterRoleBinding,
  ];
  const at = (name: string) => ({ namespace: 'default', name });

  before(async () => {
    const server = await startMemoryServer(silentLogger, stop.signal);
    client = new Client(server.transportFor({ name: 'admin', groups: ['system:masters', 'system:authenticated'] }));
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
    await client.create(serviceaccounts, { metadata: at('default') });
    const base = { clock: systemClock, logger: silentLogger, signal: stop.signal };
    await client.create(clusterroles, role);
    await client.create(clusterrolebindings, binding);
    const operatorClient = new Client(
      recordingTransport(
        server.transportFor({
          name: 'system:serviceaccount:warren-system:warren-operator',
          groups: ['system:serviceaccounts', 'system:serviceaccounts:warren-system', 'system:authenticated'],
        }),
        used,
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
          probe: async () => tenant,
          rotateToken: async (_observed, passwords) => void rotations.push(passwords),
        },
        resolve: async (name) => (name === 'lb.example' ? ['198.51.100.7'] : []),
        readLog: async (pod) => {
          // A log is a stream, which this server without a port cannot give; but whether it may be read, it says.
          await operatorClient
            .get(podType, pod, { subresource: 'log' })
            .catch((error) => assert.ok(!isForbidden(error), 'logs may be read'));
          return logs.get(pod.name) ?? '';
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
    tenant = { ready: true, nodes: { total: 3, ready: 2 }, kubelets: { a: 'v1.36.1+k3s1', b: 'v1.32.0+k3s1' } };
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

  it('warns of machines whose version is too far from the server', async () => {
    const { status, reason, message } = (await condition('old', 'UpToDate')) ?? {};
    assert.deepEqual([status, reason], ['False', 'NodeVersionSkew']);
    assert.equal(
      message,
      'node b runs v1.32.0+k3s1, which is more than 3 minor versions older than the server (v1.36.2+warren1): upgrade k3s there',
    );
    assert.equal((await condition('old', 'Ready'))?.status, 'True', 'it serves all the same');
  });

  it('follows the nodes of the host without a restart of the server', async () => {
    const files = async () => JSON.parse(text(await client.get(secrets, at('old-token')), 'endpoint.json'));
    const template = async () => (await client.get(deployments, at('old-server'))).spec?.template;
    const before = await template();
    await client.create(nodes, {
      metadata: { name: 'host-0' },
      status: {
        addresses: [{ type: 'ExternalIP', address: '192.0.2.9' }],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    } as Node);
    await until('both are told', async () => (await files()).addresses.join() === '192.0.2.9,192.0.2.1');
    await client.delete(nodes, { name: 'host-0' });
    await until('one is told', async () => (await files()).addresses.join() === '192.0.2.1');
    assert.ok((await files()).names.includes('192.0.2.9'), 'machines may have joined by it');
    assert.deepEqual(await template(), before);
    await until('the endpoint is the old one', async () =>
      /192\.0\.2\.1:/.test((await get('old')).status?.endpoint ?? ''),
    );
  });

  it('gives the tenant another way in, and keeps the earlier one until it is there', async () => {
    const spec = { exposure: { type: 'LoadBalancer', allowedCIDRs: ['203.0.113.0/24'] } };
    const service = (): Promise<Service> => client.get(services, at('old-server'));
    const { ports } = (await service()).spec ?? {};
    await client.patch(virtualClusters, at('old'), { spec }, { type: 'merge' });
    await until(
      'the balancer is awaited',
      async () => (await condition('old', 'EndpointReachable'))?.reason === 'EarlierAddress',
    );
    const changed = (await service()).spec;
    assert.deepEqual(changed?.loadBalancerSourceRanges, ['203.0.113.0/24']);
    assert.equal(changed?.externalTrafficPolicy, 'Local');
    assert.equal(changed?.ports?.[0]?.nodePort, ports?.[0]?.nodePort, 'machines that joined by nodes stay');
    const policy = await client.get(networkpolicies, at('old-server'));
    assert.deepEqual(policy.spec?.ingress?.[0]?.from, [
      { ipBlock: { cidr: '203.0.113.0/24' } },
      { podSelector: { matchLabels: { 'warren.dev/works-for': 'old' } } },
    ]);
    const ingress = [{ hostname: 'lb.example' }];
    await client.patch(
      services,
      at('old-server'),
      { status: { loadBalancer: { ingress } } },
      { type: 'merge', subresource: 'status' },
    );
    await until('the endpoint is the balancer', async () =>
      /lb\.example/.test((await get('old')).status?.endpoint ?? ''),
    );
    const { addresses, names } = JSON.parse(text(await client.get(secrets, at('old-token')), 'endpoint.json'));
    assert.deepEqual(addresses, ['198.51.100.7']);
    assert.ok(names.includes('lb.example') && names.includes('192.0.2.1'));
    assert.match(
      text(await client.get(secrets, at('old-kubeconfig')), 'kubeconfig.yaml'),
      /server: https:\/\/lb\.example:/,
    );
  });

  it('rotates the token once for each value of the annotation', async () => {
    const token = async () => text(await client.get(secrets, at('old-token')), 'token');
    const before = await token();
    await client.patch(
      virtualClusters,
      at('old'),
      { metadata: { annotations: { [ROTATE_TOKEN]: '1' } } },
      { type: 'merge' },
    );
    await until('it is done', async () => (await get('old')).status?.tokenRotation === '1');
    const [first] = rotations;
    assert.equal(before.endsWith(`:${first?.from}`), true);
    assert.equal(await token(), before.replace(first?.from ?? '', first?.to ?? ''));
    assert.match(text(await client.get(secrets, at('old-token')), 'join.sh'), new RegExp(first?.to ?? 'none'));
    assert.equal(rotations.length, 1);
  });

  it('gives the tenant new authorities once for each value of the annotation', async () => {
    const read = async () => text(await client.get(secrets, at('old-pki')), 'server-ca.crt');
    const [before, template] = [await read(), (await client.get(deployments, at('old-server'))).spec?.template];
    await client.patch(
      virtualClusters,
      at('old'),
      { metadata: { annotations: { [ROTATE_CA]: '1' } } },
      { type: 'merge' },
    );
    await until('it is done', async () => (await get('old')).status?.caRotation === '1');
    const after = await read();
    assert.ok(after !== before && after.endsWith(before), 'those of before stay trusted');
    const { status } = await get('old');
    assert.match(text(await client.get(secrets, at('old-token')), 'token'), new RegExp(`^K10${status?.caCertHash}::`));
    const kubeconfig = text(await client.get(secrets, at('old-kubeconfig')), 'kubeconfig.yaml');
    assert.ok(kubeconfig.includes(Buffer.from(after).toString('base64')));
    const replaced = (await client.get(deployments, at('old-server'))).spec?.template;
    assert.notDeepEqual(replaced?.metadata?.annotations, template?.metadata?.annotations, 'the server starts anew');
    await client.patch(virtualClusters, at('old'), { metadata: { labels: { look: 'ca' } } }, { type: 'merge' });
    assert.equal(await read(), after);
  });

  it('leads users to a tenant by a name, through an Ingress or a Gateway, and takes both back', async () => {
    const change = (exposure: object) =>
      client.patch(virtualClusters, at('old'), { spec: { exposure } }, { type: 'merge' });
    await change({
      ingress: { host: 'old.example.com', className: 'nginx', annotations: { own: 'yes' } },
      gateway: { host: 'old.example.com', parentRefs: [{ name: 'edge', namespace: 'gateways', sectionName: 'tls' }] },
    });
    await until(
      'the missing API is told',
      async () => (await condition('old', 'Published'))?.reason === 'GatewayApiMissing',
    );
    assert.equal((await get('old')).status?.phase, 'Ready', 'it serves all the same');
    const ingress = await client.get(ingresses, at('old-server'));
    assert.equal(ingress.metadata.annotations?.['nginx.ingress.kubernetes.io/ssl-passthrough'], 'true');
    assert.equal(ingress.metadata.annotations?.['own'], 'yes');
    const port = (await client.get(services, at('old-server'))).spec?.ports?.[0]?.port;
    const [rule] = ingress.spec?.rules ?? [];
    assert.deepEqual([rule?.host, rule?.http?.paths[0]?.backend.service?.port?.number], ['old.example.com', port]);
    assert.ok(
      JSON.parse(text(await client.get(secrets, at('old-token')), 'endpoint.json')).names.includes('old.example.com'),
    );
    const kubeconfig = async () => text(await client.get(secrets, at('old-kubeconfig')), 'kubeconfig.yaml');
    assert.match(await kubeconfig(), /server: https:\/\/old\.example\.com\n/);
    assert.match((await get('old')).status?.endpoint ?? '', /lb\.example:/, 'machines come as before');
    await client.delete(ingresses, at('old-server'));
    await until('it is back', () => exists(ingresses, 'old-server'));
    await change({ ingress: null, gateway: null });
    await until('it is gone', async () => !(await exists(ingresses, 'old-server')));
    await until('users come as machines', async () => /lb\.example:/.test(await kubeconfig()));
  });

  it('makes a TLSRoute in the version that the host has', async () => {
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    await client.create(customresourcedefinitions, {
      metadata: {
        name: 'tlsroutes.gateway.networking.k8s.io',
        annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/gateway-api' },
      },
      spec: {
        group: 'gateway.networking.k8s.io',
        scope: 'Namespaced',
        names: { kind: 'TLSRoute', listKind: 'TLSRouteList', plural: 'tlsroutes', singular: 'tlsroute' },
        versions: [{ name: 'v1alpha3', served: true, storage: true, schema }],
      },
    } as CustomResourceDefinition);
    const type = tlsRoutes('v1alpha3') as ResourceType<AnyObject>;
    await until('the kind is served', () =>
      client.list(type, { namespace: 'default' }).then(
        () => true,
        () => false,
      ),
    );
    const gateway = { host: 'second.example.com', parentRefs: [{ name: 'edge' }] };
    const routes = new GatewayRoutes(client, systemClock);
    assert.equal((await routes.read(at('demo-server'), stop.signal)).version, 'v1alpha3');
    await client.patch(
      virtualClusters,
      at('second'),
      { spec: { exposure: { nodePort: null, gateway } } },
      { type: 'merge' },
    );
    // The operator looks for the kind once a minute, and has just looked.
    const observed = {
      cluster: await get('second'),
      spec: withDefaults((await get('second')).spec),
      routeVersion: 'v1alpha3',
    };
    const service = { spec: { ports: [{ port: 30_000 }] } };
    const outcome = await publicationStep.plan({ ...observed, service } as never, {} as never);
    const [wanted] = outcome.kind === 'want' ? outcome.objects : [];
    await client.patch(type, at('second-server'), wanted?.object, { type: 'apply', fieldManager: 'test' });
    const { route } = await routes.read(at('second-server'), stop.signal);
    assert.deepEqual(route?.['spec'], {
      parentRefs: [{ name: 'edge' }],
      hostnames: ['second.example.com'],
      rules: [{ backendRefs: [{ name: 'second-server', port: 30_000 }] }],
    });
  });

  it('waits for the Secret of a database, says what it lacks, and starts replicas apart from each other', async () => {
    const reason = async () => (await condition('big', 'DatastoreReady'))?.reason;
    await create('big', { replicas: 2, datastore: { type: 'PostgreSQL', secretRef: { name: 'dsn' } } });
    await until('the Secret is missed', async () => (await reason()) === 'SecretMissing');
    const secret = { metadata: { name: 'dsn', namespace: 'default' }, stringData: { other: 'x' } } as Secret;
    await client.create(secrets, secret);
    const look = (label: string) =>
      client.patch(virtualClusters, at('big'), { metadata: { labels: { look: label } } }, { type: 'merge' });
    await look('1');
    await until('the key is missed', async () => (await reason()) === 'SecretKeyMissing');
    const endpoint = 'postgres://warren:very-secret@db.example:6432/tenant';
    await client.patch(secrets, at('dsn'), { stringData: { endpoint, 'ca.crt': 'PEM' } }, { type: 'merge' });
    await look('2');
    await serve('big');
    const { spec } = await client.get(deployments, at('big-server'));
    const pod = spec?.template.spec;
    const [container] = pod?.containers ?? [];
    assert.deepEqual(spec?.strategy, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } });
    assert.equal(spec?.replicas, 2);
    assert.ok(pod?.affinity?.podAntiAffinity && pod.topologySpreadConstraints?.length === 1);
    assert.deepEqual(container?.env?.[0], {
      name: 'WARREN_DATASTORE_ENDPOINT',
      valueFrom: { secretKeyRef: { name: 'dsn', key: 'endpoint' } },
    });
    assert.ok(container?.args?.includes('--datastore-cafile=/etc/warren/datastore/ca.crt'));
    assert.equal(await exists(persistentvolumeclaims, 'big-data'), false);
    const { egress } = (await client.get(networkpolicies, at('big-server'))).spec ?? {};
    assert.deepEqual(egress?.[1]?.ports, [{ protocol: 'TCP', port: 6432 }]);
    const budget = await client.get(poddisruptionbudgets, at('big-server'));
    assert.equal(budget.spec?.maxUnavailable, 1);
    assert.doesNotMatch(JSON.stringify([spec, await get('big')]), /very-secret/);
  });

  it('takes the disruption budget away from a single replica, which would hold up drains', async () => {
    await client.patch(virtualClusters, at('big'), { spec: { replicas: 1 } }, { type: 'merge' });
    await until('it is gone', async () => !(await exists(poddisruptionbudgets, 'big-server')));
  });

  it('leaves a tenant that asks for another version where it is', async () => {
    await client.patch(virtualClusters, at('big'), { spec: { version: 'v1.37' } }, { type: 'merge' });
    await until('it is told', async () => (await condition('big', 'UpToDate'))?.reason === 'VersionNotServed');
    assert.equal((await get('big')).status?.phase, 'Ready');
    await client.patch(virtualClusters, at('big'), { spec: { version: 'v1.36' } }, { type: 'merge' });
  });

  it('goes back to the server that was ready last where the new one does not turn ready', async () => {
    const good = { image: 'warren:before', version: 'v1.36.1+warren1', args: ['server', '--known'] };
    const annotations = { 'warren.dev/last-good': JSON.stringify(good) };
    await client.patch(deployments, at('old-server'), { metadata: { annotations } }, { type: 'merge' });
    const conditions = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }];
    const merge = { type: 'merge', subresource: 'status' } as const;
    await client.patch(deployments, at('old-server'), { status: { conditions } }, merge);
    await until('it is told', async () => (await condition('old', 'UpToDate'))?.reason === 'RolledBack');
    const [container] = (await client.get(deployments, at('old-server'))).spec?.template.spec?.containers ?? [];
    assert.deepEqual([container?.image, container?.args], [good.image, good.args]);
    await until('the version is told', async () => (await get('old')).status?.version === good.version);
    await client.patch(deployments, at('old-server'), { status: { conditions: [] } }, merge);
    await client.patch(virtualClusters, at('old'), { metadata: { labels: { look: 'again' } } }, { type: 'merge' });
    assert.equal((await condition('old', 'UpToDate'))?.reason, 'RolledBack', 'until there is another image');
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

  it('makes a backup by a Job, and tells what the storage holds', async () => {
    const storage = {
      s3: { endpoint: 'https://s3.example', bucket: 'warren', credentialsSecretRef: { name: 's3' } },
    };
    const backup = { virtualClusterName: 'demo', retention: { keepLast: 3, maxAge: '30d' }, storage };
    await client.create(virtualClusterBackups, {
      metadata: at('once'),
      spec: backup,
    } as VirtualClusterBackup);
    const healthy = async () => (await client.get(virtualClusterBackups, at('once'))).status?.conditions?.[0];
    await until('the credentials are missed', async () => (await healthy())?.reason === 'CredentialsMissing');
    const stringData = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'very-secret' };
    await client.create(secrets, { metadata: at('s3'), stringData } as Secret);
    await client.patch(virtualClusterBackups, at('once'), { metadata: { labels: { look: '1' } } }, { type: 'merge' });
    const [job] = await theJob('warren.dev/backup=once');
    const [container] = job?.spec?.template.spec?.containers ?? [];
    const key = container?.args?.find((arg) => arg.startsWith('--key='))?.slice('--key='.length) ?? '';
    assert.match(key, /^default\/demo\/once\/\d{8}T\d{6}Z\.backup$/);
    assert.ok(container?.args?.includes('--keep-last=3') && container.args.includes('--max-age-seconds=2592000'));
    assert.doesNotMatch(JSON.stringify(job), /very-secret/);
    assert.equal(job?.spec?.template.metadata?.labels?.['warren.dev/virtualcluster'], undefined, 'it serves nobody');
    await finish(job, { key, bytes: 5, sha256: 'f'.repeat(64), durationMs: 1500, kept: [{ key, bytes: 5 }] });
    await until('the backup is told', async () => {
      const { status } = await client.get(virtualClusterBackups, at('once'));
      return status?.phase === 'Completed' && status.lastBackup?.key === key && status.count === 1;
    });
    await until('the tenant tells of it', async () => (await condition('demo', 'BackupHealthy'))?.status === 'True');
    await until('nothing is left', async () => !(await exists(secrets, 'once-backup-access')));
  });

  it('makes the claim that a backup asks for', async () => {
    const storage = { persistentVolumeClaim: { size: '5Gi' } };
    const spec = { virtualClusterName: 'demo', schedule: '@yearly', storage };
    const metadata = { ...at('yearly'), annotations: { [BACKUP_NOW]: '1' } };
    await client.create(virtualClusterBackups, { metadata, spec } as VirtualClusterBackup);
    const [job] = await theJob('warren.dev/backup=yearly');
    assert.ok(await exists(persistentvolumeclaims, 'yearly-backups'));
    await fail(job, 'too often');
    const read = () => client.get(virtualClusterBackups, at('yearly'));
    await until('the fault is told', async () => (await read()).status?.phase === 'Failed');
    const { status } = await read();
    assert.deepEqual([status?.lastFailure?.message, status?.triggered], ['too often', '1']);
    assert.ok(Date.parse(status?.nextScheduleTime ?? '') > Date.now());
    await until('the tenant tells of it', async () => (await condition('demo', 'BackupHealthy'))?.status === 'False');
    await client.delete(virtualClusterBackups, at('yearly'));
    await until('it is over', async () => (await condition('demo', 'BackupHealthy'))?.status === 'True');
  });

  it('makes a tenant from a backup, with its authorities and its token', async () => {
    const files = await createKeySource(systemClock).newPki();
    await create('back', { restoreFrom: { backupName: 'none' } });
    await until('the backup is missed', async () => (await condition('back', 'Ready'))?.reason === 'BackupMissing');
    await client.patch(
      virtualClusters,
      at('back'),
      { spec: { restoreFrom: { backupName: 'once' } } },
      { type: 'merge' },
    );
    const [job] = await theJob('warren.dev/works-for=back');
    assert.ok(job?.spec?.template.spec?.containers[0]?.args?.includes('--from=default/demo/once/'));
    assert.equal(await exists(deployments, 'back-server'), false, 'it would make a tenant of its own');
    const seal = text(await client.get(secrets, at('back-restore')), 'key');
    const token = `K10${'0'.repeat(64)}::server:abc`;
    await finish(job, { key: 'k', identity: sealIdentity({ files, token }, seal) });
    await serve('back');
    assert.equal(text(await client.get(secrets, at('back-pki')), 'server-ca.key'), files['server-ca.key']);
    assert.match(text(await client.get(secrets, at('back-token')), 'token'), /::server:abc$/);
    assert.equal((await get('back')).status?.restoredFrom, 'k');
    await until('nothing is left', async () => !(await exists(secrets, 'back-restore')));
  });

  it('stops a tenant that takes the state of a backup, and leaves it so where that fails', async () => {
    const replicas = async () => (await client.get(deployments, at('back-server'))).spec?.replicas;
    const restoreFrom = { backupName: 'once', key: 'other' };
    await client.patch(virtualClusters, at('back'), { spec: { restoreFrom } }, { type: 'merge' });
    const [job] = await theJob('warren.dev/works-for=back');
    assert.equal(await replicas(), 0);
    await fail(job, 'no such key');
    await until('the fault is told', async () => (await condition('back', 'Ready'))?.reason === 'RestoreFailed');
    assert.match((await condition('back', 'Ready'))?.message ?? '', /^no such key; delete Job back-restore to try/);
    assert.equal(await replicas(), 0);
  });

  it('makes a token good in its tenant, tells who came with it, and takes it back', async () => {
    const inTenant = (id: string) => ({ namespace: 'kube-system', name: `bootstrap-token-${id}` });
    const read = async () => await client.get(joinTokens, at('edge'));
    const phase = async () => (await read()).status?.phase;
    const nodeTaints = [{ key: 'edge', effect: 'NoSchedule' as const }];
    const spec = { virtualClusterName: 'demo', ttl: '2h', maxUses: 2, nodeLabels: { place: 'attic' }, nodeTaints };
    await client.create(joinTokens, { metadata: at('edge'), spec } as JoinToken);
    await until('it is good', async () => (await phase()) === 'Active');
    const { status, metadata } = await read();
    const id = status?.tokenID ?? '';
    const made = await client.get(secrets, inTenant(id));
    assert.equal(text(made, 'auth-extra-groups'), 'system:bootstrappers:warren:join-token');
    assert.equal(Date.parse(text(made, 'expiration')) - Date.parse(metadata.creationTimestamp ?? ''), 2 * 3600_000);
    assert.deepEqual(JSON.parse(made.metadata.annotations?.['warren.dev/join-limits'] ?? ''), {
      maxUses: 2,
      labels: { place: 'attic' },
      taints: nodeTaints,
    });
    const own = await client.get(secrets, at('edge-join-token'));
    const { caCertHash } = (await get('demo')).status ?? {};
    assert.equal(text(own, 'token'), `K10${caCertHash}::${id}.${text(made, 'token-secret')}`);
    assert.match(text(own, 'join.sh'), new RegExp(`K3S_TOKEN='K10${caCertHash}::${id}\\.`));

    const annotations = { 'warren.dev/used-by': '["a","b"]' };
    await client.patch(secrets, inTenant(id), { metadata: { annotations } }, { type: 'merge' });
    await client.patch(joinTokens, at('edge'), { metadata: { labels: { look: '1' } } }, { type: 'merge' });
    await until('it is used up', async () => (await phase()) === 'Exhausted');
    assert.deepEqual([(await read()).status?.usedBy, (await read()).status?.uses], [['a', 'b'], '2/2']);
    await client.patch(joinTokens, at('edge'), { spec: { maxUses: 3 } }, { type: 'merge' });
    await until('it is good again', async () => (await phase()) === 'Active');
    await client.patch(joinTokens, at('edge'), { spec: { revoked: true } }, { type: 'merge' });
    await until('it is revoked', async () => (await phase()) === 'Revoked');
    await assert.rejects(client.get(secrets, inTenant(id)), isNotFound);
    await client.patch(joinTokens, at('edge'), { spec: { revoked: false } }, { type: 'merge' });
    await until('it is good once more', async () => (await phase()) === 'Active');
    await client.delete(joinTokens, at('edge'));
    await until('it is gone', async () => !(await exists(joinTokens, 'edge')));
    await assert.rejects(client.get(secrets, inTenant(id)), isNotFound);
  });

  it('makes nothing of a tenant that a policy does not allow, and gives defaults', async () => {
    const spec: VirtualClusterPolicy['spec'] = {
      selector: { matchLabels: { team: 'a' } },
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } },
      allowed: { exposures: ['ClusterIP'], versions: ['v1.36'] },
      limits: { virtualClustersPerNamespace: 1, resources: { memory: '1Gi' }, nodes: 5 },
      defaults: {
        resources: { limits: { memory: '512Mi' } },
        podTemplate: { spec: { nodeSelector: { pool: 'tenants' } } },
      },
    };
    await client.create(virtualClusterPolicies, { metadata: { name: 'team-a' }, spec } as VirtualClusterPolicy);
    await client.create(virtualClusters, {
      metadata: { ...at('judged'), labels: { team: 'a' } },
      spec: {},
    } as VirtualCluster);
    await until('it is refused', async () => (await condition('judged', 'Ready'))?.reason === 'ExposureNotAllowed');
    assert.equal((await condition('judged', 'PolicyViolation'))?.status, 'True');
    assert.equal(await exists(services, 'judged-server'), false);
    await client.patch(virtualClusters, at('judged'), { spec: { exposure: { type: 'ClusterIP' } } }, { type: 'merge' });
    await serve('judged');
    const pod = (await client.get(deployments, at('judged-server'))).spec?.template.spec;
    assert.deepEqual(pod?.nodeSelector, { pool: 'tenants' });
    assert.equal(pod?.containers[0]?.resources?.limits?.['memory'], '512Mi');
    const endpoint = JSON.parse(text(await client.get(secrets, at('judged-token')), 'endpoint.json'));
    assert.equal(endpoint.maxNodes, 5);
    assert.equal((await condition('judged', 'PolicyViolation'))?.status, 'False');
    await client.create(virtualClusters, {
      metadata: { ...at('one-more'), labels: { team: 'a' } },
      spec: { exposure: { type: 'ClusterIP' } },
    } as VirtualCluster);
    await until('it is one too many', async () => (await condition('one-more', 'Ready'))?.reason === 'QuotaExceeded');
    await client.delete(virtualClusters, at('one-more'));
  });

  it('never breaks a tenant that runs by a policy that comes later, and holds its changes to it', async () => {
    const template = async () => (await client.get(deployments, at('judged-server'))).spec?.template;
    const before = await template();
    const change = (spec: object) =>
      client.patch(virtualClusterPolicies, { name: 'team-a' }, { spec }, { type: 'merge' });
    await change({
      allowed: { exposures: ['NodePort'] },
      limits: { nodes: 1, resources: { memory: '256Mi' } },
      defaults: { podTemplate: { spec: { nodeSelector: { pool: 'none' } } } },
    });
    await until('it is told', async () => (await condition('judged', 'PolicyViolation'))?.status === 'True');
    const { reason, message } = (await condition('judged', 'PolicyViolation')) ?? {};
    assert.equal(reason, 'ExposureNotAllowed');
    assert.match(
      message ?? '',
      /limits\.memory 512Mi is more than 256Mi; policy team-a: 3 machines have joined, and 1 may/,
    );
    assert.equal((await get('judged')).status?.phase, 'Ready');
    assert.deepEqual(await template(), before);
    const wish = { exposure: { type: 'LoadBalancer' }, controlPlane: { resources: { limits: { memory: '2Gi' } } } };
    await client.patch(virtualClusters, at('judged'), { spec: wish }, { type: 'merge' });
    await until('it is seen', async () => (await get('judged')).status?.observedGeneration === 3);
    assert.equal((await client.get(services, at('judged-server'))).spec?.type, 'ClusterIP');
    assert.deepEqual(await template(), before);
    await until('the policy tells of it', async () => {
      const { status } = await client.get(virtualClusterPolicies, { name: 'team-a' });
      return status?.matched === 1 && status.violating === 1 && status.violations?.length === 3;
    });
    await client.delete(virtualClusterPolicies, { name: 'team-a' });
    await until(
      'its wish comes true',
      async () => (await client.get(services, at('judged-server'))).spec?.type === 'LoadBalancer',
    );
  });

  it('removes machines that never come back, and no others', async () => {
    const sinceMs = Date.now() - 3 * 3600_000;
    const node = await client.create(nodes, { metadata: { name: 'lost' } } as Node);
    const { uid, resourceVersion } = node.metadata;
    const away = [{ name: 'lost', uid, resourceVersion, sinceMs }];
    tenant = { ready: true, nodes: { total: 1, ready: 0 }, kubelets: {}, away };
    const remove = (removeAfter: string) =>
      client.patch(virtualClusters, at('demo'), { spec: { nodes: { removeAfter } } }, { type: 'merge' });
    const there = async () => (await client.list(nodes)).items.some(({ metadata }) => metadata.name === 'lost');
    const seen = (await remove('4h')).metadata.generation;
    await until('it is seen', async () => (await get('demo')).status?.observedGeneration === seen);
    assert.ok(await there());
    await remove('2h');
    await until('it is gone', async () => !(await there()));
    tenant = { ready: true, nodes: { total: 0, ready: 0 }, kubelets: {} };
  });

  it('lets a token go whose tenant is not there', async () => {
    await client.create(joinTokens, { metadata: at('lost'), spec: { virtualClusterName: 'none' } } as JoinToken);
    await until('the tenant is missed', async () => {
      const { status } = await client.get(joinTokens, at('lost'));
      return status?.phase === 'Pending' && status.conditions?.[0]?.reason === 'VirtualClusterMissing';
    });
    await client.delete(joinTokens, at('lost'));
    await until('it is gone', async () => !(await exists(joinTokens, 'lost')));
  });

  it('has the rights that it uses, and no others', () => {
    const granted = (role.rules ?? []).flatMap(({ apiGroups = [], resources = [], verbs = [] }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => {
          const [plural, subresource] = resource.split('/');
          const what = `${plural}${group === '' ? '' : `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`;
          return verbs.map((verb) => `${what} ${verb}`);
        }),
      ),
    );
    assert.deepEqual([...used, ...BESIDES].sort(), granted.sort());
  });

  async function theJob(labelSelector: string): Promise<readonly Job[]> {
    const list = async () => (await client.list(jobs, { namespace: 'default', labelSelector })).items;
    await until('the Job is there', async () => (await list()).length > 0);
    return await list();
  }

  /** Does what the host does with a Job whose pod has ended well. */
  async function finish(job: Job | undefined, result: object): Promise<void> {
    const name = job?.metadata.name ?? '';
    const labels = { ...job?.spec?.template.metadata?.labels, 'batch.kubernetes.io/job-name': name };
    logs.set(`${name}-pod`, `began\nresult: ${JSON.stringify(result)}\n`);
    const spec = { containers: [{ name: 'job', image: 'warren:test' }] };
    await client.create(podType, { metadata: { ...at(`${name}-pod`), labels }, spec } as Pod);
    await client.patch(podType, at(`${name}-pod`), { status: { phase: 'Succeeded' } }, mergeStatus);
    const startTime = new Date().toISOString().replace(/\.\d+/, '');
    const conditions = ['SuccessCriteriaMet', 'Complete'].map((type) => ({ type, status: 'True' }));
    const status = { startTime, completionTime: startTime, succeeded: 1, conditions };
    await client.patch(jobs, at(name), { status }, mergeStatus);
  }

  async function fail(job: Job | undefined, message: string): Promise<void> {
    const startTime = new Date().toISOString().replace(/\.\d+/, '');
    const conditions = ['FailureTarget', 'Failed'].map((type) => ({ type, status: 'True', reason: 'Failed', message }));
    await client.patch(jobs, at(job?.metadata.name ?? ''), { status: { startTime, conditions } }, mergeStatus);
  }

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

function text({ data }: Secret, key: string): string {
  return Buffer.from(data?.[key] ?? '', 'base64').toString('utf8');
}
