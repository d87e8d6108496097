/**
 * SQLite beside PostgreSQL: `node bench/datastore/engines.ts [--save]`. Durable creates, the start with many objects, and
 * how long requests wait while the log is compacted. PostgreSQL is the one that the tests bring, on this machine.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Storage } from '../../src/apiserver/storage/storage.ts';
import type { Backend } from '../../src/datastore/backend.ts';
import { openBackend } from '../../src/datastore/endpoint.ts';
import type { AnyObject } from '../../src/machinery/object/object.ts';
import { systemClock } from '../../src/std/clock.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { findPostgres, startPostgres } from '../../src/testing/embedded-postgres.ts';

const OBJECTS = 100_000;
const RUN_MS = 3_000;
const CHURN_ROUNDS = 40;
const CHURN_KEYS = 1_000;

const folder = mkdtempSync(join(tmpdir(), 'warren-engines-'));
await using postgres = findPostgres().skip === false ? await startPostgres() : undefined;
const figures: Record<string, number> = {};

/** About 1.5 kB of JSON. */
function configMap(name: string): Buffer {
  const metadata = { name, namespace: 'default', labels: { app: 'web' } };
  return Buffer.from(
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { text: 'x'.repeat(1_350) } }),
  );
}

function tell(what: string, value: number, unit: string): void {
  figures[what] = Number(value.toPrecision(3));
  console.log(`${what.padEnd(60)} ${value.toPrecision(3).padStart(8)} ${unit}`);
}

const open = (endpoint: string): Promise<Backend> =>
  openBackend(endpoint, { defaultPath: '', clock: systemClock, logger: silentLogger });

async function benchCreates(engine: string, endpoint: string): Promise<void> {
  await using backend = await open(endpoint);
  for (const writers of [1, 16, 64]) {
    const end = performance.now() + RUN_MS;
    const lane = async (lane: number): Promise<number> => {
      let count = 0;
      for (; performance.now() < end; count++) {
        const name = `${writers}-${lane}-${count}`;
        await backend.create(`/registry/creates/default/${name}`, configMap(name));
      }
      return count;
    };
    const counts = await Promise.all(Array.from({ length: writers }, (_, index) => lane(index)));
    tell(
      `${engine}: durable creates, ${writers} concurrent`,
      counts.reduce((sum, n) => sum + n, 0) / (RUN_MS / 1000),
      '/s',
    );
  }
}

async function benchStart(engine: string, endpoint: string): Promise<void> {
  const filled = await open(endpoint);
  for (let first = 0; first < OBJECTS; first += 500) {
    const names = Array.from({ length: 500 }, (_, index) => `object-${first + index}`);
    await Promise.all(names.map((name) => filled.create(`/registry/configmaps/default/${name}`, configMap(name))));
  }
  await filled.close();
  const start = performance.now();
  await using backend = await open(endpoint);
  tell(`${engine}: opening with ${OBJECTS} objects`, performance.now() - start, 'ms');
  const storage = new Storage({
    backend,
    clock: systemClock,
    logger: silentLogger,
    decodeStored: (value) => JSON.parse(value.toString()) as AnyObject,
  });
  await storage.start();
  await storage.cache('configmaps', ({ metadata }) => ({ labels: metadata.labels ?? {}, fields: {} })).load();
  tell(`${engine}: opening and filling the cache of ${OBJECTS}`, performance.now() - start, 'ms');
  storage.close();
}

/** Requests of one client, and how long they take, while `work` runs. */
async function latencies(backend: Backend, work: () => Promise<unknown>): Promise<number[]> {
  const found: number[] = [];
  const state = { done: false };
  const finished = work().finally(() => {
    state.done = true;
  });
  let revision = await backend.create(`/registry/probe/${performance.now()}`, configMap('probe'));
  const [item] = (await backend.list('/registry/probe/')).items.slice(-1);
  const key = item?.key ?? '';
  revision = item?.modRevision ?? revision;
  while (!state.done) {
    const start = performance.now();
    revision = await backend.update(key, configMap('probe'), revision);
    found.push(performance.now() - start);
  }
  await finished;
  return found.sort((a, b) => a - b);
}

async function benchCompaction(engine: string, endpoint: string): Promise<void> {
  await using backend = await open(endpoint);
  const keys = Array.from({ length: CHURN_KEYS }, (_, index) => `/registry/leases/${index}`);
  let revisions = await Promise.all(keys.map((key) => backend.create(key, configMap(key))));
  const churn = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round++)
      revisions = await Promise.all(
        keys.map((key, index) => backend.update(key, configMap(key), revisions[index] ?? 0n)),
      );
  };
  const quiet = await latencies(backend, () => systemClock.sleep(RUN_MS));
  await churn(CHURN_ROUNDS);
  const before = await backend.sizeBytes();
  const target = await backend.currentRevision();
  const start = performance.now();
  const busy = await latencies(backend, () => backend.compact(target));
  const p99 = (sorted: number[]): number => sorted[Math.floor(sorted.length * 0.99)] ?? 0;
  tell(`${engine}: compaction of ${CHURN_ROUNDS * CHURN_KEYS} revisions`, performance.now() - start, 'ms');
  tell(`${engine}: an update beside it, 99 %`, p99(busy), 'ms');
  tell(`${engine}: the same without compaction, 99 %`, p99(quiet), 'ms');
  tell(`${engine}: size after the churn`, before / 1e6, 'MB');
  for (let pass = 0; pass < 5; pass++) {
    await churn(CHURN_ROUNDS / 4);
    await backend.compact(await backend.currentRevision());
  }
  tell(`${engine}: size after as much again, compacted`, (await backend.sizeBytes()) / 1e6, 'MB');
}

try {
  const engines: Record<string, ((name: string) => string) | undefined> = {
    SQLite: (name) => `sqlite://${join(folder, `${name}.db`)}`,
    PostgreSQL: postgres === undefined ? undefined : (name) => postgres.endpoint(name),
  };
  for (const [engine, endpoint] of Object.entries(engines)) {
    if (endpoint === undefined) continue;
    await benchCreates(engine, endpoint('creates'));
    await benchStart(engine, endpoint('start'));
    await benchCompaction(engine, endpoint('compaction'));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (process.argv.includes('--save')) {
  writeFileSync(join(import.meta.dirname, 'engines.json'), `${JSON.stringify(figures, null, 2)}\n`);
}
