import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Duplex, duplexPair } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { afterEach, before, beforeEach, describe, it } from 'node:test';
import { connect, createServer as createTlsServer } from 'node:tls';
import type { Backend } from '../datastore/backend.ts';
import { openMemoryBackend } from '../datastore/memory/memory-backend.ts';
import { createPkiFiles, loadPki, type Pki } from '../pki/bundle.ts';
import { issueCertificate } from '../pki/certificate.ts';
import { systemClock as clock } from '../std/clock.ts';
import { silentLogger as logger } from '../telemetry/logger.ts';
import { RELAY_PROTOCOL } from '../tunnel/relay/messages.ts';
import type { HeldTunnels } from '../tunnel/relay/relay-listener.ts';
import { TunnelError } from '../tunnel/tunnel-server.ts';
import { joinReplicas, type Replicas } from './replicas.ts';

const address = '127.0.0.1';
const never = new AbortController().signal;
const PREFIX = '/warren/replicas/';

/** Tunnels of one server: to which nodes, how long they were silent, and the far ends of what was dialled. */
class FakeTunnels implements HeldTunnels {
  readonly silent = new Map<string, number>();
  readonly dialled: string[] = [];
  readonly ends: Duplex[] = [];
  refusal: Error | undefined;

  silentMs(node: string): number | undefined {
    return this.silent.get(node);
  }

  async dial(node: string, host: string, port: number): Promise<Duplex> {
    if (!this.silent.has(node)) throw new TunnelError(`node ${node} has no tunnel to this server`);
    if (this.refusal !== undefined) throw this.refusal;
    this.dialled.push(`${node} ${host}:${port}`);
    const [near, far] = duplexPair({ allowHalfOpen: false });
    this.ends.push(far);
    far.on('error', () => {});
    return near;
  }
}

