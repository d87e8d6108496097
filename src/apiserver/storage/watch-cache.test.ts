import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openMemoryBackend } from '../../datastore/memory/memory-backend.ts';
import { StorageError } from '../../datastore/storage-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { systemClock } from '../../std/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import type { CacheEvent } from './cache-event.ts';
import { Storage } from './storage.ts';
import type { Selector } from './stored-object.ts';

const indexOf = (object: AnyObject) => ({
  labels: object.metadata.labels ?? {},
  fields: { 'metadata.name': object.metadata.name ?? '' },
});
const secret = (name: string, labels: Record<string, string> = {}): AnyObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'a', uid: `uid-${name}`, labels },
});
const labelled = (key: string, value: string): Selector => ({ matches: (labels) => labels[key] === value });

async function open() {
  const backend = await openMemoryBackend();
  const storage = new Storage({
    backend,
    clock: systemClock,
    logger: silentLogger,
    decodeStored: (value) => JSON.parse(value.toString()) as AnyObject,
  });
  await storage.start();
  return { backend, storage, cache: storage.cache('secrets', indexOf) };
}

function collector() {
  const seen: string[] = [];
  const onEvents = (events: readonly CacheEvent[]): void => {
    for (const { type, item } of events)
      seen.push(`${type} ${item.object.metadata.name}@${item.object.metadata.resourceVersion}`);
  };
  return { seen, onEvents, onEnd: () => void seen.push('END') };
}

describe('a stored object', () => {
  it('has its resourceVersion where upstream writes it', async () => {
    const { cache } = await open();
    const stored = await cache.create('/registry/secrets/a/x', secret('x', { k: 'v' }));
    assert.equal(
      stored.json.toString(),
      `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"x","namespace":"a","uid":"uid-x","resourceVersion":"${stored.revision}","labels":{"k":"v"}}}`,
    );
  });

  it('is stored without a resourceVersion and with a line break', async () => {
    const { backend, cache } = await open();
    await cache.create('/registry/secrets/a/x', secret('x'));
    const found = await backend.get('/registry/secrets/a/x');
    assert.equal(found?.value.toString().at(-1), '\n');
    assert.equal(JSON.parse(found?.value.toString() ?? '').metadata.resourceVersion, undefined);
  });

  it('has metadata that holds nothing else in the right form', async () => {
    const { cache } = await open();
    const stored = await cache.create('/registry/secrets/a/x', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {},
      data: {},
    });
    assert.equal(stored.object.metadata.resourceVersion, `${stored.revision}`);
  });
});

describe('the watch cache', () => {
  it('shows a write to the one who was told of it', async () => {
    const { cache } = await open();
    const stored = await cache.create('/registry/secrets/a/x', secret('x'));
    assert.equal(await cache.get('/registry/secrets/a/x'), stored);
    const next = await cache.update(stored, secret('x', { k: 'v' }));
    assert.equal((await cache.list()).items[0], next);
    assert.equal((await cache.list()).revision, next.revision);
  });

  it('writes nothing where nothing changes', async () => {
    const { backend, cache } = await open();
    const stored = await cache.create('/registry/secrets/a/x', secret('x'));
    const before = await backend.currentRevision();
    assert.equal(await cache.update(stored, secret('x')), stored);
    assert.equal(await backend.currentRevision(), before);
  });

  it('pages through a namespace and tells what remains', async () => {
    const { cache } = await open();
    for (const name of ['c', 'a', 'b']) await cache.create(`/registry/secrets/a/${name}`, secret(name));
    await cache.create('/registry/secrets/b/a', secret('other'));
    const page = await cache.list({ prefix: '/registry/secrets/a/', limit: 2 });
    assert.deepEqual(
      [page.items.map(({ key }) => key.at(-1)), page.remaining, page.continueAfter],
      [['a', 'b'], 1, '/registry/secrets/a/b'],
    );
    const rest = await cache.list({ prefix: '/registry/secrets/a/', limit: 2, startAfter: page.continueAfter });
    assert.deepEqual([rest.items.map(({ key }) => key.at(-1)), rest.continueAfter], [['c'], undefined]);
  });

  it('replays what happened behind a revision and goes on live', async () => {
    const { cache } = await open();
    const first = await cache.create('/registry/secrets/a/x', secret('x'));
    const second = await cache.update(first, secret('x', { k: 'v' }));
    const { seen, onEvents, onEnd } = collector();
    await cache.watch({ after: first.revision, onEvents, onEnd });
    const gone = await cache.delete(second);
    assert.deepEqual(seen, [`MODIFIED x@${second.revision}`, `DELETED x@${gone.revision}`]);
  });

  it('begins with everything where asked to', async () => {
    const { cache } = await open();
    const first = await cache.create('/registry/secrets/a/x', secret('x'));
    const { seen, onEvents, onEnd } = collector();
    await cache.watch({ initial: true, onEvents, onEnd });
    assert.deepEqual(seen, [`ADDED x@${first.revision}`]);
  });

  it('shows changes of what a selector matches as additions and deletions', async () => {
    const { cache } = await open();
    const { seen, onEvents, onEnd } = collector();
    const first = await cache.create('/registry/secrets/a/x', secret('x'));
    await cache.watch({ selector: labelled('k', 'v'), onEvents, onEnd });
    const second = await cache.update(first, secret('x', { k: 'v' }));
    const third = await cache.update(second, secret('x', { k: 'v', more: '1' }));
    const fourth = await cache.update(third, secret('x'));
    await cache.delete(fourth);
    assert.deepEqual(seen, [
      `ADDED x@${second.revision}`,
      `MODIFIED x@${third.revision}`,
      `DELETED x@${fourth.revision}`,
    ]);
  });

  it('gives watchers of one event one buffer', async () => {
    const { cache } = await open();
    const lines: Buffer[] = [];
    for (let index = 0; index < 2; index++)
      await cache.watch({ onEvents: (events) => void lines.push(...events.map((event) => event.line())), onEnd() {} });
    await cache.create('/registry/secrets/a/x', secret('x'));
    assert.equal(lines.length, 2);
    assert.equal(lines[0], lines[1]);
  });

  it('refuses a watch from before it was filled', async () => {
    const { storage, cache } = await open();
    await storage.cache('configmaps', indexOf).create('/registry/configmaps/a/x', secret('x'));
    await cache.create('/registry/secrets/a/x', secret('x'));
    const late = storage.cache('pods', indexOf);
    await assert.rejects(
      late.watch({ after: 0n, onEvents() {}, onEnd() {} }),
      (error) => error instanceof StorageError && error.fault === 'compacted',
    );
  });

  it('reads an old state at its revision', async () => {
    const { cache } = await open();
    const first = await cache.create('/registry/secrets/a/x', secret('x'));
    await cache.delete(first);
    assert.equal((await cache.listAt(first.revision)).items.length, 1);
    assert.equal((await cache.list()).items.length, 0);
  });

  it('waits for a revision that is to come', async () => {
    const { storage, cache } = await open();
    const waiting = storage.seen(1n);
    await cache.create('/registry/secrets/a/x', secret('x'));
    assert.equal(await waiting, true);
  });

  it('ends watches when it closes', async () => {
    const { storage, cache } = await open();
    const { seen, onEvents, onEnd } = collector();
    await cache.watch({ onEvents, onEnd });
    storage.close();
    assert.deepEqual(seen, ['END']);
  });
});
