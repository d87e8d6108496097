import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { request } from 'node:https';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { gunzipSync, gzipSync } from 'node:zlib';
import { WebSocket } from 'ws';
import { type KubeObject, type ObjectKey, type ResourceType, toKeyText } from '../../machinery/object/object.ts';
import { createAuthority, type Issued, issueCertificate } from '../../pki/certificate.ts';
import { systemClock } from '../../std/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { FakeSpdyServer } from '../../testing/agent-double/fake-spdy-server.ts';
import type { Answer, AuthenticatedCall, Call, WireAnswer } from '../call.ts';
import { withFaults } from '../filters/faults.ts';
import { type Listener, openListener } from '../listener/https.ts';
import type { ObjectReader } from '../object-reader.ts';
import { createConnectors } from './connectors.ts';

const nowMs = Date.now();
const authority = createAuthority('server-ca', { nowMs });
const issue = (commonName: string, usage: 'server' | 'client', names: string[] = []): Issued =>
  issueCertificate(authority, { commonName, organizations: [], usages: [usage], names }, { nowMs });
const serving = issue('kube-apiserver', 'server', ['localhost']);
const kubeletServing = issue('system:node:n1', 'server', ['n1']);
const kubeletClient = issue('kube-apiserver', 'client');

/** What the kubelet got, and what it says. */
interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
const seen: Seen[] = [];

const kubelet: Server = createServer(async (incoming, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const { method = '', url = '', headers } = incoming;
  seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
  if (url.includes('/elsewhere')) {
    response.writeHead(302, { Location: 'http://169.254.169.254/latest/meta-data' });
    response.end();
  } else if (url.startsWith('/containerLogs/a/p/broken')) {
    response.writeHead(500);
    response.end('no such log');
  } else if (url.startsWith('/containerLogs')) {
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    response.write('line 1\n');
    if (url.includes('follow=true')) setTimeout(() => response.end('line 2\n'), 10);
    else response.end();
  } else if (url.startsWith('/away')) {
    response.writeHead(302, { Location: '/there?x=1' });
    response.end();
  } else {
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Set-Cookie': ['a=1', 'b=2'] });
    response.end(`kubelet ${url}`);
  }
});
kubelet.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
  const { method = '', url = '', headers } = incoming;
  seen.push({ method, url, headers, body: '' });
  if (url.includes('command=away') || url.startsWith('/portForward/a/away')) {
    socket.end('HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/x\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  if (url.includes('command=refused')) {
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX-Why: no\r\n\r\nno');
    return;
  }
  const protocol = String(headers['x-stream-protocol-version'])
    .split(',')
    .map((each) => each.trim())
    .at(-1);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  if (url.startsWith('/portForward')) {
    socket.write('hello');
    socket.on('data', (data: Buffer) => socket.write(data.toString().toUpperCase()));
    return;
  }
  new FakeSpdyServer(socket, head, url);
});

class FakeReader implements ObjectReader {
  readonly objects = new Map<string, unknown>();
  async get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Promise<T | undefined> {
    return this.objects.get(`${type.plural}/${toKeyText(key)}`) as T | undefined;
  }
  async list<T extends KubeObject>(): Promise<readonly T[]> {
    return [];
  }
}

