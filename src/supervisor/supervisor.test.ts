import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { type Listener, openListener } from '../apiserver/listener/https.ts';
import { nodes, secrets } from '../generated/resource-types.ts';
import { StatusError } from '../machinery/errors/status-error.ts';
import { createPkiFiles, loadPki, type Pki } from '../pki/bundle.ts';
import { issueCertificate } from '../pki/certificate.ts';
import { createCertificateRequest } from '../pki/certificate-request.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { TunnelClient } from '../testing/agent-double/tunnel-client.ts';
import { FakeTransport } from '../testing/fake-transport.ts';
import { TunnelServer } from '../tunnel/tunnel-server.ts';
import { createSupervisor } from './supervisor.ts';

interface Reply {
  readonly status: number;
  readonly body: string;
}
interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer;
  /** Common name and organizations of a client certificate. */
  readonly as?: readonly [string, ...string[]];
}

const api = new FakeTransport();
const tunnels = new TunnelServer({ clock: systemClock, logger: silentLogger });
const state = { ready: true };
let pki: Pki;
let listener: Listener;

const basic = (user: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});
const agent = basic('node', 'agentpw');
const joinAs = (nodeName: string, password: string, ip = '10.200.0.2'): Record<string, string> => ({
  ...agent,
  'k3s-node-name': nodeName,
  'k3s-node-password': password,
  'k3s-node-ip': ip,
});

function clientTls(as: Ask['as']): { cert?: string; key?: string } {
  if (as === undefined) return {};
  const [commonName, ...organizations] = as;
  const { chainPem, keyPem = '' } = issueCertificate(
    pki.client,
    { commonName, organizations, usages: ['client'] },
    { nowMs: Date.now() },
  );
  return { cert: chainPem, key: keyPem };
}

async function ask(path: string, { method = 'GET', headers = {}, body, as }: Ask = {}): Promise<Reply> {
  const outgoing = httpsRequest({
    host: '127.0.0.1',
    port: listener.port,
    path,
    method,
    headers,
    ca: pki.server.certPem,
    agent: false,
    ...clientTls(as),
  });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, body: text };
}

const blocks = (pem: string): string[] => [...pem.matchAll(/-----BEGIN ([A-Z ]+)-----/g)].map(([, kind]) => kind ?? '');

before(async () => {
  pki = loadPki(await createPkiFiles(Date.now()));
  const supervisor = createSupervisor({
    pki,
    tokens: {
      agent: 'agentpw',
      server: 'serverpw',
      verifyBootstrap: async (token) =>
        token === 'abcdef.0123456789abcdef'
          ? { name: 'system:bootstrap:abcdef', groups: ['system:bootstrappers'] }
          : undefined,
    },
    tunnels,
    client: () => api.client,
    ready: () => state.ready,
    serverAddresses: ['10.200.0.1:30443'],
    agentConfig: {
      port: 30443,
      clusterCidrs: ['10.42.0.0/16'],
      serviceCidrs: ['10.43.0.0/16'],
      nodePorts: { first: 30000, last: 32767 },
      clusterDns: ['10.43.0.10'],
      clusterDomain: 'cluster.local',
      flannelBackend: 'vxlan',
      advertiseAddress: '10.200.0.1',
      sans: ['10.200.0.1'],
      disabled: [],
    },
    clock: systemClock,
    logger: silentLogger,
  });
  const serving = issueCertificate(
    pki.server,
    { commonName: 'k3s', organizations: [], usages: ['server'], names: ['127.0.0.1'] },
    { nowMs: Date.now() },
  );
  listener = await openListener({
    host: '127.0.0.1',
    port: 0,
    tls: { certPem: serving.chainPem, keyPem: serving.keyPem ?? '', clientCaPem: pki.client.certPem },
    handle: async () => ({ kind: 'bytes', status: 418, contentType: 'text/plain', body: Buffer.from('the API') }),
    first: supervisor.handle,
    upgradeFirst: supervisor.upgrade,
    logger: silentLogger,
    clock: systemClock,
  });
});

after(async () => {
  tunnels.close();
  await listener.close({ graceMs: 0 });
});

