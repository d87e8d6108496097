import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Backend, Subscriber } from '../../datastore/backend.ts';
import { type EncryptionRule, encrypted } from '../../datastore/encryption/encrypted-backend.ts';
import { createProvider } from '../../datastore/encryption/provider.ts';
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

async function open(given?: Backend) {
  const backend = given ?? (await openMemoryBackend());
  const storage = new Storage({
    backend,
    clock: systemClock,
    logger: silentLogger,
    decodeStored: (value) => JSON.parse(value.toString()) as AnyObject,
  });
  await storage.start();
  return { backend, storage, cache: storage.cache('secrets', indexOf) };
}

/** The same, with a log that can be lost and a clock whose waits are over at once. */
async function openLosable() {
  const backend = await openMemoryBackend();
  const subscribers: Subscriber[] = [];
  const losable = new Proxy(backend, {
    get: (target, name) => {
      if (name === 'subscribe') {
        return (after: bigint, subscriber: Subscriber) => {
          subscribers.push(subscriber);
          return target.subscribe(after, subscriber);
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const storage = new Storage({
    backend: losable,
    clock: { ...systemClock, sleep: () => new Promise((resolve) => setImmediate(resolve)) },
    logger: silentLogger,
    decodeStored: (value) => JSON.parse(value.toString()) as AnyObject,
  });
  await storage.start();
  return {
    backend,
    storage,
    cache: storage.cache('secrets', indexOf),
    loseLog: () => subscribers.shift()?.failed(new Error('lost')),
  };
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
  it('writes the same value again where the datastore would keep it in another form', async () => {
    const store = await openMemoryBackend();
    const one = createProvider('aescbc', 'one', Buffer.alloc(32, 1));
    const two = createProvider('aescbc', 'two', Buffer.alloc(32, 2));
    const prefixes = ['/registry/secrets/'];
    const source = { current: [{ prefixes, providers: [one] as const }] as readonly EncryptionRule[] };
    const { cache } = await open(encrypted(store, source));
    const key = '/registry/secrets/a/x';
    const made = await cache.create(key, secret('x'));
    assert.equal(await cache.update(made, secret('x')), made);
    source.current = [{ prefixes, providers: [two, one] }];
    const renewed = await cache.update(made, secret('x'));
    assert.ok(renewed.revision > made.revision);
    assert.match(String((await store.get(key))?.value.subarray(0, 30)), /^k8s:enc:aescbc:v1:two:/);
    assert.equal(await cache.update(renewed, secret('x')), renewed);
  });

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

  it('writes nothing where only the order of fields changes', async () => {
    const { cache } = await open();
    const stored = await cache.create('/registry/secrets/a/x', secret('x', { a: '1', b: '2' }));
    assert.equal(await cache.update(stored, secret('x', { b: '2', a: '1' })), stored);
    assert.notEqual(await cache.update(stored, secret('x', { b: '1', a: '2' })), stored);
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

  it('goes on for others when one watcher throws, and ends that one', async () => {
    const { cache } = await open();
    const ended: string[] = [];
    await cache.watch({
      onEvents: () => {
        throw new Error('gone');
      },
      onEnd: () => void ended.push('END'),
    });
    const { seen, onEvents, onEnd } = collector();
    await cache.watch({ onEvents, onEnd });
    const first = await cache.create('/registry/secrets/a/x', secret('x'));
    const second = await cache.create('/registry/secrets/a/y', secret('y'));
    assert.deepEqual(seen, [`ADDED x@${first.revision}`, `ADDED y@${second.revision}`]);
    assert.deepEqual(ended, ['END']);
  });

  it('fails reads that would show a value which cannot be read, and no others', async () => {
    const { backend, cache } = await open();
    const { seen, onEvents, onEnd } = collector();
    await backend.create('/registry/secrets/b/old', Buffer.from('rubbish'));
    await cache.watch({ onEvents, onEnd });
    const broken = await backend.create('/registry/secrets/b/bad', Buffer.from('rubbish'));
    const good = await cache.create('/registry/secrets/a/x', secret('x'));
    const isCorrupt = (error: unknown) => error instanceof StorageError && error.fault === 'corrupt';
    for (const name of ['old', 'bad']) await assert.rejects(cache.get(`/registry/secrets/b/${name}`), isCorrupt);
    await assert.rejects(cache.list(), isCorrupt);
    assert.deepEqual((await cache.list({ prefix: '/registry/secrets/a/' })).items, [good]);
    assert.deepEqual(seen, [`ADDED x@${good.revision}`]);
    await backend.delete('/registry/secrets/b/bad', broken);
    await backend.delete('/registry/secrets/b/old', 1n);
    assert.deepEqual((await cache.list()).items, [good]);
  });

  it('fills again after the log was lost, and ends the watches of before', async () => {
    const { backend, storage, cache, loseLog } = await openLosable();
    const stored = await cache.create('/registry/secrets/a/x', secret('x'));
    const { seen, onEvents, onEnd } = collector();
    await cache.watch({ onEvents, onEnd });
    loseLog();
    assert.deepEqual(seen, ['END']);
    await backend.create('/registry/secrets/a/y', Buffer.from(JSON.stringify(secret('y'))));
    while (storage.revision < 2n) await new Promise((resolve) => setImmediate(resolve));
    await cache.update(stored, secret('x', { k: 'v' }));
    assert.deepEqual(
      (await cache.list()).items.map(({ key, revision }) => [key.at(-1), revision]),
      [
        ['x', 3n],
        ['y', 2n],
      ],
    );
  });

  it('reads each kept revision from memory as the datastore would', async () => {
    const { backend, cache } = await open();
    await cache.load();
    // A walk that is the same each time: creations, changes and deletions of eight names.
    for (let step = 0; step < 120; step++) {
      const name = 'abcdefgh'[(step * 5 + (step >> 3)) % 8] as string;
      const key = `/registry/secrets/${step % 3 === 0 ? 'a' : 'b'}/${name}`;
      const stored = await cache.get(key);
      if (stored === undefined) await cache.create(key, secret(name));
      else if (step % 4 === 0) await cache.delete(stored);
      else await cache.update(stored, secret(name, { step: `${step}` }));
    }
    const shown = (items: readonly { key: string; revision: bigint }[]) =>
      items.map(({ key, revision }) => [key, revision]);
    for (let revision = 0n; revision <= 120n; revision++) {
      const expected = (await backend.list('/registry/secrets/', { revision })).items;
      const stated = expected.map(({ key, modRevision }) => ({ key, revision: modRevision }));
      assert.deepEqual(shown((await cache.listAt(revision)).items), shown(stated));
      const page = await cache.listAt(revision, { limit: 3, startAfter: '/registry/secrets/a/c' });
      const behind = stated.filter(({ key }) => key > '/registry/secrets/a/c');
      assert.deepEqual(shown(page.items), shown(behind.slice(0, 3)));
      assert.equal(page.remaining ?? 0, Math.max(0, behind.length - 3));
    }
  });
});
