import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { restore } from '../datastore/backup/backup.ts';
import { checkedBytes } from '../datastore/backup/backup-file.ts';
import { openBackend, parseEndpoint } from '../datastore/endpoint.ts';
import { BACKUP_PATH, backupIdentity } from '../pki/backup-identity.ts';
import { issueCertificate, loadAuthority, type Subject } from '../pki/certificate.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { freePort } from '../testing/free-port.ts';
import { readTenantConfig } from './config.ts';
import { startTenant, type Tenant } from './tenant.ts';

describe('a backup over the port of a tenant', () => {
  const folder = mkdtempSync(join(tmpdir(), 'warren-backup-endpoint-'));
  const state: { tenant?: Tenant; port: number } = { port: 0 };
  const tls = (name: string): string => readFileSync(join(folder, 'a', 'server', 'tls', name), 'utf8');

  before(async () => {
    state.port = await freePort();
    const flags = ['--data-dir', join(folder, 'a'), '--https-listen-port', String(state.port)];
    const config = readTenantConfig([...flags, '--bind-address', '127.0.0.1', '--advertise-address', '192.0.2.1'], {});
    state.tenant = await startTenant(config, { clock: systemClock, logger: silentLogger });
  });
  after(async () => {
    await state.tenant?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function ask(subject: Subject | undefined, method = 'GET'): Promise<{ status: number; body: Buffer }> {
    const client = loadAuthority(tls('client-ca.crt'), tls('client-ca.key'), 'client-ca');
    const { chainPem: cert, keyPem: key } =
      subject === undefined ? {} : issueCertificate(client, subject, { nowMs: systemClock.nowMs(), days: 1 });
    const request = httpsRequest({
      host: '127.0.0.1',
      port: state.port,
      path: BACKUP_PATH,
      method,
      ca: tls('server-ca.crt'),
      agent: false,
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return { status: response.statusCode ?? 0, body: await buffer(response) };
  }

  it('is whole, and makes the same tenant with its identity', async () => {
    const { status, body } = await ask(backupIdentity);
    assert.equal(status, 200);
    const seen = [];
    for await (const chunk of checkedBytes([body.subarray(0, 10), body.subarray(10)] as never)) seen.push(chunk);
    assert.deepEqual(Buffer.concat(seen), body);
    const path = join(folder, 'backup');
    await writeFile(path, body);
    const target = join(folder, 'b', 'state.db');
    const { rows, files } = await restore(path, parseEndpoint('', target), { keepsRevisions: false });
    assert.ok(rows > 50);
    const names = files.map((file) => file.path);
    assert.ok(['tls/server-ca.key', 'tls/service.key', 'token'].every((name) => names.includes(name)));
    assert.equal(files.find((file) => file.path === 'tls/server-ca.crt')?.content.toString(), tls('server-ca.crt'));
    await using copy = await openBackend('', { defaultPath: target, clock: systemClock, logger: silentLogger });
    assert.ok((await copy.get('/registry/namespaces/kube-system')) !== undefined);
  });

  const groups = { organizations: ['system:masters'], usages: ['client' as const] };
  const refusals: Record<string, [subject: Subject | undefined, method: string, status: number]> = {
    'is not given to somebody without a certificate': [undefined, 'GET', 401],
    'is not given to the administrator': [{ ...groups, commonName: 'system:admin' }, 'GET', 403],
    'is not given to a user who has the name and not the group': [
      { ...backupIdentity, organizations: ['warren:backup'] },
      'GET',
      403,
    ],
    'is only read': [backupIdentity, 'POST', 405],
  };
  for (const [title, [subject, method, status]] of Object.entries(refusals))
    it(title, async () => assert.equal((await ask(subject, method)).status, status));

  it('that was cut off is told from a whole one', async () => {
    const { body } = await ask(backupIdentity);
    const read = async (): Promise<void> => {
      for await (const _ of checkedBytes([body.subarray(0, -1)] as never));
    };
    await assert.rejects(read, /cut off or damaged/);
  });
});
