/** A server whose addresses change while machines are joined to it: nothing restarts, nobody is cut off. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { eventually } from './program.ts';
import { startWarrenServer, type WarrenServer } from './warren-server.ts';

describe('a server with an endpoint file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'warren-endpoint-'));
  const path = join(folder, 'endpoint.json');
  const state: { server?: WarrenServer } = {};
  const server = (): WarrenServer => state.server as WarrenServer;
  before(async () => {
    writeFileSync(path, JSON.stringify({ addresses: ['192.0.2.10'], names: ['first.example'] }));
    state.server = await startWarrenServer([`--endpoint-file=${path}`]);
  });
  after(async () => {
    await state.server?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  const published = () => server().kubectl("get endpoints kubernetes -o 'jsonpath={.subsets[*].addresses[*].ip}'");
  const namesOfCertificate = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(server().url);
      const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().subjectaltname ?? '');
        socket.destroy();
      });
      socket.on('error', reject);
    });

  it('publishes the addresses of the file, and holds its names', async () => {
    await eventually(async () => assert.equal(await published(), '192.0.2.10'));
    assert.match(
      await namesOfCertificate(),
      /DNS:first\.example.*IP Address:192\.0\.2\.10|IP Address:192\.0\.2\.10.*DNS:first\.example/,
    );
  });

  it('follows the file, while its machines stay connected', async () => {
    await using agent = await server().join('machine');
    await server().kubectl('wait --for=condition=Ready node/machine --timeout=30s');
    writeFileSync(
      path,
      JSON.stringify({ addresses: ['192.0.2.20', '192.0.2.21'], names: ['first.example', 'second.example'] }),
    );
    await eventually(async () => assert.equal(await published(), '192.0.2.20 192.0.2.21'));
    const names = await namesOfCertificate();
    for (const name of ['DNS:first.example', 'DNS:second.example', 'IP Address:192.0.2.21'])
      assert.ok(names.includes(name), names);
    assert.ok(agent !== undefined);
    assert.match(await server().kubectl('get node machine --no-headers'), / Ready /);
  });

  it('keeps what it has where the file is broken', async () => {
    writeFileSync(path, '{"addresses":');
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    assert.equal(await published(), '192.0.2.20 192.0.2.21');
    assert.match(server().output(), /the endpoint file is not taken over/);
  });
});
