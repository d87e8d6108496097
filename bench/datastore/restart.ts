/** How soon a server that keeps 100,000 objects is back: `node bench/datastore/restart.ts [--objects 100000]`. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openBackend } from '../../src/datastore/endpoint.ts';
import { configmaps } from '../../src/generated/resource-types.ts';
import { systemClock } from '../../src/std/clock.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { findPostgres, startPostgres } from '../../src/testing/embedded-postgres.ts';
import { residentMb, show, startServer, withPlace } from '../server-process.ts';

const { values } = parseArgs({ options: { objects: { type: 'string', default: '100000' } } });
const objects = Number(values.objects);
const GROUP = 500;
const ROUNDS = 3;

/** About 1.5 kB of JSON. */
function configMap(name: string): Buffer {
  const metadata = { name, namespace: 'default', uid: name, creationTimestamp: '2026-01-01T00:00:00Z' };
  const data = { text: 'x'.repeat(1_350) };
  return Buffer.from(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }));
}

async function fill(endpoint: string): Promise<void> {
  await using backend = await openBackend(endpoint, { defaultPath: '', clock: systemClock, logger: silentLogger });
  for (let first = 0; first < objects; first += GROUP) {
    const names = Array.from({ length: Math.min(GROUP, objects - first) }, (_, index) => `object-${first + index}`);
    await Promise.all(names.map((name) => backend.create(`/registry/configmaps/default/${name}`, configMap(name))));
  }
}

async function measure(engine: string, endpointIn: (folder: string) => string): Promise<void> {
  await withPlace(async (folder, port) => {
    const endpoint = endpointIn(folder);
    const flags = [`--datastore-endpoint=${endpoint}`];
    const empty = await startServer(folder, port, flags);
    await empty.stop();
    const again = await startServer(folder, port, flags);
    await again.stop();
    await fill(endpoint);
    const starts: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const server = await startServer(folder, port, flags);
      starts.push(server.startMs);
      if (round === ROUNDS - 1) {
        const before = residentMb(server.pid);
        const started = performance.now();
        await server.client.list(configmaps, { namespace: 'default', limit: 500 });
        const listMs = performance.now() - started;
        show(`${engine}: first list of a page of 500`, `${listMs.toFixed(0)} ms`, 'fills the cache of the kind');
        show(
          `${engine}: resident memory`,
          `${before.toFixed(0)} MB`,
          `${residentMb(server.pid).toFixed(0)} MB with it`,
        );
      }
      await server.stop();
    }
    starts.sort((a, b) => a - b);
    const median = starts[starts.length >> 1] ?? 0;
    const note = `${again.startMs.toFixed(0)} ms with next to nothing`;
    show(`${engine}: start to /readyz with ${objects} objects`, `${median.toFixed(0)} ms`, note);
  });
}

await measure('SQLite', (folder) => `sqlite://${join(folder, 'server', 'db', 'state.db')}`);
if (findPostgres().skip === false) {
  await using postgres = await startPostgres();
  await measure('PostgreSQL', () => postgres.endpoint('restart'));
}
