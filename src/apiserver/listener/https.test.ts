import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, type RequestOptions, request } from 'node:https';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { after, describe, it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { createAuthority, type Issued, issueCertificate } from '../../pki/certificate.ts';
import { systemClock } from '../../std/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import type { Call, WireAnswer } from '../call.ts';
import { type Listener, type ListenerOptions, openListener } from './https.ts';
import { createCredentialsReader } from './peer-certificates.ts';

const nowMs = Date.now();
const serverCa = createAuthority('server-ca', { nowMs });
const clientCa = createAuthority('client-ca', { nowMs });
const serving = (name: string): Issued =>
  issueCertificate(
    serverCa,
    { commonName: name, organizations: [], usages: ['server'], names: ['localhost', name] },
    { nowMs },
  );
const client = issueCertificate(clientCa, { commonName: 'alice', organizations: [], usages: ['client'] }, { nowMs });
const toServing = ({ certPem, keyPem = '' }: Issued): { certPem: string; keyPem: string } => ({ certPem, keyPem });

const ok = (body: string | Buffer): WireAnswer => ({
  kind: 'bytes',
  status: 200,
  contentType: 'text/plain',
  body: Buffer.from(body),
});
const big = Buffer.from('x'.repeat(600_000));

async function handle(call: Call): Promise<WireAnswer> {
  switch (call.path) {
    case '/echo':
      return ok(`${call.method} ${call.query.get('q') ?? ''} ${(await call.body()).length}`);
    case '/warned':
      call.warnings.push('say "no"');
      return ok('warned');
    case '/big':
      return { kind: 'bytes', status: 200, contentType: 'text/plain', body: [big, big] };
    case '/who': {
      const { certificates } = createCredentialsReader()(call);
      return ok(String(certificates.length));
    }
    case '/stream':
      return {
        kind: 'stream',
        status: 200,
        contentType: 'text/plain',
        start: (sink) => {
          const next = async (left: number): Promise<void> => {
            if (left === 0) return sink.end();
            if (!sink.write(Buffer.alloc(64 * 1024, 'y'))) await sink.drained();
            await next(left - 1);
          };
          next(32);
        },
      };
    case '/wait':
      await once(call.signal, 'abort');
      aborted.push(call.path);
      return ok('late');
    case '/slow':
      await new Promise((resolve) => setTimeout(resolve, 30));
      return ok('slow');
    case '/boom':
      throw new Error('boom');
    default:
      return { kind: 'bytes', status: 403, contentType: 'application/json', body: Buffer.from('{"code":403}') };
  }
}
const aborted: string[] = [];

async function open(more: Partial<ListenerOptions> = {}): Promise<Listener> {
  return await openListener({
    host: '127.0.0.1',
    port: 0,
    tls: { ...toServing(serving('one')), clientCaPem: clientCa.certPem },
    handle,
    logger: silentLogger,
    clock: systemClock,
    ...more,
  });
}

async function fetchFrom(
  port: number,
  path: string,
  options: RequestOptions & { body?: Buffer } = {},
): Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }> {
  const { body, ...rest } = options;
  const sent = request({ host: '127.0.0.1', port, path, servername: 'localhost', ca: serverCa.certPem, ...rest });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}

