import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:https';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Client } from '../../client/client.ts';
import { createAuthority, issueCertificate } from '../../pki/certificate.ts';
import { systemClock } from '../../std/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { type AskingServer, startAskingServer } from '../../testing/asking-server.ts';
import { until } from '../../testing/memory-server.ts';
import { dialerTo, makeService, openPodServer, type PodServer, type Reaction } from '../../testing/pod-service.ts';
import { serverUser } from '../api-server.ts';
import { createDiscoveryPaths } from '../discovery/discovery.ts';
import type { RemoteVersions } from '../discovery/remote-versions.ts';
import { type Listener, openListener } from '../listener/https.ts';
import { createOpenApiPaths } from '../openapi/openapi.ts';
import type { RemoteDocuments } from '../openapi/remote-documents.ts';
import { WorkloadNetwork } from '../workloads/workload-network.ts';
import { Aggregation } from './aggregation.ts';

const nowMs = systemClock.nowMs();
const proxyAuthority = createAuthority('request-header-ca', { nowMs });
const identity = issueCertificate(
  proxyAuthority,
  { commonName: 'system:auth-proxy', organizations: [], usages: ['client'] },
  { nowMs },
);
const servingAuthority = createAuthority('server-ca', { nowMs });
const serving = issueCertificate(
  servingAuthority,
  { commonName: 'kube-apiserver', organizations: [], usages: ['server'], names: ['localhost'] },
  { nowMs },
);

const GROUP = 'metrics.example.com';
const resources = [
  { name: 'gauges', singularName: 'gauge', namespaced: true, kind: 'Gauge', verbs: ['get', 'list'], shortNames: ['g'] },
  { name: 'gauges/status', singularName: '', namespaced: true, kind: 'Gauge', verbs: ['get'] },
];

