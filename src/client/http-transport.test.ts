import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { configmaps } from '../generated/resource-types.ts';
import { isConflict, StatusError } from '../machinery/errors/status-error.ts';
import { createAuthority, issueCertificate } from '../pki/certificate.ts';
import { Client } from './client.ts';
import { createHttpTransport } from './http-transport.ts';

const authority = createAuthority('ca', { nowMs: Date.now() });

async function listen(): Promise<Server> {
  const subject = { commonName: 'server', organizations: [], usages: ['server'] as const, names: ['127.0.0.1'] };
  const { chainPem, keyPem } = issueCertificate(authority, subject, { nowMs: Date.now() });
  const server = createServer({ cert: chainPem, key: keyPem }, async (request, response) => {
    const body = Buffer.concat(await Array.fromAsync(request)).toString();
    const url = new URL(request.url ?? '', 'https://localhost');
    const answer = (code: number, value: unknown): void => {
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    if (request.headers.authorization !== 'Bearer secret') {
      response.writeHead(401, { 'content-type': 'text/plain' }).end('Unauthorized\n');
    } else if (url.searchParams.get('watch') === 'true') {
      const line = JSON.stringify({ type: 'ADDED', object: { metadata: { name: 'ä' } } });
      const bytes = Buffer.from(`${line}\n${line}\n{"cut`);
      // Cut within a character, as networks do.
      const at = bytes.indexOf(0xc3) + 1;
      response.write(bytes.subarray(0, at));
      setImmediate(() => response.end(bytes.subarray(at)));
    } else if (request.method === 'PUT') {
      answer(409, { kind: 'Status', code: 409, reason: 'Conflict', message: 'it has changed' });
    } else answer(200, { metadata: { name: 'echo' }, data: { body, type: request.headers['content-type'] ?? '' } });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

describe('createHttpTransport', () => {
  it('tells when a busy server wants to be asked again, and does not wait for ever for a silent one', async () => {
    const subject = { commonName: 'server', organizations: [], usages: ['server'] as const, names: ['127.0.0.1'] };
    const { chainPem, keyPem } = issueCertificate(authority, subject, { nowMs: Date.now() });
    const server = createServer({ cert: chainPem, key: keyPem }, ({ url }, response) => {
      if (url?.endsWith('/silent')) return;
      response.writeHead(429, { 'content-type': 'text/plain', 'retry-after': '2' }).end('Too many requests');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const transport = createHttpTransport({ server: url, ca: authority.certPem, timeoutMs: 50 });
    const client = new Client(transport);
    try {
      await assert.rejects(
        client.get(configmaps, { namespace: 'default', name: 'busy' }),
        (error) => error instanceof StatusError && error.code === 429 && error.details?.retryAfterSeconds === 2,
      );
      await assert.rejects(client.get(configmaps, { namespace: 'default', name: 'silent' }), /said nothing for 50 ms/);
    } finally {
      transport.close();
      server.closeAllConnections();
      server.close();
    }
  });

  it('sends JSON under its token, and turns failures into status errors', async () => {
    const server = await listen();
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const transport = createHttpTransport({ server: url, ca: authority.certPem, token: () => 'secret' });
    const client = new Client(transport);
    try {
      const key = { namespace: 'default', name: 'c' };
      const patched = await client.patch(configmaps, key, { data: { a: 'b' } }, { type: 'merge' });
      assert.deepEqual(patched.data, { body: '{"data":{"a":"b"}}', type: 'application/merge-patch+json' });
      await assert.rejects(client.update(configmaps, { metadata: key }), (error) => isConflict(error));
      const stranger = new Client(createHttpTransport({ server: url, ca: authority.certPem }));
      await assert.rejects(
        stranger.get(configmaps, key),
        (error) => error instanceof StatusError && error.code === 401 && error.message === 'Unauthorized',
      );
      await assert.rejects(new Client(createHttpTransport({ server: url })).get(configmaps, key), /certificate/);
    } finally {
      transport.close();
      server.closeAllConnections();
      server.close();
    }
  });

  it('reads watch events line by line, whatever way the bytes are cut', async () => {
    const server = await listen();
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const transport = createHttpTransport({ server: url, ca: authority.certPem, token: 'secret' });
    try {
      const events = await Array.fromAsync(new Client(transport).watch(configmaps));
      assert.deepEqual(
        events.map(({ type, object }) => [type, object.metadata.name]),
        [
          ['ADDED', 'ä'],
          ['ADDED', 'ä'],
        ],
      );
    } finally {
      transport.close();
      server.closeAllConnections();
      server.close();
    }
  });
});
