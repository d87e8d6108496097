/**
 * How quick and how small the datastore and the watch cache are: `node bench/datastore/run.ts [--save]`.
 * Figures depend on the machine; the ratios beside them, to what the plain way would cost on it, less so.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Storage } from '../../src/apiserver/storage/storage.ts';
import type { WatchCache } from '../../src/apiserver/storage/watch-cache.ts';
import type { Backend } from '../../src/datastore/backend.ts';
import { openMemoryBackend } from '../../src/datastore/memory/memory-backend.ts';
import { SCHEMA } from '../../src/datastore/sqlite/schema.ts';
import { openSqliteBackend } from '../../src/datastore/sqlite/sqlite-backend.ts';
import type { AnyObject } from '../../src/machinery/object/object.ts';
import { systemClock } from '../../src/std/clock.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';

const OBJECTS = 10_000;
const WATCHERS = 1_000;
const EVENTS = 200;
const RUN_MS = 2_000;

const folder = mkdtempSync(join(tmpdir(), 'warren-bench-'));
const figures: Record<string, number> = {};
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const path = (name: string): string => join(folder, `${name}.db`);
const openSqlite = (name: string): Promise<Backend> =>
  openSqliteBackend({ path: path(name), clock: systemClock, logger: silentLogger });
const indexOf = (object: AnyObject) => ({
  labels: object.metadata.labels ?? {},
  fields: { 'metadata.name': object.metadata.name ?? '' },
});

/** About 1.5 kB, as a pod with one container and its status. */
function podOf(name: string): AnyObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: '2d1f9a5e-6c9b-4a43-9d53-5a8c4b1f3c11',
      labels: { app: 'web', 'pod-template-hash': '5d4f8c7b9' },
    },
    spec: {
      containers: [
        {
          name: 'web',
          image: 'nginx:1.29',
          args: Array.from({ length: 20 }, (_, i) => `--option-${i}=${'v'.repeat(40)}`),
        },
      ],
    },
    status: { phase: 'Running', podIP: '10.42.0.17', conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

function tell(
  what: string,
  value: number,
  unit: string,
  ratio?: { readonly value: number; readonly to: string },
): void {
  figures[what] = Number(value.toPrecision(3));
  const beside = ratio === undefined ? '' : `   ${ratio.value.toFixed(2)} x ${ratio.to}`;
  console.log(`${what.padEnd(44)} ${value.toPrecision(3).padStart(8)} ${unit}${beside}`);
}

function msOf(run: () => unknown): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

async function openCache(backend: Backend): Promise<{ storage: Storage; cache: WatchCache }> {
  const storage = new Storage({
    backend,
    clock: systemClock,
    logger: silentLogger,
    decodeStored: (value) => JSON.parse(value.toString()) as AnyObject,
  });
  await storage.start();
  return { storage, cache: storage.cache('pods', indexOf) };
}

/** One row, one transaction, one sync, at a stand. */
function plainWritesPerSecond(): number {
  const db = new DatabaseSync(path('plain'));
  db.exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; ${SCHEMA.join(';')}`);
  const insert = db.prepare(
    'INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) VALUES (?, 1, 0, 0, 0, 0, ?)',
  );
  const value = Buffer.from(JSON.stringify(podOf('plain')));
  let count = 0;
  for (const end = performance.now() + RUN_MS; performance.now() < end; count++)
    insert.run(`/registry/pods/${count}`, value);
  db.close();
  return (count * 1000) / RUN_MS;
}

async function writesPerSecond(writers: number): Promise<{ perSecond: number; stallMs: number }> {
  await using backend = await openSqlite(`writers-${writers}`);
  const value = Buffer.from(JSON.stringify(podOf('bench')));
  const stall = monitorEventLoopDelay({ resolution: 1 });
  stall.enable();
  const end = performance.now() + RUN_MS;
  const lane = async (lane: number): Promise<number> => {
    let count = 0;
    for (; performance.now() < end; count++) await backend.create(`/registry/pods/${lane}-${count}`, value);
    return count;
  };
  const counts = await Promise.all(Array.from({ length: writers }, (_, index) => lane(index)));
  stall.disable();
  return {
    perSecond: (counts.reduce((sum, count) => sum + count, 0) * 1000) / RUN_MS,
    stallMs: stall.percentile(99) / 1e6,
  };
}

async function benchWrites(): Promise<void> {
  const plain = plainWritesPerSecond();
  tell('writes, a transaction each', plain, '/s');
  for (const writers of [1, 64]) {
    const { perSecond, stallMs } = await writesPerSecond(writers);
    tell(`writes, ${writers} concurrent`, perSecond, '/s', { value: perSecond / plain, to: 'a transaction each' });
    tell(`event loop stall (99 %), ${writers} concurrent`, stallMs, 'ms');
  }
}

/** Bytes on the heap and in buffers, once nothing more can be let go: buffers take some turns. */
async function settledMemory(): Promise<number> {
  for (let turn = 0; turn < 5; turn++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Leaves a database with {@link OBJECTS} pods behind. */
async function benchCreates(): Promise<void> {
  await using backend = await openSqlite('objects');
  const { storage, cache } = await openCache(backend);
  const start = performance.now();
  for (let first = 0; first < OBJECTS; first += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, index) => {
        const name = `pod-${first + index}`;
        return cache.create(`/registry/pods/default/${name}`, podOf(name));
      }),
    );
  }
  tell('creates through the cache, 100 concurrent', (OBJECTS * 1000) / (performance.now() - start), '/s');
  storage.close();
}

async function benchReads(): Promise<void> {
  await using backend = await openSqlite('objects');
  const before = await settledMemory();
  const { storage, cache } = await openCache(backend);
  const start = performance.now();
  await cache.load();
  tell(`fill of a cache with ${OBJECTS}`, performance.now() - start, 'ms');
  const bytes = ((await settledMemory()) - before) / OBJECTS;
  const { items, revision } = await cache.list();
  const jsonBytes = items.reduce((sum, item) => sum + item.json.length, 0) / items.length;
  tell('memory of an object', bytes, 'B', { value: bytes / jsonBytes, to: 'its JSON' });
  const rounds = 20;
  const cacheStart = performance.now();
  for (let round = 0; round < rounds; round++) await cache.list();
  tell(`list of ${OBJECTS} from the cache`, (performance.now() - cacheStart) / rounds, 'ms');
  const listStart = performance.now();
  for (let round = 0; round < rounds; round++) Buffer.concat((await cache.list()).items.map((item) => item.json));
  const listMs = (performance.now() - listStart) / rounds;
  const objects = items.map((item) => item.object);
  const plainMs = msOf(() => Buffer.from(JSON.stringify(objects)));
  tell(`list of ${OBJECTS}, as bytes`, listMs, 'ms', { value: plainMs / listMs, to: 'as quick as JSON.stringify' });
  const first = items[0];
  if (first !== undefined) await cache.update(first, podOf('changed'));
  const pastStart = performance.now();
  await cache.listAt(revision, { limit: 500 });
  const pastMs = performance.now() - pastStart;
  const diskStart = performance.now();
  await backend.list('/registry/pods/', { revision, limit: 500 });
  tell('page of 500 of an older revision', pastMs, 'ms', {
    value: (performance.now() - diskStart) / pastMs,
    to: 'as quick as from the file',
  });
  storage.close();
}

async function benchFanOut(): Promise<void> {
  const { storage, cache } = await openCache(await openMemoryBackend());
  let lines = 0;
  for (let index = 0; index < WATCHERS; index++) {
    await cache.watch({
      onEvents: (events) => {
        for (const event of events) lines += event.line().length > 0 ? 1 : 0;
      },
      onEnd: () => {},
    });
  }
  const start = performance.now();
  for (let index = 0; index < EVENTS; index++)
    await cache.create(`/registry/pods/default/w-${index}`, podOf(`w-${index}`));
  const us = ((performance.now() - start) * 1000) / lines;
  const object = (await cache.list({ limit: 1 })).items[0]?.object;
  const plainUs =
    (msOf(() => {
      for (let index = 0; index < 1_000; index++) Buffer.from(JSON.stringify({ type: 'ADDED', object }));
    }) *
      1000) /
    1_000;
  tell(`event to each of ${WATCHERS} watchers`, us, 'us', { value: plainUs / us, to: 'as quick as encoding for each' });
  storage.close();
}

try {
  await benchWrites();
  await benchCreates();
  await benchReads();
  await benchFanOut();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (process.argv.includes('--save')) {
  writeFileSync(join(import.meta.dirname, 'figures.json'), `${JSON.stringify(figures, null, 2)}\n`);
}