/** What a small extension server answers. */
const extension: Reaction = ({ url, method, body }, response) => {
  const send = (value: unknown): void =>
    void response.writeHead(200, { 'Content-Type': 'application/json', 'X-Own': '1' }).end(JSON.stringify(value));
  if (url === '/apis') void response.writeHead(404).end();
  else if (url === `/apis/${GROUP}/v1`) {
    send({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${GROUP}/v1`, resources });
  } else send({ kind: 'Gauge', apiVersion: `${GROUP}/v1`, metadata: { name: 'x' }, told: { url, method, body } });
};

describe('aggregated APIs', () => {
  let pod: PodServer;
  let server: AskingServer;
  let listener: Listener;
  let aggregator: Aggregation;
  const stop = new AbortController();
  const dialer = dialerTo(() => pod.port);

  before(async () => {
    pod = await openPodServer('ext.default.svc', { clientCaPem: proxyAuthority.certPem });
    pod.react = extension;
    server = await startAskingServer(silentLogger, {
      aggregated: async (seams) => {
        const kubelets = {
          locate: () => Promise.reject(new Error('no kubelet')),
          connect: () => Promise.reject(new Error('no kubelet')),
        };
        const network = new WorkloadNetwork({
          reader: seams.reader,
          dialer,
          kubelets,
          clusterCidrs: ['10.42.0.0/16'],
          clusterDomain: 'cluster.local',
        });
        aggregator = new Aggregation({
          ...seams,
          network: async () => network,
          identity: () => ({ certPem: identity.chainPem, keyPem: identity.keyPem ?? '' }),
          clock: systemClock,
          logger: silentLogger,
        });
        await aggregator.follow();
        return aggregator;
      },
      otherPaths: ({ catalog, reader }) => {
        // It is made after the paths.
        const late: RemoteVersions & RemoteDocuments = {
          remoteVersions: () => aggregator.remoteVersions(),
          v3Index: () => aggregator.v3Index(),
          v3: (call, path) => aggregator.v3(call, path),
          v2: () => aggregator.v2(),
        };
        const discovery = createDiscoveryPaths({ catalog, serverAddress: '127.0.0.1:6443', remote: late });
        const openApi = createOpenApiPaths({ catalog, reader, remote: late });
        return (call) => discovery(call) ?? openApi(call);
      },
    });
    aggregator.start(new Client(server.server.transportFor(serverUser)), stop.signal);
    await makeService(server, { name: 'ext' });
    listener = await openListener({
      host: '127.0.0.1',
      port: 0,
      tls: { certPem: serving.chainPem, keyPem: serving.keyPem ?? '', clientCaPem: servingAuthority.certPem },
      handle: server.server.handle,
      logger: silentLogger,
      clock: systemClock,
    });
  });
  after(async () => {
    stop.abort();
    await listener.close({ graceMs: 0 });
    server.close();
    await pod.close();
  });
  beforeEach(() => {
    pod.react = extension;
    pod.asked.length = 0;
  });

  const register = async (version: string, more: object = {}): Promise<void> => {
    const { status, body } = await server.ask({
      method: 'POST',
      target: '/apis/apiregistration.k8s.io/v1/apiservices',
      body: {
        metadata: { name: `${version}.${GROUP}` },
        spec: {
          group: GROUP,
          version,
          groupPriorityMinimum: 17_900,
          versionPriority: 10,
          service: { namespace: 'default', name: 'ext' },
          caBundle: Buffer.from(pod.caPem).toString('base64'),
          ...more,
        },
      },
    });
    assert.equal(status, 201, JSON.stringify(body));
  };
  const conditionOf = async (name: string): Promise<Record<string, string>> => {
    const { body } = await server.ask({ method: 'GET', target: `/apis/apiregistration.k8s.io/v1/apiservices/${name}` });
    const { status } = body as { status?: { conditions?: Record<string, string>[] } };
    const { lastTransitionTime: _, ...condition } = status?.conditions?.[0] ?? {};
    return condition;
  };
  const settled = async (name: string, reason: string): Promise<Record<string, string>> => {
    await until(`${name} is ${reason}`, async () => (await conditionOf(name))['reason'] === reason);
    return await conditionOf(name);
  };
  const remove = async (version: string): Promise<void> => {
    await server.ask({ method: 'DELETE', target: `/apis/apiregistration.k8s.io/v1/apiservices/${version}.${GROUP}` });
  };
  /** Over the wire, as clients ask. */
  const get = async (
    path: string,
    options: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<{ status: number; headers: Record<string, unknown>; text: string }> => {
    const { method = 'GET', headers = {}, body } = options;
    const { port } = listener;
    const sent = request({
      host: '127.0.0.1',
      port,
      path,
      method,
      headers,
      ca: servingAuthority.certPem,
      servername: 'localhost',
    });
    sent.end(body);
    const [answer] = await once(sent, 'response');
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) text += chunk;
    return { status: answer.statusCode, headers: answer.headers, text };
  };

  it('are available once their server answers, and are then served by it', async () => {
    await register('v1');
    assert.deepEqual(await settled(`v1.${GROUP}`, 'Passed'), {
      type: 'Available',
      status: 'True',
      reason: 'Passed',
      message: 'all checks passed',
    });
    pod.asked.length = 0;
    const path = `/apis/${GROUP}/v1/namespaces/default/gauges/x?watch=0&a=%2Fb`;
    const { status, headers, text } = await get(path, {
      method: 'POST',
      headers: { Authorization: 'Bearer secret', 'X-Remote-User': 'mallory', 'Content-Type': 'application/json' },
      body: '{"a":1}',
    });
    assert.deepEqual([status, headers['x-own']], [200, '1']);
    assert.deepEqual(JSON.parse(text).told, { url: path, method: 'POST', body: '{"a":1}' });
    const asked = pod.asked.find(({ method }) => method === 'POST');
    assert.equal(asked?.client, 'system:auth-proxy');
    assert.equal(asked?.headers.authorization, undefined);
    assert.equal(asked?.headers['x-remote-user'], 'admin');
    const groups = (asked?.rawHeaders ?? []).filter((_, index, all) => all[index - 1] === 'X-Remote-Group');
    assert.deepEqual(groups, ['system:masters', 'system:authenticated']);
  });

  it('are part of discovery in all its forms', async () => {
    const { text } = await get('/apis');
    const names = (JSON.parse(text).groups as { name: string }[]).map(({ name }) => name);
    assert.deepEqual(names.slice(0, 3), ['apiregistration.k8s.io', GROUP, 'apps']);
    const group = JSON.parse((await get(`/apis/${GROUP}`)).text);
    assert.deepEqual(group.preferredVersion, { groupVersion: `${GROUP}/v1`, version: 'v1' });
    assert.equal(JSON.parse((await get(`/apis/${GROUP}/v1`)).text).resources.length, 2);
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
    await until('discovery has the resources', async () => {
      const { items } = JSON.parse((await get('/apis', { headers: { accept } })).text);
      const found = items.find(({ metadata }: { metadata: { name: string } }) => metadata.name === GROUP);
      return found?.versions?.[0]?.freshness === 'Current';
    });
    const { items } = JSON.parse((await get('/apis', { headers: { accept } })).text);
    const found = items.find(({ metadata }: { metadata: { name: string } }) => metadata.name === GROUP);
    assert.deepEqual(found.versions, [
      {
        version: 'v1',
        resources: [
          {
            resource: 'gauges',
            responseKind: { group: '', version: '', kind: 'Gauge' },
            scope: 'Namespaced',
            singularResource: 'gauge',
            verbs: ['get', 'list'],
            shortNames: ['g'],
            subresources: [
              { subresource: 'status', responseKind: { group: '', version: '', kind: 'Gauge' }, verbs: ['get'] },
            ],
          },
        ],
        freshness: 'Current',
      },
    ]);
  });

  it('are part of OpenAPI, with the schemas that they refer to', async () => {
    const schema = (name: string): object => ({ $ref: `#/definitions/${name}` });
    pod.react = (asked, response) => {
      const path = `/apis/${GROUP}/v1`;
      const documents: Record<string, object> = {
        '/openapi/v3': { paths: { [path.slice(1)]: { serverRelativeURL: `/openapi/v3${path}?hash=1` }, version: {} } },
        [`/openapi/v3${path}?hash=1`]: { openapi: '3.0.0', info: { title: 'own' } },
        '/openapi/v2': {
          swagger: '2.0',
          paths: {
            [`${path}/gauges`]: { get: { responses: { 200: { description: 'OK', schema: schema('own.Gauge') } } } },
            '/version/': { get: {} },
          },
          definitions: {
            'own.Gauge': { type: 'object', properties: { meta: schema('io.k8s.api.core.v1.ConfigMap') } },
            'io.k8s.api.core.v1.ConfigMap': { type: 'object', description: 'another one of that name' },
            'own.Unused': { type: 'object' },
          },
        },
      };
      const found = documents[asked.url];
      if (found === undefined) extension(asked, response);
      else response.end(JSON.stringify(found));
    };
    const index = JSON.parse((await get('/openapi/v3')).text).paths;
    assert.equal(index[`apis/${GROUP}/v1`].serverRelativeURL, `/openapi/v3/apis/${GROUP}/v1?hash=1`);
    assert.ok(index['apis/apps/v1']);
    assert.equal(JSON.parse((await get(`/openapi/v3/apis/${GROUP}/v1?hash=1`)).text).info.title, 'own');
    const { paths, definitions } = JSON.parse((await get('/openapi/v2')).text);
    assert.ok(paths[`/apis/${GROUP}/v1/gauges`]);
    assert.ok(paths['/apis/apps/v1/deployments']);
    assert.deepEqual(definitions['own.Gauge'].properties.meta, schema('io.k8s.api.core.v1.ConfigMap_v2'));
    assert.equal(definitions['io.k8s.api.core.v1.ConfigMap_v2'].description, 'another one of that name');
    assert.equal(definitions['own.Unused'], undefined);
  });

  it('answer callers in this process with objects', async () => {
    const client = new Client(server.server.transportFor(serverUser));
    const type = { group: GROUP, version: 'v1', kind: 'Gauge', plural: 'gauges', namespaced: true };
    const found = (await client.get(type as never, { namespace: 'default', name: 'x' })) as unknown as { told: object };
    assert.deepEqual(found.told, {
      url: `/apis/${GROUP}/v1/namespaces/default/gauges/x`,
      method: 'GET',
      body: '',
    });
  });

  it('may upgrade connections', async () => {
    pod.onUpgrade = (asked, socket) => {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
      socket.write(`for ${asked.headers['x-remote-user']}:`);
      socket.pipe(socket);
    };
    const sent = request({
      host: '127.0.0.1',
      port: listener.port,
      path: `/apis/${GROUP}/v1/namespaces/default/gauges/x/console`,
      headers: { Connection: 'Upgrade', Upgrade: 'echo' },
      ca: servingAuthority.certPem,
      servername: 'localhost',
    });
    sent.end();
    const [answer, socket, head] = await once(sent, 'upgrade');
    assert.equal(answer.statusCode, 101);
    let text = (head as Buffer).toString();
    socket.on('data', (chunk: Buffer) => {
      text += chunk;
    });
    socket.write('hello');
    await until('the echo comes', () => text === 'for admin:hello');
    socket.destroy();
  });

  it('win over definitions of the same group and version, and leave it to them when they go', async () => {
    const crd = {
      metadata: { name: `widgets.${GROUP}` },
      spec: {
        group: GROUP,
        scope: 'Namespaced',
        names: { plural: 'widgets', kind: 'Widget' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    };
    const target = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    assert.equal((await server.ask({ method: 'POST', target, body: crd })).status, 201);
    const path = `/apis/${GROUP}/v1/namespaces/default/widgets`;
    assert.equal(JSON.parse((await get(path)).text).kind, 'Gauge');
    await remove('v1');
    await until('the definition serves', async () => JSON.parse((await get(path)).text).kind === 'WidgetList');
    await server.ask({ method: 'DELETE', target: `${target}/widgets.${GROUP}` });
    await until('nobody serves', async () => (await get(path)).status === 404);
  });

  const unavailable = {
    v2: [
      { service: { namespace: 'default', name: 'gone' } },
      'ServiceNotFound',
      /^service\/gone in "default" is not present$/,
    ],
    v3: [
      { service: { namespace: 'default', name: 'ext', port: 444 } },
      'ServicePortError',
      /^service\/ext in "default" is not listening on port 444$/,
    ],
    v4: [
      { caBundle: Buffer.from(servingAuthority.certPem).toString('base64') },
      'FailedDiscoveryCheck',
      /^failing or missing response from https:\/\/10\.42\.0\.9:8443\/apis\/metrics\.example\.com\/v4: Get "https:\/\/10\.42\.0\.9:8443\/apis\/metrics\.example\.com\/v4": tls: failed to verify certificate: x509: certificate signed by unknown authority$/,
    ],
  } as const satisfies Record<string, readonly [object, string, RegExp]>;
  for (const [version, [more, reason, message]] of Object.entries(unavailable)) {
    it(`say ${reason}, and answer 503`, async () => {
      await register(version, more);
      const condition = await settled(`${version}.${GROUP}`, reason);
      assert.equal(condition['status'], 'False');
      assert.match(condition['message'] ?? '', message);
      const { status, headers, text } = await get(`/apis/${GROUP}/${version}/gauges`);
      assert.deepEqual(
        [status, headers['content-type'], text],
        [503, 'text/plain; charset=utf-8', 'service unavailable\n'],
      );
      await remove(version);
    });
  }

  it('say so where a service has no endpoints, and come back with them', async () => {
    const service = { metadata: { name: 'late' }, spec: { ports: [{ port: 443, targetPort: 8443 }] } };
    await server.ask({ method: 'POST', target: '/api/v1/namespaces/default/services', body: service });
    await register('v5', {
      service: { namespace: 'default', name: 'late' },
      insecureSkipTLSVerify: true,
      caBundle: null,
    });
    const { message } = await settled(`v5.${GROUP}`, 'EndpointsNotFound');
    assert.equal(message, 'cannot find endpointslices for service/late in "default"');
    const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
    const metadata = { name: 'late-1', labels: { 'kubernetes.io/service-name': 'late' } };
    const ports = [{ name: '', port: 8443, protocol: 'TCP' }];
    const slice = { metadata, addressType: 'IPv4', endpoints: [], ports };
    const made = await server.ask({ method: 'POST', target: slices, body: slice });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const missing = await settled(`v5.${GROUP}`, 'MissingEndpoints');
    assert.equal(
      missing['message'],
      'endpointslices for service/late in "default" have no addresses with port name ""',
    );
    const targetRef = { kind: 'Pod', namespace: 'default', name: 'ext-pod' };
    const endpoints = [{ addresses: ['10.42.0.9'], targetRef }];
    await server.ask({ method: 'PUT', target: `${slices}/late-1`, body: { ...slice, endpoints } });
    await settled(`v5.${GROUP}`, 'Passed');
    await remove('v5');
  });

  it('are refused where they lead out of the cluster', async () => {
    const service = { metadata: { name: 'away' }, spec: { ports: [{ port: 443, targetPort: 80 }] } };
    await server.ask({ method: 'POST', target: '/api/v1/namespaces/default/services', body: service });
    await server.ask({
      method: 'POST',
      target: '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
      body: {
        metadata: { name: 'away-1', labels: { 'kubernetes.io/service-name': 'away' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['192.168.1.1'] }],
        ports: [{ name: '', port: 80, protocol: 'TCP' }],
      },
    });
    await register('v6', { service: { namespace: 'default', name: 'away' } });
    const { message } = await settled(`v6.${GROUP}`, 'FailedDiscoveryCheck');
    assert.equal(
      message,
      'service "away" leads to 192.168.1.1, which is no pod of this cluster: this server reaches nothing but the pods of its nodes',
    );
    assert.ok(!dialer.dialled.some((each) => each.includes('192.168.1.1')));
    await remove('v6');
  });

  it('that are served here say so, whoever made them', async () => {
    await register('v7', { service: null, caBundle: null });
    const { status, message } = await settled(`v7.${GROUP}`, 'Local');
    assert.deepEqual([status, message], ['True', 'Local APIServices are always available']);
  });
});
