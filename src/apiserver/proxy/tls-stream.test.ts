import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { createAuthority, issueCertificate } from '../../pki/certificate.ts';
import { TlsStream } from './tls-stream.ts';

const nowMs = Date.now();
const authority = createAuthority('ca', { nowMs });
const { chainPem, keyPem = '' } = issueCertificate(
  authority,
  { commonName: 'n1', organizations: [], usages: ['server'], names: ['n1'] },
  { nowMs },
);
let answer: (socket: TLSSocket) => void = () => {};
const server = createServer({ cert: chainPem, key: keyPem }, (socket) => {
  socket.on('error', () => {});
  answer(socket);
});

/** A stream that is no socket of the system's, as tunnels give them. */
function dial(): Duplex {
  const socket = connectTcp((server.address() as AddressInfo).port, '127.0.0.1');
  const stream = new Duplex({
    allowHalfOpen: false,
    read: () => void socket.resume(),
    write: (chunk, _encoding, done) => void socket.write(chunk, () => done()),
    final: (done) => void socket.end(() => done()),
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk) => {
    if (!stream.push(chunk)) socket.pause();
  });
  socket.once('end', () => stream.push(null));
  socket.on('error', (error) => stream.destroy(error));
  return stream;
}

async function open(): Promise<TlsStream> {
  const transport = dial();
  const secured = connect({ socket: transport, servername: 'n1', ca: authority.certPem });
  await once(secured, 'secureConnect');
  return new TlsStream(secured, transport);
}

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => server.close());

describe('a TLS stream', () => {
  it('loses nothing where the peer ends before a slow reader has taken all', async () => {
    const size = 1_000_000;
    answer = (socket) => socket.end(Buffer.alloc(size, 'x'));
    const stream = await open();
    let got = 0;
    for await (const chunk of stream) {
      got += (chunk as Buffer).length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(got, size);
  });

  it('stops the peer while nobody reads', async () => {
    const state = { full: false };
    answer = (socket) => {
      const write = (): void => {
        while (socket.write(Buffer.alloc(65_536)));
        state.full = true;
      };
      write();
      socket.on('drain', write);
    };
    const stream = await open();
    await once(stream, 'readable');
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(state.full);
    assert.ok(stream.readableLength <= 256 * 1024, `${stream.readableLength} bytes wait`);
    stream.destroy();
  });

  it('carries what is written, and ends the peer with itself', async () => {
    const heard: string[] = [];
    const ended = new Promise<void>((resolve) => {
      answer = (socket) => {
        socket.on('data', (data) => heard.push(String(data)));
        socket.on('end', resolve);
      };
    });
    const stream = await open();
    stream.end('hello');
    stream.resume();
    await ended;
    assert.deepEqual(heard, ['hello']);
  });
});
