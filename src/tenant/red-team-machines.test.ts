/** What a machine that joined can do against its cluster, its neighbours and the server, with its certificates and its kubelet. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { after, before, beforeEach, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { WebSocket } from 'ws';
import { Client } from '../client/client.ts';
import { createHttpTransport, type HttpTransport } from '../client/http-transport.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { certificatesigningrequests, configmaps, nodes, pods } from '../generated/resource-types.ts';
import { createCertificateRequest, toRequestPem } from '../pki/certificate-request.ts';
import { newKey } from '../pki/keys.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { AgentDouble } from '../testing/agent-double/agent.ts';
import { freePort } from '../testing/free-port.ts';
import { until } from '../testing/memory-server.ts';
import { OutwardCalls } from '../testing/outward-calls.ts';
import { readTenantConfig } from './config.ts';
import { startTenant, type Tenant } from './tenant.ts';

interface Answer {
  readonly status: number;
  readonly text: string;
}

interface Asking {
  readonly cert: string;
  readonly key: string;
}

describe('a machine that joined', () => {
  const folder = mkdtempSync(join(tmpdir(), 'warren-machines-'));
  const visits = { decoy: 0 };
  const decoy = createServer((_request, response) => {
    visits.decoy += 1;
    response.end('the host');
  });
  /** What the pods of the machine answer. */
  const state: { pod: (response: ServerResponse) => void } = { pod: (response) => void response.end() };
  const evilPod = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html');
    state.pod(response);
  });
  const outward = new OutwardCalls();
  const { connected, looked } = outward;
  let decoyPort = 0;
  let tenant: Tenant;
  let ca = '';
  let admin: Asking;
  let transport: HttpTransport;
  let client: Client;
  let agent: AgentDouble;
  let other: AgentDouble;

  before(async () => {
    for (const server of [decoy, evilPod]) await once(server.listen(0, '127.0.0.1'), 'listening');
    decoyPort = (decoy.address() as AddressInfo).port;
    const port = await freePort();
    const flags = ['--data-dir', folder, '--https-listen-port', String(port), '--advertise-address', '127.0.0.1'];
    const more = ['--bind-address', '127.0.0.1', '--disable', 'coredns,servicelb,cloud-controller,metrics-server'];
    tenant = await startTenant(readTenantConfig([...flags, ...more], {}), { clock: systemClock, logger: silentLogger });
    const access = readKubeconfig(tenant.kubeconfigPath);
    ca = String(access.ca);
    admin = { cert: String(access.clientCert), key: String(access.clientKey) };
    transport = createHttpTransport(access);
    client = new Client(transport);
    const { url, token } = tenant;
    const common = { url, token, generation: 'current', clock: systemClock } as const;
    const podPort = (evilPod.address() as AddressInfo).port;
    agent = await AgentDouble.join({ ...common, nodeName: 'evil', nodeIp: '192.0.2.66', podPort });
    other = await AgentDouble.join({ ...common, nodeName: 'good', nodeIp: '192.0.2.7' });
    for (const name of ['evil', 'good']) {
      const spec = { nodeName: name, containers: [{ name: 'c', image: 'busybox' }] };
      await client.create(pods, { metadata: { namespace: 'default', name }, spec });
      await until(
        'the pod has an address',
        async () => (await client.get(pods, { namespace: 'default', name })).status?.podIP !== undefined,
      );
    }
    outward.watch();
  });

  after(async () => {
    outward.stop();
    for (const each of [agent, other]) await each?.[Symbol.asyncDispose]();
    transport?.close();
    await tenant?.close();
    decoy.close();
    evilPod.closeAllConnections();
    evilPod.close();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(() => {
    outward.clear();
    visits.decoy = 0;
  });

  function assertUntouched(): void {
    assert.equal(visits.decoy, 0);
    const doubles = [agent, other].flatMap(({ kubelet, podPort }) => [kubelet.port, podPort]);
    const own = [Number(new URL(tenant.url).port), ...doubles].map(String);
    assert.deepEqual(
      connected.filter((each) => !own.includes(each.slice(each.lastIndexOf(':') + 1))),
      [],
    );
    assert.deepEqual(
      looked.filter((name) => name !== 'localhost' && name !== '127.0.0.1'),
      [],
    );
  }

  async function ask(
    as: Partial<Asking>,
    method: string,
    path: string,
    { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const bytes = body === undefined || Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body);
    const type = { 'Content-Type': 'application/json', ...headers };
    const { hostname, port } = new URL(tenant.url);
    const sent = httpsRequest({ hostname, port, path, method, ca, ...as, headers: type, agent: false });
    sent.on('error', () => {}).end(bytes);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return { status: response.statusCode ?? 0, text: await textOf(response).catch(() => '') };
  }

  const asNode = (method: string, path: string, more?: Parameters<typeof ask>[3]): Promise<Answer> =>
    ask(agent.membership.clientKubelet, method, path, more);

  const merge = (body: object) => ({ body, headers: { 'Content-Type': 'application/merge-patch+json' } });
  const own = '/api/v1/nodes/evil';
  const pod = (name: string) => `/api/v1/namespaces/default/pods/${name}`;
  const certificate = (commonName: string, organizations: readonly string[], signerName: string, usages: string[]) => ({
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { generateName: 'trap-' },
    spec: {
      request: Buffer.from(toRequestPem(createCertificateRequest(newKey(), { commonName, organizations }))).toString(
        'base64',
      ),
      signerName,
      usages,
    },
  });
  const clientUsages = ['digital signature', 'client auth'];
  const csrs = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

  /** What a node's certificate does not allow, and how it is told so. */
  const refusals: Record<string, () => Promise<Answer>> = {
    'writes the status of another node': () =>
      asNode('PATCH', '/api/v1/nodes/good/status', merge({ status: { phase: 'x' } })),
    'writes another node': () => asNode('PATCH', '/api/v1/nodes/good', merge({ metadata: { labels: { a: 'b' } } })),
    'deletes another node': () => asNode('DELETE', '/api/v1/nodes/good'),
    'takes a network that is not its own': () =>
      asNode('PATCH', own, merge({ spec: { podCIDR: '10.42.0.0/16', podCIDRs: ['10.42.0.0/16'] } })),
    'takes away its own taints': () =>
      asNode('PATCH', own, merge({ spec: { taints: [{ key: 'x', effect: 'NoExecute' }] } })),
    'gives itself a label that is kept from nodes': () =>
      asNode('PATCH', own, merge({ metadata: { labels: { 'node-restriction.kubernetes.io/team': 'a' } } })),
    'writes the status of a pod elsewhere': () =>
      asNode('PATCH', `${pod('good')}/status`, merge({ status: { podIP: '10.42.0.99' } })),
    'deletes a pod elsewhere': () => asNode('DELETE', pod('good')),
    'evicts a pod elsewhere': () =>
      asNode('POST', `${pod('good')}/eviction`, {
        body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'good', namespace: 'default' } },
      }),
    'binds a pod to itself': () =>
      asNode('POST', `${pod('good')}/binding`, {
        body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'good' }, target: { kind: 'Node', name: 'evil' } },
      }),
    'makes a mirror of a pod elsewhere': () =>
      asNode('POST', '/api/v1/namespaces/default/pods', {
        body: {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'mirror', annotations: { 'kubernetes.io/config.mirror': 'x' } },
          spec: { nodeName: 'good', containers: [{ name: 'c', image: 'i' }] },
        },
      }),
    'runs commands in pods': () => asNode('GET', `${pod('good')}/exec?command=id&stdout=true`),
    'reaches the kubelet of another node': () => asNode('GET', '/api/v1/nodes/good/proxy/healthz'),
    'lists secrets': () => asNode('GET', '/api/v1/namespaces/kube-system/secrets'),
    'reads the password of another node': () =>
      asNode('GET', '/api/v1/namespaces/kube-system/secrets/good.node-password.k3s'),
    'takes a token for a pod elsewhere': () =>
      asNode('POST', '/api/v1/namespaces/default/serviceaccounts/default/token', {
        body: { spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'good', uid: 'x' } } },
      }),
    'renews the lease of another node': () =>
      asNode('PATCH', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/good', merge({ spec: {} })),
    'speaks for somebody else': () =>
      asNode('GET', '/api/v1/secrets', { headers: { 'Impersonate-User': 'system:admin' } }),
    'shuts others out': () =>
      asNode('POST', '/api/v1/namespaces/kube-system/configmaps', {
        body: { metadata: { name: 'denied-machines' }, data: { good: '' } },
      }),
    'asks for a certificate of administrators': () =>
      asNode('POST', csrs, {
        body: certificate('x', ['system:masters'], 'kubernetes.io/kube-apiserver-client', clientUsages),
      }),
    'asks for a certificate by the signer of old': () =>
      asNode('POST', csrs, {
        body: certificate('x', ['system:masters'], 'kubernetes.io/legacy-unknown', clientUsages),
      }),
    'asks for a serving certificate of another node': () =>
      asNode('POST', csrs, {
        body: certificate('system:node:good', ['system:nodes'], 'kubernetes.io/kubelet-serving', [
          'digital signature',
          'server auth',
        ]),
      }),
    'asks for a backup': () => asNode('GET', '/v1-warren/backup'),
    'changes the token': () => asNode('PUT', '/v1-k3s/token', { body: { newToken: 'mine' } }),
    'asks for the certificate of another node': () =>
      asNode('POST', '/v1-k3s/client-kubelet.crt', {
        headers: { 'k3s-Node-Name': 'good', 'k3s-Node-Password': 'x' },
      }),
    'asks for the name of the server': () =>
      asNode('POST', '/v1-k3s/serving-kubelet.crt', {
        headers: { 'k3s-Node-Name': 'kubernetes.default.svc', 'k3s-Node-Password': 'x' },
      }),
    'asks for files beside those for machines': () => asNode('GET', '/v1-warren/agent/..%2ftoken'),
    'asks for files above those for machines': () => asNode('GET', '/v1-warren/agent/../../token'),
  };
  for (const [what, attempt] of Object.entries(refusals)) {
    it(`is refused when it ${what}`, async () => {
      const { status, text } = await attempt();
      assert.ok([400, 401, 403, 404, 422].includes(status), `${status} ${text}`);
      assertUntouched();
    });
  }

  it('is who its certificate says, whatever its headers say', async () => {
    const headers = { 'X-Remote-User': 'system:admin', 'X-Remote-Group': 'system:masters', 'X-Forwarded-User': 'root' };
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const { status, text } = await asNode('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      body,
      headers,
    });
    assert.equal(status, 201);
    const { userInfo } = (JSON.parse(text) as { status: { userInfo: { username: string; groups: string[] } } }).status;
    assert.deepEqual(
      [userInfo.username, userInfo.groups],
      ['system:node:evil', ['system:nodes', 'system:authenticated']],
    );
  });

  it('gets no certificate of another node by a request that nobody approves', async () => {
    const body = certificate(
      'system:node:good',
      ['system:nodes'],
      'kubernetes.io/kube-apiserver-client-kubelet',
      clientUsages,
    );
    const { status, text } = await asNode('POST', csrs, { body });
    if (status === 201) {
      const { name = '' } = (JSON.parse(text) as { metadata: { name?: string } }).metadata;
      await new Promise((resolve) => setTimeout(resolve, 500));
      const found = await client.get(certificatesigningrequests, { name });
      assert.deepEqual([found.status?.conditions, found.status?.certificate], [undefined, undefined]);
    } else assert.equal(status, 403, text);
  });

  it('keeps a pod address that it invents for itself: the server goes there through its own tunnel alone', async () => {
    const status = { podIP: '10.42.0.2', podIPs: [{ ip: '10.42.0.2' }] };
    assert.equal((await asNode('PATCH', `${pod('evil')}/status`, merge({ status }))).status, 200);
    other.tunnel.targets.length = 0;
    await ask(admin, 'GET', `${pod('evil')}:80/proxy/x`);
    assert.deepEqual(other.tunnel.targets, []);
    assertUntouched();
  });

  describe('with a kubelet that sends everybody elsewhere', () => {
    const places = [`http://127.0.0.1:PORT/`, 'http://169.254.169.254/latest/meta-data/', 'https://10.96.0.1:443/api'];
    for (const place of places) {
      it(`leads nobody to ${place}`, async () => {
        agent.kubelet.redirect = place.replace('PORT', String(decoyPort));
        try {
          const log = await ask(admin, 'GET', `${pod('evil')}/log`);
          assert.deepEqual([log.status, /redirects forbidden/.test(log.text)], [500, true], log.text);
          const spdy = { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': 'v4.channel.k8s.io' };
          for (const path of ['exec?command=id&stdout=true', 'attach?stdout=true', 'portforward?ports=80'])
            assert.match(await upgrade(`${pod('evil')}/${path}`, spdy), /^HTTP\/1\.1 500 [\s\S]*status code 302/);
          const socket = new WebSocket(
            `${tenant.url.replace('https', 'wss')}${pod('evil')}/exec?command=id&stdout=true`,
            ['v5.channel.k8s.io'],
            { ca, ...admin },
          );
          const [error] = (await once(socket, 'error')) as [Error];
          assert.match(error.message, /500/);
          // What a proxy is told, its client is told: where to go is the client's own business.
          const proxied = await ask(admin, 'GET', '/api/v1/nodes/evil/proxy/x');
          assert.equal(proxied.status, 302);
          assertUntouched();
        } finally {
          agent.kubelet.redirect = undefined;
        }
      });
    }
  });

  async function upgrade(path: string, headers: Record<string, string>): Promise<string> {
    const { hostname, port } = new URL(tenant.url);
    const socket = connectTls({ host: hostname, port: Number(port), ca, ...admin, ALPNProtocols: ['http/1.1'] });
    const lines = Object.entries({ Host: hostname, ...headers }).map(([name, value]) => `${name}: ${value}`);
    socket.write(`POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    return await textOf(socket);
  }

  it('cannot fill the memory of the server with a page that never ends', async () => {
    const sent = { bytes: 0 };
    const chunk = Buffer.alloc(256 * 1024, '<p>');
    state.pod = (response) => {
      const more = (): void => {
        while (sent.bytes < 256 << 20) {
          sent.bytes += chunk.length;
          if (!response.write(chunk)) return;
        }
      };
      response.on('drain', more);
      more();
    };
    const { hostname, port } = new URL(tenant.url);
    const asked = httpsRequest({ hostname, port, path: `${pod('evil')}:80/proxy/`, ca, ...admin, agent: false });
    asked.on('error', () => {}).end();
    // The head of the answer is there before the page has ended; nobody reads its body.
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    assert.equal(response.statusCode, 200);
    await until('the page stands still', async () => {
      const before = sent.bytes;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return sent.bytes === before;
    });
    assert.ok(sent.bytes < 64 << 20, `${sent.bytes} bytes were taken`);
    asked.destroy();
    state.pod = (response) => void response.end();
  });

  describe('with bodies that are bombs', () => {
    const path = '/api/v1/namespaces/default/configmaps';
    const yaml = { 'Content-Type': 'application/yaml' };
    const levels = Array.from(
      { length: 30 },
      (_, at) => `l${at + 1}: &l${at + 1} [${Array(10).fill(`*l${at}`).join(', ')}]`,
    );
    const bombs: Record<string, { body: string | Buffer; headers?: Record<string, string> }> = {
      'a hundred thousand brackets': { body: `${'['.repeat(100_000)}${']'.repeat(100_000)}` },
      'a hundred thousand objects in each other': { body: `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}` },
      'aliases of aliases': { body: ['l0: &l0 x', ...levels].join('\n'), headers: yaml },
      'deep YAML': { body: '['.repeat(50_000), headers: yaml },
      'zipped nothing': { body: gzipSync(Buffer.alloc(64 << 20)), headers: { 'Content-Encoding': 'gzip' } },
      'four megabytes': { body: Buffer.alloc(4 << 20, ' ') },
    };
    for (const [what, { body, headers }] of Object.entries(bombs)) {
      it(`is refused: ${what}`, async () => {
        const started = performance.now();
        const { status, text } = await ask(admin, 'POST', path, {
          body,
          ...(headers === undefined ? {} : { headers }),
        });
        assert.ok([400, 413, 415, 422].includes(status), `${status} ${text.slice(0, 200)}`);
        assert.ok(performance.now() - started < 10_000);
      });
    }

    it('is refused: headers beyond a megabyte', async () => {
      const { hostname, port } = new URL(tenant.url);
      const socket = connectTls({ host: hostname, port: Number(port), ca, ALPNProtocols: ['http/1.1'] });
      socket.on('error', () => {});
      socket.write(`GET /api HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(2 << 20)}\r\n\r\n`);
      assert.match(await textOf(socket).catch(() => 'HTTP/1.1 400'), /^HTTP\/1\.1 4/);
    });
  });

  it('leaves the prototype of all objects as it is', async () => {
    const key = { namespace: 'default', name: 'shape' };
    await client.create(configmaps, { metadata: key, data: { a: 'b' } });
    const path = `/api/v1/namespaces/default/configmaps/shape`;
    const poison = '{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}}}';
    const types = [
      'application/merge-patch+json',
      'application/strategic-merge-patch+json',
      'application/apply-patch+yaml',
    ];
    for (const type of types) {
      for (const body of [poison, `{"metadata":${poison}}`, `{"data":${poison}}`, `{"metadata":{"labels":${poison}}}`])
        await ask(admin, 'PATCH', `${path}?fieldManager=x`, { body, headers: { 'Content-Type': type } });
    }
    for (const at of ['/__proto__/polluted', '/metadata/__proto__/polluted', '/data/constructor/prototype/polluted']) {
      const body = [{ op: 'add', path: at, value: 'yes' }];
      await ask(admin, 'PATCH', path, { body, headers: { 'Content-Type': 'application/json-patch+json' } });
    }
    await ask(admin, 'PUT', path, { body: `{"metadata":{"name":"shape"},"data":${poison}}` });
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    assert.equal((await client.get(configmaps, key)).metadata.name, 'shape');
  });

  it('reaches nobody by a name that somebody resolves', async () => {
    for (const name of ['localhost', 'metadata.google.internal', '2130706433', '0x7f000001', '0177.0.0.1'])
      await ask(admin, 'GET', `/api/v1/nodes/${name}/proxy/x`);
    assertUntouched();
    const { status } = await client.get(nodes, { name: 'good' });
    assert.ok(status !== undefined);
  });
});
