import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

describe('warren server', () => {
  it('ends when asked to while it waits for its database', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'warren-server-'));
    // A database that takes connections and never says a word.
    const database = createServer(() => {}).listen(0, '127.0.0.1');
    await once(database, 'listening');
    const { port } = database.address() as { port: number };
    const program = join(import.meta.dirname, '..', 'main.ts');
    const args = ['server', '--data-dir', folder, `--datastore-endpoint=postgres://a:b@127.0.0.1:${port}/x`];
    const listenPort = `--https-listen-port=${port + (port < 60_000 ? 1 : -1)}`;
    const child = spawn(process.execPath, [program, ...args, listenPort, '--token=a'], { stdio: 'ignore' });
    try {
      const connected = once(database, 'connection');
      const early = once(child, 'exit').then(([code]) => assert.fail(`it ended with ${code}`));
      early.catch(() => {});
      await Promise.race([connected, early]);
      child.kill('SIGTERM');
      const [code] = await once(child, 'exit');
      assert.equal(code, 0);
    } finally {
      child.kill('SIGKILL');
      database.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
