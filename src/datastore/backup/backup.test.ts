import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../std/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { type EmbeddedPostgres, findPostgres, startPostgres } from '../../testing/embedded-postgres.ts';
import type { Backend } from '../backend.ts';
import { type Endpoint, openBackend, parseEndpoint } from '../endpoint.ts';
import { StorageError } from '../storage-error.ts';
import { backUp, isAsRestored, restore } from './backup.ts';
import { BackupError } from './backup-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'warren-backup-'));
const postgres: { server?: EmbeddedPostgres } = {};
const names = { count: 0 };
const { skip } = findPostgres();
before(async () => {
  if (skip === false) postgres.server = await startPostgres();
});
after(async () => {
  await postgres.server?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const newName = (): string => `t${++names.count}`;
const engines: Record<string, { skip: string | false; newEndpoint: () => string }> = {
  SQLite: { skip: false, newEndpoint: () => `sqlite://${join(folder, newName(), 'state.db')}` },
  PostgreSQL: { skip, newEndpoint: () => postgres.server?.endpoint(newName()) ?? '' },
};
const open = (endpoint: string): Promise<Backend> =>
  openBackend(endpoint, { defaultPath: '', clock: systemClock, logger: silentLogger });
const parse = (endpoint: string): Endpoint => parseEndpoint(endpoint, '');
const files = [{ path: 'tls/server-ca.key', mode: 0o600, content: Buffer.from([0, 1, 255]) }];

async function stateOf(backend: Backend): Promise<unknown[]> {
  const { items } = await backend.list('/');
  return items
    .filter(({ key }) => key !== '/registry/health')
    .map(({ key, value, createRevision, modRevision, leaseSeconds }) => [
      key,
      value.toString('hex'),
      createRevision,
      modRevision,
      leaseSeconds,
    ]);
}

/** A table with everything in it that a log can have. */
async function writeSome(backend: Backend): Promise<void> {
  let a = await backend.create('/registry/a', Buffer.from('1'));
  for (let index = 2; index < 20; index++) a = await backend.update('/registry/a', Buffer.from(`${index}`), a);
  await backend.create('/registry/bytes', Buffer.from([0, 107, 56, 115, 0, 255]), { leaseSeconds: 3660 });
  await backend.create('/registry/empty', Buffer.alloc(0));
  await backend.delete('/registry/gone', await backend.create('/registry/gone', Buffer.from('x')));
  await backend.compact(10n, { keepRevisions: 0 });
}

describe('a backup', () => {
  for (const [from, { skip: skipFrom, newEndpoint: newFrom }] of Object.entries(engines)) {
    for (const [to, { skip: skipTo, newEndpoint: newTo }] of Object.entries(engines)) {
      it(`of ${from}, taken while it is written, becomes a ${to} that is the same`, {
        skip: skipFrom || skipTo,
      }, async () => {
        const source = newFrom();
        await using backend = await open(source);
        await writeSome(backend);
        const state = await stateOf(backend);
        const revision = await backend.currentRevision();
        const path = join(folder, newName());
        const { rows } = await backUp(parse(source), { path, files, clock: systemClock });
        await backend.create('/registry/later', Buffer.from('x'));

        const target = newTo();
        const restored = await restore(path, parse(target), { keepsRevisions: true });
        assert.deepEqual(restored, { rows, files });
        await using copy = await open(target);
        assert.deepEqual(await stateOf(copy), state);
        assert.equal(await copy.currentRevision(), revision);
        assert.equal(await copy.compactedRevision(), 10n);
        assert.equal(await copy.create('/registry/b', Buffer.from('x')), revision + 1n);
      });
    }

    it(`takes the place of a ${from} that went on: clients read anew`, { skip: skipFrom }, async () => {
      const source = newFrom();
      await using backend = await open(source);
      await writeSome(backend);
      const state = await stateOf(backend);
      const path = join(folder, newName());
      await backUp(parse(source), { path, files, clock: systemClock });
      const known = await backend.create('/registry/later', Buffer.from('x'));

      const target = newFrom();
      await restore(path, parse(target), { keepsRevisions: false });
      assert.equal(await isAsRestored(path, parse(target)), true);
      await using copy = await open(target);
      assert.deepEqual(await stateOf(copy), state);
      assert.ok((await copy.currentRevision()) > known + 1000n);
      const subscriber = { events: () => assert.fail(), failed: () => assert.fail() };
      await assert.rejects(
        copy.subscribe(known, subscriber),
        (error) => error instanceof StorageError && error.fault === 'compacted',
      );
      const next = await copy.create('/registry/b', Buffer.from('x'));
      assert.equal(next, await copy.currentRevision());
      assert.equal(await isAsRestored(path, parse(target)), false, 'somebody has written since');
      await copy.update('/registry/a', Buffer.from('new'), (await copy.get('/registry/a'))?.modRevision ?? 0n);
    });

    it(`never overwrites a ${from}`, { skip: skipFrom }, async () => {
      const source = newFrom();
      await using backend = await open(source);
      await writeSome(backend);
      const path = join(folder, newName());
      await backUp(parse(source), { path, files: [], clock: systemClock });
      const state = await stateOf(backend);
      await assert.rejects(restore(path, parse(source), { keepsRevisions: true }), /never overwrites/);
      assert.deepEqual(await stateOf(backend), state);
    });

    it(`of a ${from} that is not there is refused`, { skip: skipFrom }, async () => {
      const path = join(folder, newName());
      await assert.rejects(
        backUp(parse(newFrom()), { path, files: [], clock: systemClock }),
        /not there|holds no table|does not exist/,
      );
      assert.ok(!existsSync(path));
    });
  }

  it('that is foreign, cut, damaged or newer is refused, and nothing is made of it', async () => {
    const source = newName();
    const endpoint = `sqlite://${join(folder, source, 'state.db')}`;
    const backend = await open(endpoint);
    await writeSome(backend);
    await backend.close();
    const path = join(folder, newName());
    await backUp(parse(endpoint), { path, files, clock: systemClock });
    const whole = readFileSync(path);
    const flipped = Buffer.from(whole);
    flipped[whole.length >> 1] = (flipped[whole.length >> 1] ?? 0) ^ 1;
    const broken: [string, Buffer, RegExp][] = [
      ['foreign', Buffer.from('SQLite format 3\0'.repeat(20)), /is no backup/],
      ['empty', Buffer.alloc(0), /is no backup/],
      ['cut', whole.subarray(0, -10), /damaged or cut off/],
      ['beginning', whole.subarray(0, 20), /cut off/],
      ['damaged', flipped, /checksum is wrong/],
      [
        'newer',
        Buffer.concat([Buffer.from('warren-backup 9\n'), whole.subarray(16)]),
        /has format 9, and this program reads 1/,
      ],
    ];
    for (const [name, content, message] of broken) {
      const file = join(folder, name);
      writeFileSync(file, content);
      const target = join(folder, `${name}-target`, 'state.db');
      await assert.rejects(
        restore(file, { engine: 'sqlite', path: target }, { keepsRevisions: true }),
        (error) => error instanceof BackupError && message.test(error.message),
        name,
      );
      assert.ok(!existsSync(target));
    }
    await assert.rejects(restore(join(folder, 'missing'), parse(endpoint), { keepsRevisions: true }), /cannot be read/);
  });

  it('that cannot be finished leaves nothing behind', async () => {
    const endpoint = `sqlite://${join(folder, newName(), 'state.db')}`;
    await (await open(endpoint)).close();
    const before = readdirSync(folder);
    const path = join(folder, 'no-such-folder', 'backup');
    await assert.rejects(backUp(parse(endpoint), { path, files, clock: systemClock }), /cannot be written/);
    assert.deepEqual(readdirSync(folder), before);
  });
});