describe('replicas', () => {
  let pki: Pki;
  let otherPki: Pki;
  let backend: Backend;
  let members: Replicas[];
  before(async () => {
    pki = loadPki(await createPkiFiles(clock.nowMs()));
    otherPki = loadPki(await createPkiFiles(clock.nowMs()));
  });
  beforeEach(async () => {
    backend = await openMemoryBackend();
    members = [];
  });
  afterEach(async () => {
    for (const member of members) await member.leave();
    await backend.close();
  });
  const joining = async (nodes: Record<string, number> = {}, of: Pki = pki) => {
    const tunnels = new FakeTunnels();
    for (const [node, silentMs] of Object.entries(nodes)) tunnels.silent.set(node, silentMs);
    const options = { backend, pki: of, tunnels, bindAddress: address, port: 0, address, clock, logger };
    const replicas = await joinReplicas(options);
    members.push(replicas);
    const dial = async (node: string): Promise<Duplex> =>
      (await replicas.dial(node, '10.42.0.7', 8080, never)).on('error', () => {});
    return { tunnels, dial, replicas };
  };

  it('use their own tunnel where there is one, and that of another where there is none', async () => {
    const one = await joining({ near: 0 });
    const two = await joining({ near: 0, far: 0 });
    await one.dial('near');
    const stream = await one.dial('far');
    assert.deepEqual(one.tunnels.dialled, ['near 10.42.0.7:8080']);
    assert.deepEqual(two.tunnels.dialled, ['far 10.42.0.7:8080']);
    stream.end('ping');
    assert.equal(await text(two.tunnels.ends[0] as Duplex), 'ping');
  });

  it('carry large answers whole while the reader is slow, and end with them', async () => {
    const one = await joining();
    const two = await joining({ far: 0 });
    const stream = await one.dial('far');
    const sent = Buffer.alloc(8 << 20, 'abcdefg');
    (two.tunnels.ends[0] as Duplex).end(sent);
    await clock.sleep(50);
    assert.ok((await buffer(stream)).equals(sent));
  });

  it('tell why a stream broke, after all that came before', async () => {
    const one = await joining();
    const two = await joining();
    const near = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done(), allowHalfOpen: false });
    two.tunnels.silent.set('far', 0);
    two.tunnels.dial = async () => near;
    const stream = await one.dial('far');
    near.push('so far');
    await clock.sleep(50);
    near.destroy(new Error('dial tcp 10.42.0.7:8080: connection refused'));
    const chunks: string[] = [];
    await assert.rejects(async () => {
      for await (const chunk of stream) chunks.push(String(chunk));
    }, /connection refused/);
    assert.deepEqual(chunks, ['so far']);
  });

  it('say what the other one says where an address is refused, and why where nobody has a tunnel', async () => {
    const one = await joining();
    const two = await joining({ far: 0 });
    two.tunnels.refusal = new TunnelError('10.42.0.7:8080 on node far cannot be reached');
    await assert.rejects(
      one.dial('far'),
      (error) => error instanceof TunnelError && /cannot be reached/.test(error.message),
    );
    await assert.rejects(one.dial('none'), /node none has no tunnel/);
  });

  it('prefer the tunnel whose agent was heard last where the own one has gone silent', async () => {
    const one = await joining({ moved: 30_000 });
    const two = await joining({ moved: 1_000 });
    const three = await joining({ moved: 45_000 });
    await one.dial('moved');
    await three.dial('moved');
    await two.dial('moved');
    assert.deepEqual(
      [one, two, three].map(({ tunnels }) => tunnels.dialled.length),
      [0, 3, 0],
    );
    two.tunnels.silent.delete('moved');
    await three.dial('moved');
    assert.deepEqual(
      [one, two, three].map(({ tunnels }) => tunnels.dialled.length),
      [1, 3, 0],
    );
  });

  it('reach a node past servers that have died, and never pass a question on', async () => {
    const dead = createServer((socket: Socket) => socket.on('error', () => {})).listen(0, address);
    await once(dead, 'listening');
    const { port } = dead.address() as AddressInfo;
    await backend.create(`${PREFIX}silent`, Buffer.from(JSON.stringify({ address, port })));
    await backend.create(`${PREFIX}gone`, Buffer.from(JSON.stringify({ address, port: 1 })));
    await backend.create(`${PREFIX}odd`, Buffer.from('{}'));
    const one = await joining();
    await joining();
    const three = await joining({ far: 0 });
    await one.dial('far');
    assert.deepEqual(three.tunnels.dialled, ['far 10.42.0.7:8080']);
    dead.close();
  });

  it('leave the datastore as they found it, and the streams of others break', async () => {
    const one = await joining();
    const two = await joining({ far: 0 });
    const stream = await one.dial('far');
    const broken = assert.rejects(text(stream), /gone|ECONNRESET/);
    await two.replicas.leave();
    await broken;
    await one.replicas.leave();
    assert.equal(await backend.count('/warren/'), 0);
  });

  it('are told by an expiring key that lies where no request to the API leads', async () => {
    await joining();
    const { items } = await backend.list('/');
    assert.equal(items.length, 1);
    assert.match(items[0]?.key ?? '', /^\/warren\/replicas\/[0-9a-f-]{36}$/);
    assert.equal(items[0]?.leaseSeconds, 15);
  });

  describe('refuse', () => {
    const listenerOf = async () => {
      const { items } = await backend.list(PREFIX);
      return JSON.parse(String(items[0]?.value)) as { port: number };
    };
    const subject = { organizations: ['system:masters'], usages: ['client', 'server'] as const };
    const issue = (authority: Pki['client'], commonName: string) =>
      issueCertificate(authority, { ...subject, commonName }, { nowMs: clock.nowMs() });
    const strangers: Record<string, () => { key?: string; cert?: string; protocol?: string }> = {
      'somebody without a certificate': () => ({}),
      "a certificate that the cluster's users can ask for": () => toTls(issue(pki.client, 'warren:replica')),
      'a certificate that a node can ask for': () => toTls(issue(pki.server, 'warren:replica')),
      'a server of another tenant': () => toTls(issue(otherPki.requestHeader, 'warren:replica')),
      'the front proxy': () => toTls(issue(pki.requestHeader, 'system:auth-proxy')),
      'another protocol': () => ({ ...toTls(issue(pki.requestHeader, 'warren:replica')), protocol: 'h2' }),
    };
    for (const [who, given] of Object.entries(strangers)) {
      it(who, async () => {
        const { tunnels } = await joining({ far: 0 });
        const { port } = await listenerOf();
        const { protocol = RELAY_PROTOCOL, ...tls } = given();
        const socket = connect({ host: address, port, rejectUnauthorized: false, ALPNProtocols: [protocol], ...tls });
        socket.on('error', () => {});
        socket.write('{"node":"far"}\n{"host":"10.42.0.7","port":80}\n');
        assert.equal(await text(socket).catch(() => ''), '');
        assert.deepEqual(tunnels.dialled, []);
      });
    }

    it('a server that is not the one that was named, whoever has its address now', async () => {
      const asked: string[] = [];
      const named = issueCertificate(
        pki.requestHeader,
        { ...subject, commonName: 'warren:replica', names: ['other.replica.warren.internal'] },
        { nowMs: clock.nowMs() },
      );
      const foreign = issue(otherPki.requestHeader, 'warren:replica');
      for (const issued of [named, foreign, issue(pki.requestHeader, 'system:auth-proxy')]) {
        const server = createTlsServer({ ...toTls(issued), ALPNProtocols: [RELAY_PROTOCOL] }, (socket) => {
          socket.on('error', () => {});
          socket.on('data', (data) => asked.push(String(data)));
          socket.write('{"silentMs":0}\n{}\n');
        }).listen(0, address);
        server.on('tlsClientError', () => {});
        await once(server, 'listening');
        const { port } = server.address() as AddressInfo;
        const key = `${PREFIX}expected-${port}`;
        const revision = await backend.create(key, Buffer.from(JSON.stringify({ address, port })));
        const one = await joining();
        await assert.rejects(one.dial('far'), /no tunnel/);
        await backend.delete(key, revision);
        server.close();
      }
      assert.deepEqual(asked, []);
    });
  });
});

function toTls({ chainPem, keyPem }: { chainPem: string; keyPem?: string | undefined }): { cert: string; key: string } {
  return { cert: chainPem, key: keyPem ?? '' };
}
