import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import { systemClock } from '../../std/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { testBackend } from '../backend.conformance.ts';
import type { LogEvent } from '../backend.ts';
import { StorageError } from '../storage-error.ts';
import { openSqliteBackend } from './sqlite-backend.ts';

const folder = mkdtempSync(join(tmpdir(), 'warren-sqlite-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const files = { count: 0 };
const newPath = (): string => join(folder, `${++files.count}`, 'state.db');
const open = (path = newPath()) => openSqliteBackend({ path, clock: systemClock, logger: silentLogger });

testBackend('sqlite', () => open());

describe('the SQLite file', () => {
  it('holds what kine would have written', async () => {
    const path = newPath();
    const backend = await open(path);
    const first = await backend.create('/registry/a', Buffer.from('1'));
    const second = await backend.update('/registry/a', Buffer.from('2'), first);
    await backend.delete('/registry/a', second);
    await backend.close();
    const db = new DatabaseSync(path);
    const rows = db
      .prepare(
        'SELECT id, name, created, deleted, create_revision AS c, prev_revision AS p, lease, value, old_value FROM kine ORDER BY id',
      )
      .all();
    db.close();
    const text = (value: unknown) => (value === null ? null : Buffer.from(value as Uint8Array).toString());
    assert.deepEqual(
      rows.map(({ id, name, created, deleted, c, p, lease, value, old_value }) => [
        id,
        name,
        created,
        deleted,
        c,
        p,
        lease,
        text(value),
        text(old_value),
      ]),
      [
        [1, 'compact_rev_key', 1, 0, 0, 0, 0, '', null],
        [2, '/registry/health', 1, 0, 0, 0, 0, '{"health":"true"}', null],
        [3, '/registry/a', 1, 0, 0, 0, 0, '1', null],
        [4, '/registry/a', 0, 0, 3, 3, 0, '2', '1'],
        [5, '/registry/a', 0, 1, 0, 4, 0, null, '2'],
      ],
    );
  });

  it('keeps everything over a restart', async () => {
    const path = newPath();
    const before = await open(path);
    const revision = await before.create('/registry/a', Buffer.from('kept'));
    await before.close();
    await using reopened = await open(path);
    assert.equal((await reopened.get('/registry/a'))?.value.toString(), 'kept');
    assert.equal(await reopened.currentRevision(), revision);
  });

  it('is compacted as kine would do it, so that kine can go on', async () => {
    const path = newPath();
    const backend = await open(path);
    let a = await backend.create('/registry/a', Buffer.from('1'));
    for (let index = 2; index <= 6; index++) a = await backend.update('/registry/a', Buffer.from(`${index}`), a);
    await backend.delete('/registry/b', await backend.create('/registry/b', Buffer.from('b')));
    await backend.compact(6n, { keepRevisions: 0, batchRows: 2 });
    await backend.close();
    const db = new DatabaseSync(path);
    const rows = db.prepare('SELECT id, name, prev_revision AS p FROM kine ORDER BY id').all();
    db.close();
    assert.deepEqual(
      rows.map(({ id, name, p }) => [id, name, p]),
      [
        [1, 'compact_rev_key', 6],
        [2, '/registry/health', 0],
        [6, '/registry/a', 5],
        [7, '/registry/a', 6],
        [8, '/registry/a', 7],
        [9, '/registry/b', 0],
        [10, '/registry/b', 9],
      ],
    );
  });

  it('that kine has written before is read, with its gaps and its deletions', async () => {
    const path = newPath();
    await (await open(path)).close();
    const db = new DatabaseSync(path);
    const insert = db.prepare(
      'INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    insert.run('/registry/a', 1, 0, 0, 0, 0, Buffer.from('1'), null);
    insert.run('gap-4', 0, 1, 0, 0, 0, null, null);
    // Old versions of kine copied the value, the creation and the lease into the row of a deletion.
    insert.run('/registry/a', 0, 1, 3, 3, 15, Buffer.from('1'), Buffer.from('1'));
    insert.run('/registry/a', 1, 0, 0, 5, 0, Buffer.from('2'), Buffer.from('1'));
    db.close();
    await using backend = await open(path);
    const events: LogEvent[] = [];
    await backend.subscribe(2n, { events: (more) => void events.push(...more), failed: assert.fail });
    assert.deepEqual(
      events.map(({ kind, revision, createRevision, value, previousValue, leaseSeconds }) => [
        kind,
        revision,
        createRevision,
        value.toString(),
        previousValue?.toString(),
        leaseSeconds,
      ]),
      [
        ['create', 3n, 3n, '1', undefined, 0],
        ['delete', 5n, 3n, '', '1', 0],
        ['create', 6n, 6n, '2', undefined, 0],
      ],
    );
    const next = await backend.update('/registry/a', Buffer.from('3'), 6n);
    assert.deepEqual([next, (await backend.get('/registry/a'))?.createRevision], [7n, 6n]);
  });

  it('takes in what another process writes', async () => {
    const path = newPath();
    await using backend = await open(path);
    await using other = await open(path);
    const events: string[] = [];
    await backend.subscribe(await backend.currentRevision(), {
      events: (more) => void events.push(...more.map(({ key }) => key)),
      failed: assert.fail,
    });
    await other.create('/registry/theirs', Buffer.from('1'));
    await backend.create('/registry/ours', Buffer.from('2'));
    assert.deepEqual(events, ['/registry/theirs', '/registry/ours']);
  });

  it('waits for another process that holds it, while requests go on', async () => {
    const path = newPath();
    await using backend = await open(path);
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const written = backend.create('/registry/a', Buffer.from('1'));
    assert.equal(await Promise.race([written, systemClock.sleep(60)]), undefined);
    assert.equal((await backend.get('/registry/health'))?.value.toString(), '{"health":"true"}');
    other.exec('ROLLBACK');
    other.close();
    assert.equal(await written, await backend.currentRevision());
  });

  it('is one file again once it is closed, and opens in a folder that is made for it', async () => {
    const path = join(folder, 'new', 'deep', 'state.db');
    const backend = await open(path);
    await backend.create('/registry/a', Buffer.from('1'));
    await backend.close();
    assert.deepEqual(readdirSync(dirname(path)), ['state.db']);
  });

  it('says what is wrong with a file that is no database', async () => {
    const path = join(folder, 'garbage.db');
    writeFileSync(path, 'this is not a database, not at all, whatever the name says'.repeat(20));
    await assert.rejects(
      open(path),
      (error) => error instanceof StorageError && error.fault === 'corrupt' && /restore a backup/.test(error.message),
    );
  });

  it('says that a folder cannot be made', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    await assert.rejects(open(join(file, 'db', 'state.db')), /cannot be made.*choose a folder/);
  });
});

describe('a server that is killed', () => {
  it('has lost no acknowledged write', async () => {
    const path = newPath();
    const writer = join(import.meta.dirname, 'testdata', 'writer.ts');
    for (let round = 0; round < 10; round++) {
      const acknowledged = await writeUntilKilled(writer, path, round);
      await using backend = await open(path);
      const found = new Set((await backend.list(`/registry/${round}/`)).items.map(({ key }) => key));
      const lost = acknowledged.filter((key) => !found.has(key));
      assert.deepEqual(lost, []);
    }
  });
});

/** Lets a process write and kills it in the middle; returns the keys that it had acknowledged. */
function writeUntilKilled(writer: string, path: string, round: number): Promise<string[]> {
  const child = spawn(process.execPath, [writer, path, `${round}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  const least = 50 + round * 90;
  return new Promise((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.split('\n').length > least) child.kill('SIGKILL');
    });
    // The last line may be cut: it was not acknowledged to anybody.
    child.on('close', () => resolve(text.split('\n').slice(0, -1)));
  });
}
