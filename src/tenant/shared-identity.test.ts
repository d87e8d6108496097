import assert from 'node:assert/strict';
import { createCipheriv, pbkdf2Sync } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Backend } from '../datastore/backend.ts';
import { openMemoryBackend } from '../datastore/memory/memory-backend.ts';
import { parseJoinToken } from '../pki/join-token.ts';
import { systemClock } from '../std/clock.ts';
import { bootstrapKey, openBootstrapData, sealBootstrapData } from './bootstrap-data.ts';
import { shareIdentity } from './shared-identity.ts';

const root = mkdtempSync(join(tmpdir(), 'warren-identity-'));
after(() => rmSync(root, { recursive: true, force: true }));
const folders = { count: 0 };
const newPlace = (token?: string) => ({ dataDir: join(root, `${++folders.count}`), pkiDir: undefined, token });
type Place = ReturnType<typeof newPlace>;

const share = (place: Place, backend: Backend, isOwn = false) =>
  shareIdentity(place, backend, { isOwn, clock: systemClock });
const caOf = (place: Place): string => readFileSync(join(place.dataDir, 'server/tls/server-ca.crt'), 'utf8');
const tokenOf = (place: Place): string => readFileSync(join(place.dataDir, 'server/token'), 'utf8').trim();

describe('the identity of a cluster', () => {
  it('goes from the first server to others that know the token', async () => {
    await using backend = await openMemoryBackend();
    const [first, second] = [newPlace('secret'), newPlace('K10::server:secret')];
    await share(first, backend);
    await share(second, backend);
    assert.equal(caOf(second), caOf(first));
    assert.ok(existsSync(join(second.dataDir, 'server/tls/service.key')));
    await share(first, backend);
    assert.equal((await backend.list('/bootstrap/')).items.length, 1);
  });

  it('is the same for servers that start at the same moment', async () => {
    await using backend = await openMemoryBackend();
    const places = Array.from({ length: 3 }, () => newPlace('secret'));
    await Promise.all(places.map((place) => share(place, backend)));
    assert.equal(new Set(places.map(caOf)).size, 1);
  });

  it('is made with a new token where none is given', async () => {
    await using backend = await openMemoryBackend();
    const [place, other] = [newPlace(), newPlace()];
    await share(place, backend);
    const { password } = parseJoinToken(tokenOf(place));
    assert.equal((await backend.list('/bootstrap/')).items[0]?.key, bootstrapKey(password));
    await assert.rejects(share(other, backend), /its token is not known here: give the right one by --token/);
  });

  it('is not given to another token, nor mixed with that of another cluster', async () => {
    await using backend = await openMemoryBackend();
    await share(newPlace('secret'), backend);
    await assert.rejects(share(newPlace('wrong'), backend), /the token is not the one of it/);
    await using elsewhere = await openMemoryBackend();
    const stranger = newPlace('secret');
    await share(stranger, elsewhere);
    await assert.rejects(share(stranger, backend), /are of different clusters/);
  });

  it('follows a new token where the datastore lies in the data folder', async () => {
    await using backend = await openMemoryBackend();
    const place = newPlace('old');
    await share(place, backend, true);
    const ca = caOf(place);
    await share({ ...place, token: 'new' }, backend, true);
    const { items } = await backend.list('/bootstrap/');
    assert.deepEqual(
      items.map(({ key }) => key),
      [bootstrapKey('new')],
    );
    const { files } = await openBootstrapData(items[0]?.value ?? Buffer.alloc(0), 'new');
    assert.equal(files['server-ca.crt'], ca);
  });

  it('is read in the form of a k3s since v1.22, with its configuration of encryption', async () => {
    await using backend = await openMemoryBackend();
    const [source, place] = [newPlace('secret'), newPlace('secret')];
    await share(source, backend);
    const file = (name: string) => ({
      Timestamp: '2026-01-02T03:04:05.678Z',
      Content: readFileSync(join(source.dataDir, 'server/tls', name)).toString('base64'),
    });
    const text = JSON.stringify({
      ServerCA: file('server-ca.crt'),
      ServerCAKey: file('server-ca.key'),
      ClientCA: file('client-ca.crt'),
      ClientCAKey: file('client-ca.key'),
      RequestHeaderCA: file('request-header-ca.crt'),
      RequestHeaderCAKey: file('request-header-ca.key'),
      ServiceKey: file('service.key'),
      ETCDServerCA: file('server-ca.crt'),
      EncryptionConfig: {
        Timestamp: '',
        Content: Buffer.from('{"kind":"EncryptionConfiguration"}').toString('base64'),
      },
    });
    const cipher = createCipheriv('aes-256-gcm', pbkdf2Sync('secret', 'aabb', 4096, 32, 'sha1'), Buffer.alloc(12, 7));
    const sealed = Buffer.concat([Buffer.alloc(12, 7), cipher.update(text), cipher.final(), cipher.getAuthTag()]);
    await using newer = await openMemoryBackend();
    await newer.create(bootstrapKey('secret'), Buffer.from(`aabb:${sealed.toString('base64')}`));
    await share(place, newer);
    assert.equal(caOf(place), caOf(source));
    const config = readFileSync(join(place.dataDir, 'server/cred/encryption-config.json'), 'utf8');
    assert.equal(config, '{"kind":"EncryptionConfiguration"}');
  });

  it('tells a damaged one', async () => {
    await using backend = await openMemoryBackend();
    const value = await sealBootstrapData({ ServerCA: '' }, 'another');
    await backend.create(bootstrapKey('secret'), value);
    await assert.rejects(share(newPlace('secret'), backend), /cannot be opened with this token: it is damaged/);
  });
});
