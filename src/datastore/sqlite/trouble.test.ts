import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import { systemClock } from '../../std/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import type { Backend } from '../backend.ts';
import { StorageError, type StorageFault } from '../storage-error.ts';
import { openSqliteBackend } from './sqlite-backend.ts';

const folder = mkdtempSync(join(tmpdir(), 'warren-trouble-'));
const mounts: string[] = [];
after(() => {
  for (const mount of mounts) execFileSync('umount', [mount]);
  rmSync(folder, { recursive: true, force: true });
});
const open = (path: string): Promise<Backend> => openSqliteBackend({ path, clock: systemClock, logger: silentLogger });
const fault = (name: StorageFault, text: RegExp) => (error: unknown) =>
  error instanceof StorageError && error.fault === name && text.test(error.message);
const blob = (letter: string): Buffer => Buffer.alloc(2_000, letter);

/** Writes until the backend refuses; returns what it acknowledged. */
async function fill(backend: Backend, prefix: string): Promise<{ acknowledged: string[]; error: unknown }> {
  const acknowledged: string[] = [];
  for (let index = 0; index < 100_000; index += 20) {
    const keys = Array.from({ length: 20 }, (_, lane) => `${prefix}${index + lane}`);
    const results = await Promise.allSettled(keys.map((key) => backend.create(key, blob('x'))));
    results.forEach((result, lane) => {
      if (result.status === 'fulfilled') acknowledged.push(keys[lane] ?? '');
    });
    const refused = results.find((result) => result.status === 'rejected');
    if (refused !== undefined) return { acknowledged, error: refused.reason };
  }
  return assert.fail('the disk was never full');
}

/** A small disk of its own, where this user may make one. */
function smallDisk(): { path: string; skip: string | false } {
  const path = join(folder, `disk${mounts.length}`);
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return { path, skip: 'this user may not make a small disk' };
  }
  mounts.push(path);
  return { path, skip: false };
}
const disk = smallDisk();

describe('a full disk', { skip: disk.skip }, () => {
  it('refuses writes, keeps reads going, loses nothing, and recovers when there is room', async () => {
    const ballast = join(disk.path, 'ballast');
    const path = join(disk.path, 'db', 'state.db');
    writeFileSync(ballast, Buffer.alloc(2_000_000));
    const backend = await open(path);
    const seen: string[] = [];
    await backend.subscribe(await backend.currentRevision(), {
      events: (events) => void seen.push(...events.map(({ key }) => key)),
      failed: assert.fail,
    });
    const { acknowledged, error } = await fill(backend, '/registry/a/');
    assert.ok(fault('unavailable', /the disk is full: free space on it; nothing was lost/)(error), String(error));
    const keys = async (from: Backend): Promise<string[]> =>
      (await from.list('/registry/a/')).items.map(({ key }) => key);
    assert.deepEqual((await keys(backend)).sort(), [...acknowledged].sort());
    assert.deepEqual(seen, acknowledged);
    await assert.rejects(backend.create('/registry/b', blob('y')), fault('unavailable', /the disk is full/));
    assert.equal((await backend.get(acknowledged[0] ?? ''))?.value.length, 2_000);

    rmSync(ballast);
    const revision = await backend.create('/registry/b', blob('y'));
    assert.equal((await backend.get('/registry/b'))?.modRevision, revision);
    await backend.close();
    await using reopened = await open(path);
    assert.deepEqual((await keys(reopened)).sort(), [...acknowledged].sort());
  });
});

describe('a damaged file', () => {
  it('is told as damaged where it is, and serves what is whole', async () => {
    const path = join(folder, 'damaged.db');
    const backend = await open(path);
    for (let first = 0; first < 400; first += 50) {
      const keys = Array.from({ length: 50 }, (_, index) => `/registry/a/${first + index}`);
      await Promise.all(keys.map((key) => backend.create(key, blob('x'))));
    }
    const last = await backend.create('/registry/last', blob('z'));
    await backend.close();
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.alloc(4096 * 40, 0xff), 0, 4096 * 40, 4096 * 100);
    closeSync(file);
    await using damaged = await open(path);
    await assert.rejects(damaged.list('/registry/a/'), fault('corrupt', /damaged: restore a backup/));
    assert.equal((await damaged.get('/registry/last'))?.modRevision, last);
  });
});

describe('the size of the file', () => {
  it('stays bounded under churn, and shrinks when what it held is gone', async () => {
    const path = join(folder, 'churn.db');
    await using backend = await open(path);
    const revisions = await Promise.all(
      Array.from({ length: 3_000 }, (_, index) => backend.create(`/registry/a/${index}`, blob('x'))),
    );
    const full = await backend.sizeBytes();
    await Promise.all(revisions.map((revision, index) => backend.delete(`/registry/a/${index}`, revision)));
    await backend.compact(await backend.currentRevision(), { keepRevisions: 0 });
    const empty = await backend.sizeBytes();
    assert.ok(full > 6_000_000, `${full} bytes with everything in it`);
    assert.ok(empty < 4_500_000, `${empty} bytes when it was gone`);
    let revision = await backend.create('/registry/lease', blob('l'));
    for (let round = 0; round < 2_000; round++) {
      revision = await backend.update('/registry/lease', blob('l'), revision);
      if (round % 500 === 499) await backend.compact(revision, { keepRevisions: 100 });
    }
    assert.ok((await backend.sizeBytes()) < 5_000_000, `${await backend.sizeBytes()} bytes after the churn`);
    assert.ok(statSync(`${path}-wal`).size < 20_000_000);
  });

  it('of a kine becomes able to shrink once much of it is free', async () => {
    const path = join(folder, 'kine.db');
    const kine = new DatabaseSync(path);
    kine.exec('PRAGMA journal_mode=WAL; CREATE TABLE ballast (data)');
    kine.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
      INSERT INTO ballast SELECT zeroblob(4000) FROM n`);
    kine.exec('DROP TABLE ballast');
    kine.close();
    const before = statSync(path).size;
    await using backend = await open(path);
    assert.ok(before > 16_000_000);
    assert.ok((await backend.sizeBytes()) < 200_000);
  });
});