describe('the supervisor API', () => {
  const open: Record<string, [string, () => Reply]> = {
    'gives the authority that tokens pin, byte for byte': [
      '/cacerts',
      () => ({ status: 200, body: pki.server.certPem }),
    ],
    'answers a ping': ['/ping', () => ({ status: 200, body: 'pong' })],
    'leaves other paths to the API': ['/v1-k3s/x', () => ({ status: 418, body: 'the API' })],
  };
  for (const [title, [path, wanted]] of Object.entries(open)) {
    it(title, async () => assert.deepEqual(await ask(path), wanted()));
  }

  const admissions: Record<string, [path: string, Ask, status: number]> = {
    'refuses a configuration to nobody': ['/v1-k3s/config', {}, 403],
    'refuses a wrong password': ['/v1-k3s/config', { headers: basic('node', 'wrong') }, 401],
    'refuses an unknown user': ['/v1-k3s/config', { headers: basic('root', 'agentpw') }, 401],
    'refuses an unknown bearer': ['/v1-k3s/config', { headers: { authorization: 'Bearer x' } }, 401],
    'knows the token of agents': ['/v1-k3s/config', { headers: agent }, 200],
    'knows the token of servers': ['/v1-k3s/config', { headers: basic('server', 'serverpw') }, 200],
    'knows bootstrap tokens': ['/v1-k3s/config', { headers: { authorization: 'Bearer abcdef.0123456789abcdef' } }, 200],
    'knows nodes by certificate': ['/v1-k3s/config', { as: ['system:node:n1', 'system:nodes'] }, 200],
    'lets a certificate stand in for a token that has changed': [
      '/v1-k3s/config',
      { as: ['system:node:n1', 'system:nodes'], headers: basic('node', 'old') },
      200,
    ],
    'refuses other certificates': ['/v1-k3s/config', { as: ['admin', 'system:masters'] }, 403],
    'refuses a tunnel to a token': ['/v1-k3s/connect', { headers: agent }, 403],
    'asks tunnels to be upgraded': ['/v1-k3s/connect', { as: ['system:node:n1', 'system:nodes'] }, 400],
    'wants the name of a node': ['/v1-k3s/client-kubelet.crt', { headers: agent }, 400],
    'wants the password of a node': [
      '/v1-k3s/client-kubelet.crt',
      { headers: { ...agent, 'k3s-node-name': 'n1' } },
      400,
    ],
  };
  for (const [title, [path, question, status]] of Object.entries(admissions)) {
    it(title, async () => {
      const reply = await ask(path, question);
      assert.equal(reply.status, status);
      if (status === 401 || status === 403) assert.equal(reply.body, '');
    });
  }

  it("writes ranges as Go's decoder reads them", async () => {
    const config = JSON.parse((await ask('/v1-k3s/config', { headers: agent })).body);
    assert.deepEqual(config.ClusterIPRange, { IP: '10.42.0.0', Mask: '//8AAA==' });
    assert.deepEqual(config.ServiceNodePortRange, { Base: 30000, Size: 2768 });
    assert.deepEqual([config.HTTPSPort, config.SupervisorPort], [30443, 30443]);
  });

  it('lists servers, and tells when it is ready', async () => {
    assert.equal((await ask('/v1-k3s/apiservers', { headers: agent })).body, '["10.200.0.1:30443"]\n');
    assert.deepEqual(await ask('/v1-k3s/readyz', { headers: agent }), { status: 200, body: 'ok' });
    state.ready = false;
    assert.equal((await ask('/v1-k3s/readyz', { headers: agent })).status, 503);
    state.ready = true;
  });

  it('gives older agents leaf, authority and key', async () => {
    const { status, body } = await ask('/v1-k3s/serving-kubelet.crt', { headers: joinAs('VM-2', 'a'.repeat(32)) });
    assert.equal(status, 200);
    assert.deepEqual(blocks(body), ['CERTIFICATE', 'CERTIFICATE', 'EC PRIVATE KEY']);
    const leaf = new X509Certificate(body);
    assert.equal(leaf.subject, 'CN=vm-2');
    assert.equal(leaf.subjectAltName, 'DNS:vm-2, DNS:localhost, IP Address:127.0.0.1, IP Address:10.200.0.2');
    assert.ok(leaf.checkPrivateKey(createPrivateKey(body.slice(body.indexOf('-----BEGIN EC')))));
  });

  it('certifies the key of newer agents, and gives no other', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { status, body } = await ask('/v1-k3s/client-kubelet.crt', {
      method: 'POST',
      headers: joinAs('vm-2', 'a'.repeat(32)),
      body: createCertificateRequest(privateKey, { commonName: '', organizations: [] }),
    });
    assert.equal(status, 200);
    assert.deepEqual(blocks(body), ['CERTIFICATE', 'CERTIFICATE']);
    const leaf = new X509Certificate(body);
    assert.equal(leaf.subject, 'O=system:nodes\nCN=system:node:vm-2');
    assert.ok(leaf.checkPrivateKey(privateKey));
    assert.ok(leaf.verify(new X509Certificate(pki.client.certPem).publicKey));
  });

  it('gives a key where the request cannot be read', async () => {
    const { body } = await ask('/v1-k3s/client-kube-proxy.crt', {
      method: 'POST',
      headers: agent,
      body: Buffer.from('not DER'),
    });
    assert.deepEqual(blocks(body), ['CERTIFICATE', 'CERTIFICATE', 'EC PRIVATE KEY']);
    assert.equal(new X509Certificate(body).subject, 'CN=system:kube-proxy');
  });

  it('keeps a node name for the machine that came first', async () => {
    const claim = (password: string): Promise<Reply> =>
      ask('/v1-k3s/client-kubelet.crt', { headers: joinAs('taken', password) });
    assert.equal((await claim('b'.repeat(32))).status, 200);
    assert.equal((await claim('b'.repeat(32))).status, 200);
    assert.deepEqual(await claim('c'.repeat(32)), {
      status: 403,
      body: "unable to verify hash for node 'taken': hash does not match",
    });
    const secret = await api.client.get(secrets, { namespace: 'kube-system', name: 'taken.node-password.k3s' });
    assert.equal(secret.immutable, true);
    assert.match(Buffer.from(secret.data?.['hash'] ?? '', 'base64').toString(), /^\$1:[0-9a-f]{16}:15:8:1:[\w+/]{86}$/);
  });

  it('refuses a node name that cannot be kept, as one that is taken', async () => {
    api.on('POST', /\/secrets$/, ({ body }) => {
      const { metadata } = body as { metadata?: { name?: string } };
      if (metadata?.name === 'bad_name.node-password.k3s')
        throw new StatusError({ code: 422, reason: 'Invalid', message: 'metadata.name: Invalid value' });
    });
    const headers = joinAs('bad_name', 'e'.repeat(32));
    const { status, body } = await ask('/v1-k3s/client-kubelet.crt', { headers });
    assert.deepEqual([status, body], [403, 'metadata.name: Invalid value']);
  });

  it('lets a certificate without a token speak for its own node only, while that is there', async () => {
    const renew = (nodeName: string, headers: Record<string, string>): Promise<Reply> =>
      ask('/v1-k3s/client-kubelet.crt', {
        headers: { ...headers, 'k3s-node-name': nodeName, 'k3s-node-password': 'd'.repeat(32) },
        as: ['system:node:n7', 'system:nodes'],
      });
    assert.equal((await renew('n8', {})).status, 400);
    assert.deepEqual(await renew('n7', {}), { status: 401, body: 'unable to verify node identity' });
    assert.equal((await renew('n8', agent)).status, 200);
    await api.client.create(nodes, { metadata: { name: 'n7' }, spec: {} });
    assert.equal((await renew('n7', {})).status, 200);
  });

  it('does not believe addresses that are none', async () => {
    const headers = joinAs('vm-2', 'a'.repeat(32), 'here');
    assert.deepEqual(await ask('/v1-k3s/serving-kubelet.crt', { headers }), {
      status: 500,
      body: 'invalid IP address <nil>',
    });
  });
});

describe('the tunnel of the supervisor API', () => {
  const connect = (as: Ask['as']): Promise<TunnelClient> =>
    TunnelClient.open({
      url: `wss://127.0.0.1:${listener.port}/v1-k3s/connect`,
      tls: { ca: pki.server.certPem, ...clientTls(as) },
      generation: 'current',
      portFor: () => undefined,
      clock: systemClock,
    });

  it('opens for a node under its name', async () => {
    const client = await connect(['system:node:vm-2', 'system:nodes']);
    assert.ok(tunnels.has('vm-2'));
    await client.close();
  });

  it('stays shut for everybody else', async () => {
    await assert.rejects(connect(undefined), /403/);
    await assert.rejects(connect(['admin', 'system:masters']), /403/);
    await assert.rejects(connect(['vm-2', 'system:nodes']), /401/);
  });
});
