import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client } from '../client/client.ts';
import type { Pod, Volume } from '../generated/api/core/v1.ts';
import { secrets } from '../generated/resource-types.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { startMemoryServer } from '../testing/memory-server.ts';
import { holdsFilesOf, prepareVolumes, refreshVolumes } from './volumes.ts';

const podOf = (...volumes: Volume[]): Pod => ({
  metadata: { namespace: 'default', name: 'p' },
  spec: { containers: [], volumes },
});

describe('volumes of a pod', () => {
  const stop = new AbortController();
  const folder = mkdtempSync(join(tmpdir(), 'warren-volumes-'));
  const state: { client?: Client } = {};
  const client = (): Client => state.client as Client;
  before(async () => {
    const server = await startMemoryServer(silentLogger, stop.signal);
    state.client = new Client(server.transportFor({ name: 'admin', groups: ['system:masters'] }));
  });
  after(() => {
    stop.abort();
    rmSync(folder, { recursive: true, force: true });
  });

  it('follow their Secrets, and keep the files of one that is gone', async () => {
    const pod = podOf({ name: 'token', secret: { secretName: 's', items: [{ key: 'a', path: 'a' }] } });
    const key = { namespace: 'default', name: 's' };
    const read = (): string => readFileSync(join(folder, 'volumes', 'token', 'a'), 'utf8');
    await client().create(secrets, { metadata: key, stringData: { a: 'one' } });
    await prepareVolumes(client(), pod, folder, stop.signal);
    assert.equal(read(), 'one');
    await client().patch(secrets, key, { stringData: { a: 'two' } }, { type: 'merge' });
    await refreshVolumes(client(), pod, folder, stop.signal);
    assert.equal(read(), 'two');
    await client().delete(secrets, key);
    await refreshVolumes(client(), pod, folder, stop.signal);
    assert.equal(read(), 'two');
  });

  const rows: Record<string, [Volume, boolean]> = {
    'of a Secret': [{ name: 'v', secret: { secretName: 's' } }, true],
    'of a Secret among others': [{ name: 'v', projected: { sources: [{ secret: { name: 's' } }] } }, true],
    'of another Secret': [{ name: 'v', secret: { secretName: 't' } }, false],
    'of a ConfigMap with its name': [{ name: 'v', configMap: { name: 's' } }, false],
  };
  for (const [title, [volume, holds]] of Object.entries(rows))
    it(`are known to hold files ${title}, or not`, () =>
      assert.equal(holdsFilesOf(podOf(volume), 'secret', 's'), holds));
});