describe('the HTTPS listener', async () => {
  const listener = await open();
  const { port } = listener;
  after(() => listener.close({ graceMs: 0 }));

  it('answers over HTTP/1.1 with the headers that every answer has', async () => {
    const { status, headers, body } = await fetchFrom(port, '/echo?q=a%20b', {
      method: 'POST',
      body: Buffer.from('abc'),
    });
    assert.equal(status, 200);
    assert.equal(body.toString(), 'POST a b 3');
    assert.equal(headers['cache-control'], 'no-cache, private');
    assert.match(String(headers['audit-id']), /^[0-9a-f-]{36}$/);
    assert.equal(headers['content-length'], '10');
  });

  it('answers over HTTP/2 on the same port', async () => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, {
      ca: serverCa.certPem,
      servername: 'localhost',
      ...certOf(),
    });
    const bodies = await Promise.all(
      ['/echo?q=1', '/who', '/big', '/stream'].map(async (path) => {
        const stream = session.request({ ':path': path });
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk as Buffer);
        return Buffer.concat(chunks);
      }),
    );
    assert.deepEqual(
      bodies.map((body) => (body.length < 100 ? body.toString() : body.length)),
      ['GET 1 0', '1', 1_200_000, 32 * 64 * 1024],
    );
    session.close();
  });

  it('keeps the body back for HEAD', async () => {
    const { headers, body } = await fetchFrom(port, '/echo', { method: 'HEAD' });
    assert.equal(headers['content-length'], '7');
    assert.equal(body.length, 0);
  });

  it('zips what is large for clients that read it', async () => {
    const { headers, body } = await fetchFrom(port, '/big', { headers: { 'accept-encoding': 'deflate, gzip' } });
    assert.equal(headers['content-encoding'], 'gzip');
    assert.equal(gunzipSync(body).length, 1_200_000);
    const plain = await fetchFrom(port, '/big');
    assert.equal(plain.body.length, 1_200_000);
  });

  it('writes warnings as headers', async () => {
    const { headers } = await fetchFrom(port, '/warned');
    assert.equal(headers['warning'], '299 - "say \\"no\\""');
  });

  it('refuses bodies beyond three MiB', async () => {
    const { status, body } = await fetchFrom(port, '/echo', {
      method: 'POST',
      body: Buffer.alloc(3 * 1024 * 1024 + 1),
    });
    assert.equal(status, 413);
    assert.equal(JSON.parse(body.toString()).message, 'Request entity too large: limit is 3145728');
  });

  it('lets clients write bodies to their end that it has refused', async () => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const faults: Error[] = [];
    socket.on('error', (error) => faults.push(error));
    const piece = Buffer.alloc(1024 * 1024);
    socket.write(`POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: ${4 * piece.length}\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    for (let left = 4; left > 0; left--) await new Promise((resolve) => socket.write(piece, resolve));
    socket.resume();
    await once(socket, 'end');
    assert.match(answer.toString(), /^HTTP\/1.1 413 /);
    assert.deepEqual(faults, []);
    socket.destroy();
  });

  it('turns what nobody caught into a Status', async () => {
    const { status, body } = await fetchFrom(port, '/boom');
    assert.equal(status, 500);
    assert.equal(JSON.parse(body.toString()).message, 'boom');
  });

  it('reads the certificate of a client, and lives without one', async () => {
    assert.equal((await fetchFrom(port, '/who')).body.toString(), '0');
    assert.equal((await fetchFrom(port, '/who', { ...certOf(), agent: new Agent() })).body.toString(), '1');
  });

  it('aborts the signal of a call once its client is gone', async () => {
    const sent = request({ host: '127.0.0.1', port, path: '/wait', servername: 'localhost', ca: serverCa.certPem });
    sent.on('error', () => {});
    sent.end();
    await once(sent, 'finish');
    await new Promise((resolve) => setTimeout(resolve, 20));
    sent.destroy();
    while (aborted.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(aborted, ['/wait']);
  });

  it('answers an upgrade that is not granted like a request', async () => {
    const socket = connect({ host: '127.0.0.1', port, ca: serverCa.certPem, servername: 'localhost' });
    socket.write('GET /nope HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    assert.match(text, /^HTTP\/1\.1 403 Forbidden\r\n/);
    assert.ok(text.endsWith('{"code":403}'));
  });

  it('refuses methods that nobody knows', async () => {
    const socket = connect({ host: '127.0.0.1', port, ca: serverCa.certPem, servername: 'localhost' });
    socket.write('BREW /echo HTTP/1.1\r\nHost: x\r\n\r\n');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    assert.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 405 .*"reason":"MethodNotAllowed"/s);
  });

  it('leaves pairs of the query out that are not well-formed', async () => {
    assert.equal((await fetchFrom(port, '/echo?q=a%&x=1')).body.toString(), 'GET  0');
    assert.equal((await fetchFrom(port, '/echo?x=%zz&q=b%20c')).body.toString(), 'GET b c 0');
  });

  it('lets others take requests and upgrades first', async () => {
    const taking = await open({
      first: (incoming, response) => {
        if (incoming.url !== '/cacerts') return false;
        response.end('pem');
        return true;
      },
      upgradeFirst: (_incoming, socket) => {
        socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nmine');
        return true;
      },
    });
    assert.equal((await fetchFrom(taking.port, '/cacerts')).body.toString(), 'pem');
    assert.equal((await fetchFrom(taking.port, '/echo')).body.toString(), 'GET  0');
    const socket = connect({ host: '127.0.0.1', port: taking.port, ca: serverCa.certPem, servername: 'localhost' });
    socket.write('GET /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    assert.ok(Buffer.concat(chunks).toString().endsWith('mine'));
    await taking.close({ graceMs: 0 });
  });

  it('says plainly that a port is taken', async () => {
    await assert.rejects(open({ port }), {
      message: `port ${port} on 127.0.0.1 is taken by another program; choose another port`,
    });
  });

  it('takes connections at another port too, as long as it is open', async () => {
    const free = createNetServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port: other } = free.address() as AddressInfo;
    const opened = await open();
    await assert.rejects(opened.listenToo(other), /is taken by another program/);
    await new Promise((resolve) => free.close(resolve));
    await opened.listenToo(other);
    assert.equal((await fetchFrom(other, '/echo?q=too')).body.toString(), 'GET too 0');
    await opened.close({ graceMs: 0 });
    await assert.rejects(fetchFrom(other, '/echo', { agent: new Agent() }), { code: 'ECONNREFUSED' });
  });

  it('shows a new certificate to new connections, and one by server name', async () => {
    const swapping = await open({
      tls: {
        ...toServing(serving('one')),
        clientCaPem: clientCa.certPem,
        getCertificate: async (name) => (name === 'special' ? toServing(serving('special')) : undefined),
      },
    });
    const nameSeen = async (servername: string): Promise<string | string[] | undefined> => {
      const options = { host: '127.0.0.1', port: swapping.port, servername, rejectUnauthorized: false };
      const socket: TLSSocket = connect(options);
      await once(socket, 'secureConnect');
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      return subject.CN;
    };
    assert.equal(await nameSeen('localhost'), 'one');
    assert.equal(await nameSeen('special'), 'special');
    swapping.setCertificate(toServing(serving('two')));
    assert.equal(await nameSeen('localhost'), 'two');
    await swapping.close({ graceMs: 0 });
  });

  it('lets requests under way finish when it closes', async () => {
    const closing = await open();
    const pending = fetchFrom(closing.port, '/slow');
    await new Promise((resolve) => setTimeout(resolve, 15));
    await closing.close({ graceMs: 1_000 });
    assert.equal((await pending).body.toString(), 'slow');
    await assert.rejects(fetchFrom(closing.port, '/echo', { agent: new Agent() }), { code: 'ECONNREFUSED' });
  });
});

function certOf(): { cert: string; key: string } {
  return { cert: client.certPem, key: client.keyPem ?? '' };
}