describe('connections to nodes and pods', () => {
  const reader = new FakeReader();
  let listener: Listener;
  let port = 0;
  const dialled: string[] = [];
  const tls = createTlsServer({
    cert: kubeletServing.certPem,
    key: kubeletServing.keyPem ?? '',
    ca: authority.certPem,
    requestCert: true,
    rejectUnauthorized: true,
  });
  tls.on('secureConnection', (socket) => kubelet.emit('connection', socket));
  const plain = createServer((incoming, response) => {
    const { url = '', headers } = incoming;
    if (url === '/page') {
      response.setHeader('Content-Type', 'text/html; charset=utf-8');
      response.setHeader('Content-Encoding', 'gzip');
      response.end(gzipSync(`<A HREF=/next>${headers.host}</A>`));
    } else if (url === '/moved') response.writeHead(302, { Location: '/there?x' }).end();
    else response.end(`pod ${url} ${headers['x-forwarded-uri']}`);
  });

  before(async () => {
    tls.listen(0, '127.0.0.1');
    plain.listen(0, '127.0.0.1');
    await Promise.all([once(tls, 'listening'), once(plain, 'listening')]);
    const kubeletPort = (tls.address() as AddressInfo).port;
    reader.objects.set('nodes/n1', {
      metadata: { name: 'n1' },
      status: {
        addresses: [
          { type: 'Hostname', address: 'n1' },
          { type: 'InternalIP', address: '10.0.0.9' },
        ],
        daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
      },
    });
    reader.objects.set('nodes/n2', { metadata: { name: 'n2' }, status: {} });
    const pod = (name: string, more: object = {}) => ({
      metadata: { name, namespace: 'a' },
      spec: { nodeName: 'n1', containers: [{ name: 'c', ports: [{ containerPort: 8080 }] }] },
      status: { podIP: '10.42.0.7', podIPs: [{ ip: '10.42.0.7' }] },
      ...more,
    });
    reader.objects.set('pods/a/p', pod('p'));
    reader.objects.set(
      'pods/a/two',
      pod('two', { spec: { nodeName: 'n1', containers: [{ name: 'c' }, { name: 'd' }] } }),
    );
    reader.objects.set('pods/a/new', pod('new', { spec: { containers: [{ name: 'c' }] }, status: {} }));
    reader.objects.set('pods/a/local', pod('local', { status: { podIP: '127.0.0.1' } }));
    reader.objects.set('services/a/web', { metadata: { name: 'web' }, spec: { ports: [{ name: 'http', port: 80 }] } });
    reader.objects.set('services/a/empty', { metadata: { name: 'empty' }, spec: { ports: [{ port: 80 }] } });
    reader.objects.set('endpoints/a/empty', { metadata: { name: 'empty' } });
    reader.objects.set('endpoints/a/web', {
      metadata: { name: 'web' },
      subsets: [
        {
          addresses: [{ ip: '10.0.0.66' }, { ip: '10.42.0.7', targetRef: { kind: 'Pod', namespace: 'a', name: 'p' } }],
          ports: [{ name: 'http', port: 8080 }],
        },
      ],
    });
    const connectors = createConnectors({
      reader,
      authorizer: {
        authorize: async (user) => ({ verdict: user.name === 'reader' ? 'no-opinion' : 'allow', reason: '' }),
      },
      dialer: {
        async dial(node, host, target) {
          dialled.push(`${node} ${host}:${target === kubeletPort ? 'kubelet' : target}`);
          const socket = connectTcp(
            target === kubeletPort ? kubeletPort : (plain.address() as AddressInfo).port,
            '127.0.0.1',
          );
          await once(socket, 'connect');
          return socket;
        },
      },
      kubeletTls: { certPem: kubeletClient.certPem, keyPem: kubeletClient.keyPem ?? '', caPem: authority.certPem },
    });
    const serve = async (call: Call): Promise<Answer> => {
      const handler = connectors[`${call.info.resource}/${call.info.subresource}`];
      if (handler === undefined) throw new Error(`no connector for ${call.path}`);
      const user = { name: call.header('x-user') ?? 'admin', groups: [] };
      return await handler(Object.assign(call, { user }) as unknown as AuthenticatedCall);
    };
    const answer = withFaults(silentLogger, serve);
    listener = await openListener({
      host: '127.0.0.1',
      port: 0,
      tls: { certPem: serving.certPem, keyPem: serving.keyPem ?? '', clientCaPem: authority.certPem },
      handle: async (call): Promise<WireAnswer> => {
        const given = await answer(call);
        if (given.kind !== 'object') return given as WireAnswer;
        const body = Buffer.from(JSON.stringify(given.item.object));
        return { kind: 'bytes', status: given.status, contentType: 'application/json', body };
      },
      logger: silentLogger,
      clock: systemClock,
    });
    port = listener.port;
  });
  after(async () => {
    tls.close();
    plain.close();
    plain.closeAllConnections();
    await listener.close({ graceMs: 0 });
  });

  const trust = { ca: authority.certPem, servername: 'localhost' };
  async function call(method: string, path: string, headers: Record<string, string> = {}, body = '') {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, ...trust });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    return { status: response.statusCode ?? 0, headers: response.headers, bytes, text: bytes.toString() };
  }
  const messageOf = (text: string): string => JSON.parse(text).message;
  const podPath = '/api/v1/namespaces/a/pods';

  it('follows the log of the only container', async () => {
    const { status, headers, text } = await call('GET', `${podPath}/p/log?follow=true&tailLines=5&timestamps=true`);
    assert.deepEqual([status, headers['content-type'], text], [200, 'text/plain', 'line 1\nline 2\n']);
    assert.equal(seen.at(-1)?.url, '/containerLogs/a/p/c?follow=true&timestamps=true&tailLines=5');
    assert.equal(dialled.at(-1), 'n1 10.0.0.9:kubelet');
  });

  for (const [protocol, coding] of Object.entries({
    'binary.k8s.io': 'utf8',
    'base64.binary.k8s.io': 'base64',
  } as const)) {
    it(`shows logs over a WebSocket, as ${protocol}`, async () => {
      const client = new WebSocket(`wss://127.0.0.1:${port}${podPath}/p/log?follow=true`, [protocol, 'other'], trust);
      const messages: string[] = [];
      client.on('message', (data: Buffer) => messages.push(data.toString()));
      await once(client, 'close');
      const [first, ...rest] = messages;
      assert.deepEqual([client.protocol, first], [protocol, '']);
      assert.equal(rest.map((each) => Buffer.from(each, coding).toString()).join(''), 'line 1\nline 2\n');
    });
  }

  const refusals: Record<string, [string, number, string]> = {
    'of a pod that is missing': ['pods/none/log', 404, 'pods "none" not found'],
    'of no container among several': [
      'pods/two/log',
      400,
      'a container name must be specified for pod two, choose one of: [c d]',
    ],
    'of a container that is not there': ['pods/two/log?container=x', 400, 'container x is not valid for pod two'],
    'with too few lines': [
      'pods/p/log?tailLines=-1',
      422,
      'PodLogOptions "p" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    ],
    'with two beginnings': [
      'pods/p/log?sinceSeconds=5&sinceTime=2020-01-01T00:00:00Z',
      422,
      'PodLogOptions "p" is invalid: []: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
    ],
  };
  for (const [title, [path, code, message]] of Object.entries(refusals)) {
    it(`refuses a log ${title}`, async () => {
      const { status, text } = await call('GET', `/api/v1/namespaces/a/${path}`);
      assert.deepEqual([status, messageOf(text)], [code, message]);
    });
  }

  it('answers nothing for the log of a pod without a node', async () => {
    const { status, text } = await call('GET', `${podPath}/new/log`);
    assert.deepEqual([status, text], [204, '']);
  });

  it('says why the kubelet has no log', async () => {
    reader.objects.set('pods/a/p', {
      ...(reader.objects.get('pods/a/p') as object),
      spec: { nodeName: 'n1', containers: [{ name: 'c', ports: [{ containerPort: 8080 }] }, { name: 'broken' }] },
    });
    const { status, text } = await call('GET', `${podPath}/p/log?container=broken`);
    assert.deepEqual([status, messageOf(text)], [500, 'Internal error occurred: no such log']);
  });

  it('demands an upgrade, a host and the right to create for exec', async () => {
    const plainCall = await call('POST', `${podPath}/p/exec?command=a&container=c`);
    assert.deepEqual([plainCall.status, messageOf(plainCall.text)], [400, 'Upgrade request required']);
    const homeless = await call('POST', `${podPath}/new/exec?command=a`);
    assert.equal(messageOf(homeless.text), 'pod new does not have a host assigned');
    const reading = await call('GET', `${podPath}/p/exec?command=a`, { 'X-User': 'reader' });
    assert.equal(reading.status, 403);
    assert.match(messageOf(reading.text), /cannot create resource "pods\/exec"/);
  });

  interface Session {
    readonly protocol: string;
    readonly channels: Record<number, string>;
  }
  async function exec(query: string, talk: (socket: WebSocket) => void = () => {}): Promise<Session> {
    const socket = new WebSocket(
      `wss://127.0.0.1:${port}${podPath}/p/exec?container=c&${query}`,
      ['v5.channel.k8s.io'],
      trust,
    );
    const channels: Record<number, string> = {};
    socket.on('message', (data: Buffer) => {
      channels[data[0] ?? -1] = (channels[data[0] ?? -1] ?? '') + data.subarray(1).toString();
    });
    socket.once('open', () => talk(socket));
    await once(socket, 'close');
    return { protocol: socket.protocol, channels };
  }

  it('carries a WebSocket session to a kubelet that speaks SPDY, with the end of stdin', async () => {
    const { protocol, channels } = await exec('stdin=true&stdout=true&stderr=true&command=cat&command=-', (socket) => {
      socket.send(Buffer.from('\0one '));
      socket.send(Buffer.from('\0two'));
      socket.send(Buffer.from([255, 0]));
    });
    assert.equal(protocol, 'v5.channel.k8s.io');
    assert.deepEqual(channels, { 1: 'out: one two', 2: 'err', 3: '{"metadata":{},"status":"Success"}' });
    assert.equal(seen.at(-1)?.method, 'POST');
    assert.equal(seen.at(-1)?.url, '/exec/a/p/c?input=1&output=1&error=1&command=cat&command=-');
  });

  it('tells the exit code of a command', async () => {
    const { channels } = await exec('stdout=true&command=exit');
    assert.deepEqual(JSON.parse(channels[3] ?? ''), {
      metadata: {},
      status: 'Failure',
      message: 'command terminated with non-zero exit code: command terminated with exit code 7',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '7' }] },
    });
  });

  it('carries large output and the size of a terminal', async () => {
    const { channels } = await exec('stdin=true&stdout=true&tty=true&command=big', (socket) => {
      socket.send(Buffer.from('\x04{"Width":80,"Height":24}\n'));
    });
    assert.equal(channels[1]?.length, 3_000_000);
    assert.ok(channels[3]?.includes('Success'));
  });

  it('hands on the refusal of a kubelet', async () => {
    const path = `wss://127.0.0.1:${port}${podPath}/p/exec?container=c&stdout=true&command=refused`;
    const socket = new WebSocket(path, ['v5.channel.k8s.io'], trust);
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    assert.equal(response.statusCode, 500);
    socket.on('error', () => {});
    socket.terminate();
  });

  async function upgrade(
    path: string,
    headers: string,
  ): Promise<{ socket: Duplex; head: string; next(): Promise<string> }> {
    const socket = connectTls({ host: '127.0.0.1', port, ...trust });
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n${headers}\r\n\r\n`);
    const next = async (): Promise<string> => ((await once(socket, 'data')) as [Buffer])[0].toString();
    return { socket, head: await next(), next };
  }

  it('lets SPDY clients speak to the kubelet themselves', async () => {
    const { socket, head, next } = await upgrade(
      `${podPath}/p/portforward`,
      'X-Stream-Protocol-Version: portforward.k8s.io\r\nAuthorization: Bearer secret',
    );
    assert.match(head, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
    const greeting = head.endsWith('hello') ? 'hello' : await next();
    assert.equal(greeting, 'hello');
    socket.write('ping');
    assert.equal(await next(), 'PING');
    assert.equal(seen.at(-1)?.headers['authorization'], undefined);
    assert.equal(seen.at(-1)?.headers['upgrade'], 'SPDY/3.1');
    socket.destroy();
  });

  it('repeats what a kubelet says instead of an upgrade', async () => {
    const { head } = await upgrade(
      `${podPath}/p/exec?container=c&command=refused`,
      'X-Stream-Protocol-Version: v4.channel.k8s.io',
    );
    assert.match(head, /^HTTP\/1\.1 403 Forbidden\r\n/);
    assert.match(head, /X-Why: no/);
  });

  it('follows no redirect of a kubelet', async () => {
    reader.objects.set('pods/a/away', {
      metadata: { name: 'away', namespace: 'a' },
      spec: { nodeName: 'n1', containers: [{ name: 'elsewhere' }] },
      status: {},
    });
    dialled.length = 0;
    const log = await call('GET', `${podPath}/away/log`);
    assert.equal(log.status, 500);
    assert.match(messageOf(log.text), /^Get "https:.*": redirects forbidden$/);
    const proxied = await call('GET', '/api/v1/nodes/n1/proxy/elsewhere');
    assert.equal(proxied.headers['location'], 'http://169.254.169.254/latest/meta-data');
    for (const path of [
      `${podPath}/away/exec?command=away`,
      `${podPath}/away/attach?x=away`,
      `${podPath}/away/portforward`,
    ]) {
      const { head } = await upgrade(path, 'X-Stream-Protocol-Version: v4.channel.k8s.io');
      assert.match(head, /^HTTP\/1\.1 (500|101)/);
      assert.doesNotMatch(head, /Location/);
    }
    const socket = new WebSocket(
      `wss://127.0.0.1:${port}${podPath}/away/exec?command=away&stdout=true`,
      ['v5.channel.k8s.io'],
      trust,
    );
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    assert.equal(response.statusCode, 500);
    socket.on('error', () => {}).terminate();
    assert.ok(dialled.length > 0 && dialled.every((each) => each === 'n1 10.0.0.9:kubelet'), dialled.join());
  });

  it('takes SPDY out of a WebSocket for port-forward', async () => {
    const socket = connectTls({ host: '127.0.0.1', port, ...trust });
    const lines = [
      `GET ${podPath}/p/portforward?ports=80 HTTP/1.1`,
      'Host: x',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      'Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io',
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    let received = '';
    socket.on('data', (data: Buffer) => {
      received += data.toString('latin1');
    });
    const until = async (text: string): Promise<void> => {
      while (!received.includes(text)) await once(socket, 'data');
    };
    await until('\r\n\r\n');
    assert.match(received, /^HTTP\/1\.1 101 /);
    assert.match(received, /Sec-WebSocket-Protocol: SPDY\/3\.1\+portforward\.k8s\.io\r\n/);
    await until('\x82\x05hello');
    // A binary message with a mask of zeros.
    socket.write(Buffer.from('\x82\x83\0\0\0\0abc', 'latin1'));
    await until('\x82\x03ABC');
    assert.equal(seen.at(-1)?.url, '/portForward/a/p?port=80');
    assert.equal(seen.at(-1)?.headers['x-stream-protocol-version'], 'portforward.k8s.io');
    socket.destroy();
  });

  it('proxies to the kubelet of a node, without the credentials of the caller', async () => {
    const path = '/api/v1/nodes/n1/proxy/stats/a%2Fb?x=1';
    const { status, headers, text } = await call(
      'PUT',
      path,
      { Authorization: 'Bearer secret', 'X-Mine': '1' },
      'body',
    );
    assert.deepEqual([status, text, headers['set-cookie']], [200, 'kubelet /stats/a%2Fb?x=1', ['a=1', 'b=2']]);
    const got = seen.at(-1);
    assert.deepEqual(
      [got?.method, got?.body, got?.headers['x-mine'], got?.headers['authorization']],
      ['PUT', 'body', '1', undefined],
    );
    assert.equal(got?.headers['x-forwarded-for'], '127.0.0.1');
  });

  it('sends browsers to a path that ends with a slash', async () => {
    const { status, headers } = await call('GET', '/api/v1/nodes/n1/proxy?x=1');
    assert.deepEqual([status, headers['location']], [301, '/api/v1/nodes/n1/proxy/?x=1']);
  });

  it('proxies to the first port of a pod through its node', async () => {
    const { text } = await call('GET', `${podPath}/p/proxy/hi?y=2`);
    assert.equal(text, `pod /hi?y=2 ${podPath}/p/proxy/hi`);
    assert.equal(dialled.at(-1), 'n1 10.42.0.7:8080');
  });

  it('leads the links of pages and redirects through the proxy', async () => {
    const page = await call('GET', `${podPath}/p/proxy/page`, { host: 'api.example.com' });
    assert.equal(gunzipSync(page.bytes).toString(), `<a href="${podPath}/p/proxy/next">api.example.com</A>`);
    assert.equal(page.headers['content-length'], undefined);
    const moved = await call('GET', `${podPath}/p/proxy/moved`);
    assert.deepEqual([moved.status, moved.headers['location']], [302, `${podPath}/p/proxy/there?x`]);
  });

  it('does not proxy to addresses of the server itself', async () => {
    assert.equal(messageOf((await call('GET', `${podPath}/local/proxy/x`)).text), 'address not allowed');
    assert.equal(messageOf((await call('GET', `${podPath}/new/proxy/x`)).text), 'address not allowed');
  });

  it('proxies to a pod behind a service, by port name or number', async () => {
    for (const name of ['web:http', 'web:80', 'http:web:http']) {
      const { text } = await call('GET', `/api/v1/namespaces/a/services/${name}/proxy/s`);
      assert.equal(text, `pod /s /api/v1/namespaces/a/services/${name}/proxy/s`);
    }
  });

  it('says what a service lacks', async () => {
    const ask = async (name: string): Promise<string> =>
      messageOf((await call('GET', `/api/v1/namespaces/a/services/${name}/proxy/x`)).text);
    assert.equal(await ask('none'), 'services "none" not found');
    assert.equal(await ask('empty'), 'no endpoints available for service "empty"');
    assert.equal(await ask('web:81'), 'no service port 81 found for service "web"');
    assert.equal(await ask('ftp:web:http'), 'invalid service request "ftp:web:http"');
  });

  it('says that a node has no address', async () => {
    const { status, text } = await call('GET', '/api/v1/nodes/n2/proxy/x');
    assert.deepEqual([status, messageOf(text)], [500, 'no preferred addresses found; known addresses: []']);
    assert.equal((await call('GET', '/api/v1/nodes/none/proxy/x')).status, 404);
  });
});
