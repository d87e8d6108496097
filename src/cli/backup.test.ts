import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { openBackend } from '../datastore/endpoint.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';

const folder = mkdtempSync(join(tmpdir(), 'warren-cli-backup-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs one command line of the program; its code and what it printed. */
function warren(...args: string[]): Promise<{ code: number; text: string }> {
  const main = join(import.meta.dirname, '..', 'main.ts');
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr });
    });
  });
}

describe('warren backup and restore', () => {
  it('carry a tenant to another folder, with its keys, and overwrite nothing', async () => {
    const [source, target, file] = ['a', 'b', 'backup'].map((name) => join(folder, name)) as [string, string, string];
    const path = join(source, 'server', 'db', 'state.db');
    await using backend = await openBackend('', { defaultPath: path, clock: systemClock, logger: silentLogger });
    await backend.create('/registry/a', Buffer.from('1'));
    mkdirSync(join(source, 'server', 'tls'));
    writeFileSync(join(source, 'server', 'tls', 'server-ca.key'), 'key', { mode: 0o600 });
    writeFileSync(join(source, 'server', 'token'), 'K10::server:secret\n', { mode: 0o600 });

    const made = await warren('backup', file, '--data-dir', source);
    assert.match(made.text, /wrote .*: 3 rows and 2 files/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.match(
      (await warren('backup', file, '--data-dir', source)).text,
      /^warren: .* is there already: name a new file/,
    );

    const restored = await warren('restore', file, '--data-dir', target, '--keep-revisions');
    assert.match(restored.text, /restored 3 rows and 2 files/);
    assert.equal(readFileSync(join(target, 'server', 'tls', 'server-ca.key'), 'utf8'), 'key');
    assert.equal(statSync(join(target, 'server', 'token')).mode & 0o777, 0o600);
    const options = { defaultPath: join(target, 'server', 'db', 'state.db'), clock: systemClock, logger: silentLogger };
    await using copy = await openBackend('', options);
    assert.equal((await copy.get('/registry/a'))?.value.toString(), '1');

    const again = await warren('restore', file, '--data-dir', target);
    assert.deepEqual([again.code, /holds a tenant already/.test(again.text)], [1, true]);
  });

  it('say in one line what cannot be backed up', async () => {
    const { code, text } = await warren('backup', join(folder, 'none'), '--data-dir', join(folder, 'missing'));
    assert.equal(code, 1);
    assert.match(text, /^warren: .*state\.db is not there: name the data folder of a tenant\n$/);
    assert.ok(!existsSync(join(folder, 'none')));
  });
});
