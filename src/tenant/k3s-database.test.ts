import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import { decodeStored } from '../apiserver/stored-values.ts';
import { encrypted } from '../datastore/encryption/encrypted-backend.ts';
import { openSqliteBackend } from '../datastore/sqlite/sqlite-backend.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { pathsOf } from './config.ts';
import { readEncryptionRules } from './encryption.ts';
import { shareIdentity } from './shared-identity.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'warren-k3s-'));
after(() => rmSync(dataDir, { recursive: true, force: true }));

/** Rows that a k3s v1.21.2 wrote with `--token labtoken --secrets-encryption`, in a table as that version makes it. */
function writeDatabase(path: string): void {
  const rows = JSON.parse(readFileSync(join(import.meta.dirname, 'testdata', 'k3s-v1.21.json'), 'utf8')) as (
    | string
    | number
  )[][];
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA journal_mode=WAL; CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name INTEGER, created INTEGER,
    deleted INTEGER, create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB)`);
  const insert = db.prepare('INSERT INTO kine VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const toBytes = (text: string | number | undefined) =>
    typeof text === 'string' ? Buffer.from(text, 'base64') : null;
  for (const row of rows) insert.run(...row.slice(0, 7), toBytes(row[7]), toBytes(row[8]));
  db.close();
}

describe('a database that a k3s v1.21 wrote', () => {
  it('opens with its token: the authorities, what is encrypted, and forms that are no longer served', async () => {
    const config = { dataDir, pkiDir: undefined, token: 'labtoken' };
    const path = join(dataDir, 'k3s.db');
    writeDatabase(path);
    await using store = await openSqliteBackend({ path, clock: systemClock, logger: silentLogger });
    await shareIdentity(config, store, { isOwn: false, clock: systemClock });
    const ca = new X509Certificate(readFileSync(join(pathsOf(config).tls, 'server-ca.crt')));
    assert.match(ca.subject, /^CN=k3s-server-ca@\d+$/);

    const backend = encrypted(store, await readEncryptionRules(config));
    const { items } = await backend.list('/registry/');
    const objects = items.filter(({ key }) => key !== '/registry/health').map(({ value }) => decodeStored(value));
    assert.deepEqual(objects.map(({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.name}`).sort(), [
      'apiextensions.k8s.io/v1 CustomResourceDefinition addons.k3s.cattle.io',
      'apps/v1 Deployment d1',
      'discovery.k8s.io/v1 EndpointSlice svc1-2sgs7',
      'flowcontrol.apiserver.k8s.io/v1 FlowSchema probes',
      'flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration workload-low',
      'k3s.cattle.io/v1 Addon ccm',
      'v1 ConfigMap hello',
      'v1 Secret s1',
      'v1 Service svc1',
    ]);
    const find = (kind: string) => (objects.find((object) => object.kind === kind) ?? {}) as Record<string, unknown>;
    assert.deepEqual(find('Secret')['data'], { p: Buffer.from('w').toString('base64') });
    assert.deepEqual(find('ConfigMap')['data'], { a: 'b' });
    const { limited } = find('PriorityLevelConfiguration')['spec'] as { limited: Record<string, unknown> };
    assert.equal(limited['nominalConcurrencyShares'], 100);
    const { versions } = find('CustomResourceDefinition')['spec'] as {
      versions: { name: string; storage: boolean }[];
    };
    assert.deepEqual(
      versions.map(({ name, storage }) => [name, storage]),
      [['v1', true]],
    );
  });
});
