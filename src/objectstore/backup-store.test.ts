import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, describe, it } from 'node:test';
import { s3Credentials, startS3Double } from '../testing/s3-double.ts';
import { type BackupStore, bucketStore, folderStore } from './backup-store.ts';
import { backupName, backupTimeMs, outdated, type Retention } from './retention.ts';
import { S3Bucket } from './s3-bucket.ts';
import { sha256Hex } from './sigv4.ts';

const folder = mkdtempSync(join(tmpdir(), 'warren-store-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Every promise of `BackupStore`. */
function testStore(name: string, open: () => Promise<BackupStore>): void {
  describe(`${name} of backups`, () => {
    it('keeps what it is given, lists it, and forgets what it shall', async () => {
      const store = await open();
      const keys = ['2', '1'].map((digit) => `default/demo/nightly/2030010${digit}T000000Z.backup`);
      for (const key of keys) {
        const written = await store.put(key, Readable.from([Buffer.from('ab'), Buffer.from('c')]));
        assert.deepEqual(written, { bytes: 3, sha256: sha256Hex('abc') });
      }
      await store.put('default/demo/other/20300101T000000Z.backup', Readable.from([]));
      const listed = await store.list('default/demo/nightly/');
      assert.deepEqual(
        listed,
        keys.sort().map((key) => ({ key, bytes: 3 })),
      );
      assert.equal(readFileSync(await store.fetch(keys[0] ?? '', join(folder, 'fetched')), 'utf8'), 'abc');
      await store.remove(keys[0] ?? '');
      assert.equal((await store.list('default/demo/nightly/')).length, 1);
      assert.deepEqual(await store.list('default/none/x/'), []);
    });

    it('keeps nothing that was cut off', async () => {
      const store = await open();
      const broken = async function* (): AsyncGenerator<Buffer> {
        yield Buffer.from('half');
        throw new Error('cut off');
      };
      await assert.rejects(store.put('default/x/y/20300101T000000Z.backup', broken()), /cut off/);
      assert.deepEqual(await store.list('default/x/y/'), []);
    });
  });
}

testStore('a folder', async () => folderStore(join(folder, 'root')));

describe('a folder of backups', () => {
  it('is never left', async () => {
    const store = folderStore(join(folder, 'root'));
    await assert.rejects(store.put('../other/20300101T000000Z.backup', Readable.from([])), /leads out/);
    assert.ok(!readdirSync(folder).includes('other'));
  });
});

const double = await startS3Double('bucket');
after(async () => await double[Symbol.asyncDispose]());
testStore('a bucket', async () => {
  const nowMs = (): number => Date.UTC(2030, 0, 1);
  const access = { endpoint: double.endpoint, bucket: 'bucket', region: 'us-east-1', pathStyle: true, nowMs };
  return bucketStore(new S3Bucket({ ...access, credentials: s3Credentials }), 'team/a');
});

describe('outdated', () => {
  const nowMs = Date.UTC(2030, 0, 10);
  const key = (day: number): string => `a/${backupName(Date.UTC(2030, 0, day))}`;
  const keys = [1, 5, 9, 10].map(key);
  const rows: Record<string, [keys: string[], retention: Retention, expected: string[]]> = {
    'keeps all without limits': [keys, {}, []],
    'keeps the newest': [keys, { keepLast: 2 }, [key(5), key(1)]],
    'keeps the young': [keys, { maxAgeMs: 5 * 86_400_000 }, [key(1)]],
    'asks for both where both are given': [keys, { keepLast: 3, maxAgeMs: 2 * 86_400_000 }, [key(5), key(1)]],
    'keeps the last one, however old': [[key(1)], { maxAgeMs: 1 }, []],
    'leaves files of others alone': [['a/notes.backup', ...keys], { keepLast: 1 }, [key(9), key(5), key(1)]],
  };
  for (const [title, [given, retention, expected]] of Object.entries(rows))
    it(title, () => assert.deepEqual(outdated(given, retention, nowMs), expected));

  it('reads the time that a name was made from', () => {
    assert.equal(backupTimeMs(backupName(1_900_000_123_456)), 1_900_000_123_000);
  });
});
