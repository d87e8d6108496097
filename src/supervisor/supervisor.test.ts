import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type Listener, openListener } from '../apiserver/listener/https.ts';
import { configmaps, nodes, secrets } from '../generated/resource-types.ts';
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
  /** What stands behind the code in the status line. */
  readonly phrase: string;
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
  return { status: response.statusCode, phrase: response.statusMessage, body: text };
}

const told: unknown[][] = [];
const rotated: string[] = [];
const messageOf = ({ body }: Reply): string => JSON.parse(body).message;
const put = (text: string): Ask => ({ method: 'PUT', headers: basic('server', 'serverpw'), body: Buffer.from(text) });

const blocks = (pem: string): string[] => [...pem.matchAll(/-----BEGIN ([A-Z ]+)-----/g)].map(([, kind]) => kind ?? '');

before(async () => {
  pki = loadPki(await createPkiFiles(Date.now()));
  const supervisor = createSupervisor({
    pki,
    tokens: {
      agent: 'agentpw',
      server: 'serverpw',
      verifyBootstrap: async (token) => {
        if (token.startsWith('slowly')) await new Promise((resolve) => setTimeout(resolve, 30));
        return token === 'abcdef.0123456789abcdef'
          ? { name: 'system:bootstrap:abcdef', groups: ['system:bootstrappers'] }
          : undefined;
      },
    },
    tunnels,
    client: () => api.client,
    events: () => ({ event: (...event) => told.push(event) }),
    rotateToken: async (password) => void rotated.push(password),
    serverNames: ['kubernetes', '127.0.0.1', '10.200.0.1'],
    ready: () => state.ready,
    serverAddresses: ['10.200.0.1:30443'],
    agentConfig: {
      port: 30443,
      clusterCidrs: ['10.42.0.0/16'],
      serviceCidrs: ['10.43.0.0/16'],
      nodePorts: { first: 30000, last: 32767 },
      clusterDns: ['10.43.0.10'],
      clusterDomain: 'cluster.local',
      egressMode: 'pod',
      systemDefaultRegistry: 'registry.example.com/all',
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
  const open: Record<string, [string, () => Omit<Reply, 'phrase'>]> = {
    'gives the authority that tokens pin, byte for byte': [
      '/cacerts',
      () => ({ status: 200, body: pki.server.certPem }),
    ],
    'answers a ping': ['/ping', () => ({ status: 200, body: 'pong' })],
    'leaves other paths to the API': ['/v1-k3s/x', () => ({ status: 418, body: 'the API' })],
  };
  for (const [title, [path, wanted]] of Object.entries(open)) {
    it(title, async () => {
      const { status, body } = await ask(path);
      assert.deepEqual({ status, body }, wanted());
    });
  }

  const admissions: Record<string, [path: string, Ask, status: number]> = {
    'refuses a configuration to nobody': ['/v1-k3s/config', {}, 403],
    'refuses a wrong password': ['/v1-k3s/config', { headers: basic('node', 'wrong') }, 401],
    'refuses an unknown user': ['/v1-k3s/config', { headers: basic('root', 'agentpw') }, 401],
    'refuses an unknown bearer': ['/v1-k3s/config', { headers: { authorization: 'Bearer x' } }, 401],
    'knows the token of agents': ['/v1-k3s/config', { headers: agent }, 200],
    'keeps the token of servers from what agents ask': [
      '/v1-k3s/config',
      { headers: basic('server', 'serverpw') },
      403,
    ],
    'knows bootstrap tokens': ['/v1-k3s/config', { headers: { authorization: 'Bearer abcdef.0123456789abcdef' } }, 200],
    'knows bootstrap tokens that older agents send as passwords': [
      '/v1-k3s/config',
      { headers: basic('node', 'abcdef.0123456789abcdef') },
      200,
    ],
    'knows bootstrap tokens of no server': [
      '/v1-k3s/config',
      { headers: basic('server', 'abcdef.0123456789abcdef') },
      401,
    ],
    'refuses bootstrap tokens that are not there': [
      '/v1-k3s/config',
      { headers: basic('node', 'abcdef.0000000000000000') },
      401,
    ],
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
      if (status === 401 || status === 403) {
        const [message, reason] = status === 401 ? ['not authorized', 'Unauthorized'] : ['forbidden', 'Forbidden'];
        const wanted = { kind: 'Status', metadata: {}, status: 'Failure', message, reason, code: status };
        assert.deepEqual(JSON.parse(reply.body), wanted);
      }
    });
  }

  it('refuses an upgrade with a Status, which agents put into their log', async () => {
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
    const reply = await ask('/v1-k3s/connect', { headers: { ...upgrade, ...agent } });
    assert.deepEqual([reply.status, messageOf(reply)], [403, 'forbidden']);
  });

  /** What agents ask for when they start, by when they began to; each ask as that generation makes it. */
  const bearer = { authorization: 'Bearer abcdef.0123456789abcdef' };
  const self: readonly [string, ...string[]] = ['system:node:g1', 'system:nodes'];
  const csr = (): Buffer => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return createCertificateRequest(privateKey, { commonName: '', organizations: [] });
  };
  const generations: Record<string, () => readonly [path: string, question: Ask, wanted: number][]> = {
    'v1.21, with a token and by GET': () => [
      ['/cacerts', {}, 200],
      ['/v1-k3s/config', { headers: agent }, 200],
      ['/v1-k3s/client-ca.crt', { headers: agent }, 200],
      ['/v1-k3s/server-ca.crt', { headers: agent }, 200],
      ['/v1-k3s/serving-kubelet.crt', { headers: joinAs('g1', 'pw') }, 200],
      ['/v1-k3s/client-kubelet.crt', { headers: joinAs('g1', 'pw') }, 200],
      ['/v1-k3s/client-kube-proxy.crt', { headers: agent }, 200],
      ['/v1-k3s/client-k3s-controller.crt', { headers: agent }, 200],
    ],
    'v1.24, which lists the servers': () => [
      ['/v1-k3s/config', { headers: agent }, 200],
      ['/v1-k3s/apiservers', { headers: agent }, 200],
      ['/v1-k3s/client-kubelet.crt', { headers: joinAs('g1', 'pw') }, 200],
    ],
    'v1.26, with a bootstrap token': () => [
      ['/v1-k3s/config', { headers: bearer }, 200],
      ['/v1-k3s/apiservers', { headers: bearer }, 200],
      ['/v1-k3s/readyz', { headers: bearer }, 200],
      ['/v1-k3s/serving-kubelet.crt', { headers: { ...joinAs('g1', 'pw'), ...bearer } }, 200],
    ],
    'v1.31 and later, with keys of their own': () => {
      const ask: Ask = { method: 'POST', headers: joinAs('g1', 'pw', '10.200.0.2,fd00::2'), body: csr() };
      return [
        ['/v1-k3s/serving-kubelet.crt', ask, 200],
        ['/v1-k3s/client-kubelet.crt', ask, 200],
        ['/v1-k3s/client-kube-proxy.crt', ask, 200],
        ['/v1-k3s/client-k3s-controller.crt', ask, 200],
        ['/v1-k3s/readyz', { headers: agent }, 200],
      ];
    },
    // In the order in which one was seen to ask: by token until it has a certificate, and by that from then on.
    'v1.36, which come for the first time': () => {
      const ask: Ask = { method: 'POST', headers: joinAs('g1', 'pw', '10.200.0.2'), body: csr() };
      const known: Ask = { as: self, headers: agent };
      return [
        ['/cacerts', {}, 200],
        ['/v1-k3s/config', { headers: agent }, 200],
        ['/v1-k3s/client-ca.crt', { headers: agent }, 200],
        ['/v1-k3s/server-ca.crt', { headers: agent }, 200],
        ['/v1-k3s/serving-kubelet.crt', ask, 200],
        ['/v1-k3s/client-kubelet.crt', ask, 200],
        ['/v1-k3s/client-kube-proxy.crt', { ...known, method: 'POST', body: csr() }, 200],
        ['/v1-k3s/client-k3s-controller.crt', { ...known, method: 'POST', body: csr() }, 200],
        ['/v1-k3s/apiservers', known, 200],
        ['/v1-k3s/readyz', known, 200],
        ['/v1-k3s/config', known, 200],
      ];
    },
    'the newest when they start again, by certificate': () => [
      ['/v1-k3s/config', { as: self, headers: agent }, 200],
      ['/v1-k3s/apiservers', { as: self }, 200],
      ['/v1-k3s/readyz', { as: self }, 200],
      // Asked only where there is a registry among the machines; without one, the path is the API's.
      ['/v1-k3s/p2p', { as: self }, 418],
      ['/v1-k3s/client-kube-proxy.crt', { as: self, method: 'POST', body: csr() }, 200],
    ],
  };
  for (const [title, asks] of Object.entries(generations)) {
    it(`serves agents of ${title}`, async () => {
      const key = { namespace: 'kube-system', name: 'bootstrap-token-abcdef' };
      await api.client.create(secrets, { metadata: key }).catch(() => {});
      for (const [path, question, wanted] of asks()) {
        assert.equal((await ask(path, question)).status, wanted, `${question.method ?? 'GET'} ${path}`);
      }
    });
  }

  it('tells agents what they may let the server reach, and where images are', async () => {
    const { EgressSelectorMode, SystemDefaultRegistry, MinTLSVersion, CipherSuites } = JSON.parse(
      (await ask('/v1-k3s/config', { headers: agent })).body,
    );
    assert.deepEqual([EgressSelectorMode, SystemDefaultRegistry], ['pod', 'registry.example.com/all']);
    // Names that Go's decoder of flags knows; a word that it does not know would end an agent that serves metrics.
    assert.deepEqual([MinTLSVersion, CipherSuites.length], ['', 6]);
  });

  it('answers the commands of k3s', async () => {
    const server = { headers: basic('server', 'serverpw') };
    assert.deepEqual(JSON.parse((await ask('/v1-k3s/encrypt/status', server)).body), { stage: '', activekey: '' });
    for (const path of ['/v1-k3s/encrypt/config', '/v1-k3s/cert/cacerts', '/v1-k3s/token']) {
      assert.equal((await ask(path, server)).status, 405, path);
      assert.equal((await ask(path, { method: 'PUT', headers: agent })).status, 403, path);
    }
    assert.equal((await ask('/v1-k3s/cert/cacerts', put('{}'))).status, 400);
  });

  it('lets nobody in who is shut out, by name or by certificate', async () => {
    const key = { namespace: 'kube-system', name: 'denied-machines' };
    await api.client.create(configmaps, { metadata: key, data: { stolen: 'in May' } });
    const refused = await ask('/v1-k3s/client-kubelet.crt', { headers: joinAs('Stolen', 'pw') });
    const why = "node 'stolen' is shut out by the ConfigMap kube-system/denied-machines";
    assert.deepEqual([refused.status, refused.phrase, messageOf(refused)], [409, why, why]);
    for (const path of ['/v1-k3s/config', '/v1-k3s/connect', '/v1-k3s/client-kube-proxy.crt']) {
      assert.equal((await ask(path, { as: ['system:node:stolen', 'system:nodes'] })).status, 401, path);
    }
    assert.equal((await ask('/v1-k3s/config', { as: ['system:node:n1', 'system:nodes'] })).status, 200);
    await api.client.delete(configmaps, key);
  });

  it("writes ranges as Go's decoder reads them", async () => {
    const config = JSON.parse((await ask('/v1-k3s/config', { headers: agent })).body);
    assert.deepEqual(config.ClusterIPRange, { IP: '10.42.0.0', Mask: '//8AAA==' });
    assert.deepEqual(config.ServiceNodePortRange, { Base: 30000, Size: 2768 });
    assert.deepEqual([config.HTTPSPort, config.SupervisorPort], [30443, 30443]);
  });

  it('lists servers, and tells when it is ready', async () => {
    assert.equal((await ask('/v1-k3s/apiservers', { headers: agent })).body, '["10.200.0.1:30443"]\n');
    assert.deepEqual(await ask('/v1-k3s/readyz', { headers: agent }), { status: 200, phrase: 'OK', body: 'ok' });
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
    assert.equal(
      leaf.subjectAltName,
      'DNS:vm-2, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:10.200.0.2',
    );
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
    const refused = await claim('c'.repeat(32));
    const message = 'unable to verify password for node taken: hash does not match';
    assert.deepEqual([refused.status, messageOf(refused)], [403, message]);
    assert.deepEqual(told.at(-1), [
      { kind: 'Node', name: 'taken', uid: 'taken' },
      'Warning',
      'NodePasswordValidationFailed',
      `A machine at 127.0.0.1 wants to join under the name of this node: ${message}. Where it is the same machine, wiped, free the name: kubectl delete node taken`,
    ]);
    const secret = await api.client.get(secrets, { namespace: 'kube-system', name: 'taken.node-password.k3s' });
    assert.equal(secret.immutable, true);
    assert.match(Buffer.from(secret.data?.['hash'] ?? '', 'base64').toString(), /^\$1:[0-9a-f]{16}:15:8:1:[\w+/]{86}$/);
  });

  it('refuses a node name that cannot be kept, and says so where agents look', async () => {
    api.on('POST', /\/secrets$/, ({ body }) => {
      const { metadata } = body as { metadata?: { name?: string } };
      if (metadata?.name === 'bad_name.node-password.k3s')
        throw new StatusError({ code: 422, reason: 'Invalid', message: 'metadata.name: Invalid value' });
    });
    const headers = joinAs('bad_name', 'e'.repeat(32));
    const refused = await ask('/v1-k3s/client-kubelet.crt', { headers });
    assert.deepEqual([refused.status, refused.phrase], [409, 'metadata.name: Invalid value']);
  });

  it('lets a certificate without a token speak for its own node only, while that is there', async () => {
    const renew = (nodeName: string, headers: Record<string, string>): Promise<Reply> =>
      ask('/v1-k3s/client-kubelet.crt', {
        headers: { ...headers, 'k3s-node-name': nodeName, 'k3s-node-password': 'd'.repeat(32) },
        as: ['system:node:n7', 'system:nodes'],
      });
    assert.equal((await renew('n8', {})).status, 400);
    const unknown = await renew('n7', {});
    assert.deepEqual(
      [unknown.status, messageOf(unknown)],
      [401, 'unable to verify node identity: nodes "n7" not found'],
    );
    assert.equal((await renew('n8', agent)).status, 200);
    await api.client.create(nodes, { metadata: { name: 'n7' }, spec: {} });
    assert.equal((await renew('n7', {})).status, 200);
  });

  for (const addresses of ['here', '10.200.0.2, 10.200.0.3', '10.200.0.2,']) {
    it(`does not believe addresses that are none: ${addresses}`, async () => {
      const headers = joinAs('vm-2', 'a'.repeat(32), addresses);
      const refused = await ask('/v1-k3s/serving-kubelet.crt', { headers });
      const message = 'Internal error occurred: invalid node IP address <nil>';
      assert.deepEqual([refused.status, messageOf(refused)], [500, message]);
      assert.match(
        refused.body,
        /"details":\{"causes":\[\{"message":"invalid node IP address \\u003cnil\\u003e"\}\]\}/,
      );
    });
  }

  it('certifies no node as a server', async () => {
    const addresses = '10.200.0.9,10.200.0.1,::ffff:10.200.0.1';
    const { body } = await ask('/v1-k3s/serving-kubelet.crt', { headers: joinAs('vm-9', 'a'.repeat(32), addresses) });
    const names = 'DNS:vm-9, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:10.200.0.9';
    assert.equal(new X509Certificate(body).subjectAltName, names);
    const refused = await ask('/v1-k3s/serving-kubelet.crt', { headers: joinAs('Kubernetes', 'a'.repeat(32)) });
    assert.deepEqual([refused.status, messageOf(refused)], [400, 'node name kubernetes is a name of the server']);
  });

  const rotations: Record<string, [ask: Ask, status: number, message: string | undefined, password?: string]> = {
    'a new password': [put('{"newToken":"fresh"}'), 200, undefined, 'fresh'],
    'a new token in full form': [put('{"newToken":"K10::server:fresh"}'), 200, undefined, 'fresh'],
    'an empty one, so that one is made': [put('{"newToken":""}'), 200, undefined, ''],
    none: [put('{}'), 400, 'newToken must be a string'],
    'a list': [put('[]'), 400, 'newToken must be a string'],
    nothing: [put('null'), 400, 'newToken must be a string'],
    'what is no JSON': [put('{'), 400, undefined],
    'a number': [put('{"newToken":1}'), 400, 'newToken must be a string'],
    'a password with a space': [
      put('{"newToken":"a b"}'),
      400,
      'newToken must be of printable characters, without spaces',
    ],
    'another method': [
      { headers: basic('server', 'serverpw') },
      405,
      'the server does not allow this method on the requested resource',
    ],
    'an agent': [{ ...put('{"newToken":"x"}'), headers: agent }, 403, 'forbidden'],
    'a bootstrap token': [
      { ...put('{}'), headers: { authorization: 'Bearer abcdef.0123456789abcdef' } },
      403,
      'forbidden',
    ],
    'a node': [{ ...put('{}'), headers: {}, as: ['system:node:n1', 'system:nodes'] }, 403, 'forbidden'],
    nobody: [{ ...put('{}'), headers: {} }, 403, 'forbidden'],
  };
  for (const [title, [question, status, message, password]] of Object.entries(rotations)) {
    it(`rotates the token when asked as k3s asks: ${title}`, async () => {
      rotated.length = 0;
      const reply = await ask('/v1-k3s/token', question);
      assert.equal(reply.status, status);
      if (message !== undefined) assert.equal(messageOf(reply), message);
      assert.deepEqual(rotated, password === undefined ? [] : [password]);
    });
  }

  it('hands its authorities to nobody', async () => {
    const asServer = await ask('/v1-k3s/server-bootstrap', { headers: basic('server', 'serverpw') });
    assert.deepEqual([asServer.status, messageOf(asServer)], [400, 'etcd disabled']);
    assert.equal((await ask('/v1-k3s/server-bootstrap', { headers: agent })).status, 403);
    assert.equal((await ask('/v1-k3s/server-bootstrap')).status, 403);
    for (const path of ['/v1-k3s/encrypt/status', '/v1-k3s/cert/cacerts'])
      assert.equal((await ask(path, { headers: agent })).status, 403, path);
    for (const path of ['/db/info', '/static/../token'])
      assert.equal((await ask(path, { headers: agent })).status, 418, path);
  });

  it('connects nobody to anywhere', async () => {
    const outgoing = httpsRequest({
      host: '127.0.0.1',
      port: listener.port,
      method: 'CONNECT',
      path: '127.0.0.1:1',
      ca: pki.server.certPem,
      agent: false,
      ...clientTls(['admin', 'system:masters']),
    });
    outgoing.end();
    const outcome = await once(outgoing, 'connect').then(
      ([response]) => response.statusCode >= 400,
      () => true,
    );
    assert.equal(outcome, true);
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

  it('outlives a renewal of the serving certificate, which the next handshake shows', async () => {
    const tls = { ca: pki.server.certPem, ...clientTls(['system:node:vm-2', 'system:nodes']) };
    const client = await connect(['system:node:vm-2', 'system:nodes']);
    const { chainPem, keyPem = '' } = issueCertificate(
      pki.server,
      { commonName: 'renewed', organizations: [], usages: ['server'], names: ['127.0.0.1'] },
      { nowMs: Date.now() },
    );
    listener.setCertificate({ certPem: chainPem, keyPem });
    const socket = connectTls({ host: '127.0.0.1', port: listener.port, ...tls });
    await once(socket, 'secureConnect');
    assert.equal(socket.getPeerCertificate().subject.CN, 'renewed');
    socket.destroy();
    assert.ok(tunnels.has('vm-2'));
    const dialled = await tunnels.dial('vm-2', 'vm-2', 10_250, new AbortController().signal);
    dialled.on('error', () => {});
    // This agent allows nothing, so that the dial is the end of its session: it was heard.
    await client.ended;
    assert.deepEqual(client.targets, ['tcp/127.0.0.1:10250']);
    await (await connect(['system:node:vm-2', 'system:nodes'])).close();
  });

  it('bears clients that leave in the middle of their request for it', async () => {
    for (const as of [undefined, ['system:node:vm-2', 'system:nodes'] as const]) {
      const transport = connectTcp(listener.port, '127.0.0.1').on('error', () => {});
      const socket = connectTls({ socket: transport, rejectUnauthorized: false, ...clientTls(as) });
      socket.on('error', () => {});
      await once(socket, 'secureConnect');
      // One that takes a while to judge.
      const authorization = `Basic ${Buffer.from('node:slowly.0123456789abcdef').toString('base64')}`;
      const lines = ['GET /v1-k3s/connect HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: websocket'];
      socket.write(`${[...lines, `Authorization: ${authorization}`].join('\r\n')}\r\n\r\n`);
      await new Promise((resolve) => setTimeout(resolve, 10));
      transport.resetAndDestroy();
    }
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal((await ask('/ping')).status, 200);
  });

  it('stays shut for everybody else', async () => {
    await assert.rejects(connect(undefined), /403/);
    await assert.rejects(connect(['admin', 'system:masters']), /403/);
    await assert.rejects(connect(['vm-2', 'system:nodes']), /401/);
  });
});
