import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Backend, LogEvent } from './backend.ts';
import { StorageError, type StorageFault } from './storage-error.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
const fault = (name: StorageFault) => (error: unknown) => error instanceof StorageError && error.fault === name;

/** Collects what a subscription delivers. */
function collector() {
  const events: LogEvent[] = [];
  return {
    events,
    subscriber: { events: (more: readonly LogEvent[]) => void events.push(...more), failed: assert.fail },
  };
}

const told = (events: readonly LogEvent[]) => events.map(({ kind, key, value }) => `${kind} ${key} ${value}`);

/** Every promise of `Backend`, as tests. A driver is done when it passes, with nothing skipped. */
export function testBackend(driver: string, open: () => Promise<Backend>): void {
  describe(`${driver} backend`, () => {
    it('refuses to create a key that lives, and keeps the first value', async () => {
      await using backend = await open();
      const first = await backend.create('/registry/a', bytes('1'));
      await assert.rejects(backend.create('/registry/a', bytes('2')), fault('key-exists'));
      const found = await backend.get('/registry/a');
      assert.equal(found?.modRevision, first);
      assert.equal(found?.value.toString(), '1');
    });

    it('updates only the revision that the writer knew', async () => {
      await using backend = await open();
      const first = await backend.create('/registry/a', bytes('1'));
      const second = await backend.update('/registry/a', bytes('2'), first);
      assert.equal(second, first + 1n);
      await assert.rejects(backend.update('/registry/a', bytes('3'), first), fault('revision-moved'));
      await assert.rejects(backend.update('/registry/b', bytes('3'), first), fault('key-missing'));
      const found = await backend.get('/registry/a');
      assert.deepEqual([found?.value.toString(), found?.createRevision, found?.modRevision], ['2', first, second]);
    });

    it('deletes, and lets the key be created again with a new beginning', async () => {
      await using backend = await open();
      const first = await backend.create('/registry/a', bytes('1'));
      await assert.rejects(backend.delete('/registry/a', first - 1n), fault('revision-moved'));
      const gone = await backend.delete('/registry/a', first);
      assert.equal(await backend.get('/registry/a'), undefined);
      await assert.rejects(backend.delete('/registry/a', gone), fault('key-missing'));
      const again = await backend.create('/registry/a', bytes('2'));
      assert.equal((await backend.get('/registry/a'))?.createRevision, again);
    });

    it('lets one of many racing writers win and gives every winner a revision of its own', async () => {
      await using backend = await open();
      const start = await backend.create('/registry/a', bytes('0'));
      const racers = Array.from({ length: 20 }, (_, index) => backend.update('/registry/a', bytes(`${index}`), start));
      const results = await Promise.allSettled([...racers, backend.create('/registry/b', bytes('b'))]);
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 2);
      const revisions = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      assert.equal(new Set(revisions).size, 2);
    });

    it('lists living keys of a prefix in order, page by page', async () => {
      await using backend = await open();
      for (const name of ['b', 'a', 'd', 'c']) await backend.create(`/registry/x/${name}`, bytes(name));
      await backend.create('/registry/xy', bytes('other'));
      await backend.delete('/registry/x/d', (await backend.get('/registry/x/d'))?.modRevision ?? 0n);
      const all = await backend.list('/registry/x/');
      assert.deepEqual(
        all.items.map(({ key }) => key),
        ['/registry/x/a', '/registry/x/b', '/registry/x/c'],
      );
      assert.equal(all.revision, await backend.currentRevision());
      const page = await backend.list('/registry/x/', { limit: 2 });
      assert.deepEqual([page.items.length, page.more], [2, true]);
      const rest = await backend.list('/registry/x/', { limit: 2, startAfter: '/registry/x/b' });
      assert.deepEqual([rest.items.map(({ key }) => key), rest.more], [['/registry/x/c'], false]);
      assert.equal(await backend.count('/registry/x/'), 3);
      assert.equal(await backend.count('/registry/x/', { startAfter: '/registry/x/a' }), 2);
    });

    it('reads the past', async () => {
      await using backend = await open();
      const first = await backend.create('/registry/a', bytes('1'));
      const second = await backend.update('/registry/a', bytes('2'), first);
      await backend.delete('/registry/a', second);
      assert.equal((await backend.get('/registry/a', first))?.value.toString(), '1');
      assert.equal((await backend.list('/registry/a', { revision: second })).items[0]?.value.toString(), '2');
      assert.equal((await backend.list('/registry/a')).items.length, 0);
      await assert.rejects(backend.get('/registry/a', second + 9n), fault('future'));
    });

    it('remembers the seconds to live', async () => {
      await using backend = await open();
      await backend.create('/registry/a', bytes('1'), { leaseSeconds: 15 });
      assert.equal((await backend.get('/registry/a'))?.leaseSeconds, 15);
    });

    it('delivers past and live events once each, in order, with the values before', async () => {
      await using backend = await open();
      const start = await backend.currentRevision();
      const first = await backend.create('/registry/a', bytes('1'));
      const { events, subscriber } = collector();
      const subscription = await backend.subscribe(start, subscriber);
      const second = await backend.update('/registry/a', bytes('2'), first);
      await backend.delete('/registry/a', second);
      assert.deepEqual(told(events), ['create /registry/a 1', 'update /registry/a 2', 'delete /registry/a ']);
      assert.deepEqual(
        events.map(({ revision }) => revision - start),
        [1n, 2n, 3n],
      );
      assert.deepEqual(
        events.map(({ previousValue }) => previousValue?.toString()),
        [undefined, '1', '2'],
      );
      subscription.close();
      await backend.create('/registry/b', bytes('3'));
      assert.equal(events.length, 3);
    });

    it('tells subscribers before it acknowledges a write', async () => {
      await using backend = await open();
      const { events, subscriber } = collector();
      await backend.subscribe(await backend.currentRevision(), subscriber);
      const revision = await backend.create('/registry/a', bytes('1'));
      assert.equal(events.at(-1)?.revision, revision);
    });

    it('tells rows with seconds to live, oldest first, and where to go on', async () => {
      await using backend = await open();
      await backend.create('/registry/a', bytes('a'), { leaseSeconds: 10 });
      await backend.create('/registry/b', bytes('b'));
      const c = await backend.create('/registry/c', bytes('c'), { leaseSeconds: 20 });
      await backend.delete('/registry/c', c);
      const last = await backend.create('/registry/d', bytes('d'), { leaseSeconds: 30 });
      const found: string[] = [];
      for (let after: bigint | undefined = 0n; after !== undefined; ) {
        const { rows, next }: Awaited<ReturnType<Backend['leased']>> = await backend.leased(after);
        found.push(...rows.map(({ key, leaseSeconds }) => `${key} ${leaseSeconds}`));
        after = next;
      }
      assert.deepEqual(found, ['/registry/a 10', '/registry/c 20', '/registry/d 30']);
      assert.deepEqual((await backend.leased(last)).rows, []);
    });

    it('forgets the past up to the compacted revision and keeps what lives', async () => {
      await using backend = await open();
      let revision = await backend.create('/registry/a', bytes('0'));
      const early = revision;
      for (let index = 1; index <= 10; index++)
        revision = await backend.update('/registry/a', bytes(`${index}`), revision);
      const other = await backend.create('/registry/b', bytes('b'));
      await backend.delete('/registry/b', other);
      const { revision: reached, rowsRemoved } = await backend.compact(await backend.currentRevision(), {
        keepRevisions: 0,
      });
      assert.equal(reached, await backend.currentRevision());
      assert.equal(await backend.compactedRevision(), reached);
      assert.ok(rowsRemoved >= 12n);
      assert.equal((await backend.get('/registry/a'))?.value.toString(), '10');
      await assert.rejects(backend.get('/registry/a', early), fault('compacted'));
      await assert.rejects(backend.subscribe(early, collector().subscriber), fault('compacted'));
      await backend.create('/registry/b', bytes('again'));
    });

    it('keeps the newest revisions from compaction', async () => {
      await using backend = await open();
      await backend.create('/registry/a', bytes('0'));
      const { rowsRemoved } = await backend.compact(await backend.currentRevision());
      assert.equal(rowsRemoved, 0n);
    });

    it('tells when a key began, also with its deletion, live and replayed', async () => {
      await using backend = await open();
      const start = await backend.currentRevision();
      const live = collector();
      await backend.subscribe(start, live.subscriber);
      const first = await backend.create('/registry/a', bytes('1'));
      const second = await backend.update('/registry/a', bytes('2'), first);
      await backend.delete('/registry/a', second);
      const past = collector();
      await backend.subscribe(start, past.subscriber);
      assert.deepEqual(
        live.events.map(({ createRevision }) => createRevision),
        [first, first, first],
      );
      assert.deepEqual(past.events, live.events);
    });

    it('joins the past and the present without a hole or a repetition while others write', async () => {
      await using backend = await open();
      const start = await backend.currentRevision();
      const writing = Array.from({ length: 50 }, (_, index) => backend.create(`/registry/${index}`, bytes('x')));
      const joined = Promise.all(
        Array.from({ length: 5 }, async () => {
          const { events, subscriber } = collector();
          await backend.subscribe(start, subscriber);
          await new Promise((resolve) => setImmediate(resolve));
          return events;
        }),
      );
      await Promise.all(writing);
      const late = Array.from({ length: 50 }, (_, index) => backend.create(`/registry/late-${index}`, bytes('y')));
      const seen = await joined;
      await Promise.all(late);
      const expected = Array.from({ length: 100 }, (_, index) => start + BigInt(index) + 1n);
      for (const events of seen)
        assert.deepEqual(
          events.map(({ revision }) => revision),
          expected,
        );
    });

    it('pages through the state of one revision while it changes', async () => {
      await using backend = await open();
      for (const name of ['a', 'b', 'c', 'd']) await backend.create(`/registry/x/${name}`, bytes(name));
      const page = await backend.list('/registry/x/', { limit: 2 });
      const { revision } = page;
      const newest = await backend.get('/registry/x/c');
      await backend.delete('/registry/x/c', newest?.modRevision ?? 0n);
      await backend.create('/registry/x/bb', bytes('bb'));
      const rest = await backend.list('/registry/x/', { limit: 2, startAfter: page.items.at(-1)?.key, revision });
      assert.deepEqual(
        [rest.items.map(({ key }) => key), rest.more, rest.revision],
        [['/registry/x/c', '/registry/x/d'], false, revision],
      );
      assert.equal(await backend.count('/registry/x/', { revision, startAfter: '/registry/x/a' }), 3);
      const now = await backend.list('/registry/x/', { startAfter: '/registry/x/b' });
      assert.deepEqual(
        now.items.map(({ key }) => key),
        ['/registry/x/bb', '/registry/x/d'],
      );
    });

    it('reads exactly at the compacted revision, and goes on from there', async () => {
      await using backend = await open();
      const first = await backend.create('/registry/a', bytes('1'));
      const second = await backend.update('/registry/a', bytes('2'), first);
      await backend.update('/registry/a', bytes('3'), second);
      await backend.compact(second, { keepRevisions: 0, batchRows: 1 });
      assert.equal(await backend.compactedRevision(), second);
      assert.equal((await backend.get('/registry/a', second))?.value.toString(), '2');
      const { events, subscriber } = collector();
      await backend.subscribe(second, subscriber);
      assert.deepEqual(told(events), ['update /registry/a 3']);
      assert.equal(events[0]?.previousValue?.toString(), '2');
    });

    it('serves others when one subscriber throws', async () => {
      await using backend = await open();
      const start = await backend.currentRevision();
      const failures: unknown[] = [];
      const fault = new Error('broken');
      const broken = {
        events: () => {
          throw fault;
        },
        failed: (error: unknown) => void failures.push(error),
      };
      await backend.subscribe(start, broken);
      const { events, subscriber } = collector();
      await backend.subscribe(start, subscriber);
      await backend.create('/registry/a', bytes('1'));
      await backend.create('/registry/b', bytes('2'));
      assert.deepEqual(told(events), ['create /registry/a 1', 'create /registry/b 2']);
      assert.deepEqual(failures, [fault]);
    });

    it('finishes what was accepted before it closes, and takes no more', async () => {
      const backend = await open();
      const accepted = Array.from({ length: 10 }, (_, index) => backend.create(`/registry/${index}`, bytes('x')));
      const closed = backend.close();
      assert.equal(new Set(await Promise.all(accepted)).size, 10);
      await closed;
      await assert.rejects(backend.create('/registry/a', bytes('1')), fault('unavailable'));
    });
  });
}
