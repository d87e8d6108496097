import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createAuthority, issueCertificate } from '../pki/certificate.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { openPodTransport } from './pod-transport.ts';

describe('openPodTransport', () => {
  it('shows the token of the pod, and a minute later the one that has taken its place; likewise authorities', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'warren-pod-'));
    const put = (name: string, text: string): void => writeFileSync(join(folder, name), `${text}\n`);
    const [old, fresh] = ['old', 'fresh'].map((name) => createAuthority(name, { nowMs: Date.now() }));
    assert.ok(old !== undefined && fresh !== undefined);
    const certificate = (authority: typeof old) => {
      const subject = { commonName: 'server', organizations: [], usages: ['server'] as const, names: ['127.0.0.1'] };
      const { chainPem: cert, keyPem: key } = issueCertificate(authority, subject, { nowMs: Date.now() });
      return { cert, key };
    };
    const server = createServer(certificate(old), (request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', connection: 'close' });
      response.end(JSON.stringify({ token: request.headers.authorization }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      put('namespace', 'warren-system');
      put('ca.crt', old.certPem);
      put('token', 'one');
      const clock = new ManualClock();
      const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const { transport, namespace } = openPodTransport({ server: url, folder }, { clock });
      const ask = async () => await transport.request({ method: 'GET', path: '/' });
      assert.equal(namespace, 'warren-system');
      assert.deepEqual(await ask(), { token: 'Bearer one' });
      put('token', 'two');
      assert.deepEqual(await ask(), { token: 'Bearer one' });
      await clock.advance(61_000);
      assert.deepEqual(await ask(), { token: 'Bearer two' });
      server.setSecureContext(certificate(fresh));
      put('ca.crt', fresh.certPem);
      await clock.advance(61_000);
      assert.deepEqual(await ask(), { token: 'Bearer two' });
    } finally {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
