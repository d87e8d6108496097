import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createPkiFiles, loadPki } from '../../pki/bundle.ts';
import { issueCertificate } from '../../pki/certificate.ts';
import { systemClock } from '../../std/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { type EmbeddedPostgres, findPostgres, startPostgres } from '../../testing/embedded-postgres.ts';
import { testBackend } from '../backend.conformance.ts';
import type { Backend, LogEvent } from '../backend.ts';
import { StorageError, type StorageFault } from '../storage-error.ts';
import { openPostgresBackend } from './postgres-backend.ts';
import { INDEXES } from './schema.ts';
import { parsePostgresEndpoint } from './settings.ts';
import { startCutter } from './testdata/cutter.ts';

const { skip } = findPostgres();
const bytes = (text: string): Buffer => Buffer.from(text);
const fault = (name: StorageFault) => (error: unknown) => error instanceof StorageError && error.fault === name;
/** A clock whose polls never come: only notifications and readers wake. */
const pollless = { ...systemClock, every: () => ({ cancel() {} }) };

function collector(wanted = 0) {
  const events: LogEvent[] = [];
  const failures: unknown[] = [];
  let enough: () => void = () => {};
  const arrived = new Promise<void>((resolve) => {
    enough = resolve;
  });
  const subscriber = {
    events: (more: readonly LogEvent[]) => {
      events.push(...more);
      if (events.length >= wanted) enough();
    },
    failed: (error: unknown) => {
      failures.push(error);
      enough();
    },
  };
  return { events, failures, arrived, subscriber };
}

describe('PostgreSQL', { skip }, () => {
  let server: EmbeddedPostgres;
  let databases = 0;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server[Symbol.asyncDispose]());

  const newDatabase = (): string => `tenant${++databases}`;
  const open = (database = newDatabase(), options: { clock?: typeof systemClock; endpoint?: string } = {}) =>
    openPostgresBackend({
      settings: parsePostgresEndpoint(options.endpoint ?? server.endpoint(database)),
      clock: options.clock ?? systemClock,
      logger: silentLogger,
    });

  testBackend('postgres', () => open());

  describe('the table', () => {
    it('is what kine would have made and written', async () => {
      const database = newDatabase();
      await using backend = await open(database);
      const first = await backend.create('/registry/a', bytes('1'), { leaseSeconds: 15 });
      const second = await backend.update('/registry/a', bytes('2'), first);
      const third = await backend.delete('/registry/a', second);
      assert.equal(third, 5n);
      await backend.create('/registry/a', bytes('3'));
      const rows = await server.run(
        database,
        `SELECT id, name, created, deleted, create_revision AS c, prev_revision AS p, lease,
          convert_from(value, 'UTF8') AS value, convert_from(old_value, 'UTF8') AS old FROM kine ORDER BY id`,
      );
      assert.deepEqual(
        rows.map((row) => Object.values(row)),
        [
          ['1', 'compact_rev_key', 1, 0, '0', '0', 0, '', null],
          ['2', '/registry/health', 1, 0, '0', '0', 0, '{"health":"true"}', null],
          ['3', '/registry/a', 1, 0, '0', '0', 15, '1', null],
          ['4', '/registry/a', 0, 0, '3', '3', 0, '2', '1'],
          ['5', '/registry/a', 0, 1, '0', '4', 0, null, '2'],
          ['6', '/registry/a', 1, 0, '0', '5', 0, '3', null],
        ],
      );
      const indexes = await server.run(database, "SELECT indexname AS name FROM pg_indexes WHERE tablename = 'kine'");
      assert.deepEqual(indexes.map(({ name }) => name).sort(), [...Object.keys(INDEXES), 'kine_pkey'].sort());
    });

    it('keeps everything over a restart of the tenant, whatever is in the values', async () => {
      const database = newDatabase();
      const value = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
      const before = await open(database);
      const revision = await before.create('/registry/ä', value);
      await before.close();
      await using reopened = await open(database);
      assert.deepEqual((await reopened.get('/registry/ä'))?.value, value);
      assert.equal(await reopened.currentRevision(), revision);
    });

    it('lives in a schema of its own where the endpoint names one', async () => {
      const database = newDatabase();
      await using backend = await open(database, { endpoint: `${server.endpoint(database)}&search_path=Tenant A` });
      await backend.create('/registry/a', bytes('1'));
      await using other = await open(database, { endpoint: `${server.endpoint(database)}&search_path=b` });
      assert.equal(await other.get('/registry/a'), undefined);
      const tables = await server.run(database, "SELECT schemaname AS name FROM pg_tables WHERE tablename = 'kine'");
      assert.deepEqual(tables.map(({ name }) => name).sort(), ['Tenant A', 'b']);
    });

    it('is served to a user who may do nothing but read and write it', async () => {
      const database = newDatabase();
      await (await open(database)).close();
      const user = `${database}_user`;
      await server.run(
        database,
        `CREATE USER ${user}; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
         GRANT SELECT, INSERT, UPDATE, DELETE ON kine TO ${user}; GRANT USAGE ON SEQUENCE kine_id_seq TO ${user}`,
      );
      await using backend = await open(database, {
        endpoint: server.endpoint(database).replace('postgres@', `${user}@`),
      });
      assert.equal(await backend.create('/registry/a', bytes('1')), 3n);
      await server.run(database, `REVOKE INSERT ON kine FROM ${user}`);
      await assert.rejects(backend.create('/registry/b', bytes('1')), /permission denied.*rights on the schema/);
      assert.equal((await backend.list('/registry/')).items.length, 2);
    });

    it('of an old kine, which sorts by language, is read byte by byte', async () => {
      const database = newDatabase();
      await (await open(database)).close();
      const locales =
        "SELECT collname AS name FROM pg_collation WHERE collname IN ('en-x-icu', 'und-x-icu') ORDER BY 1";
      const [locale] = await server.run(database, locales);
      assert.ok(locale, 'this PostgreSQL knows no language');
      await server.run(database, `ALTER TABLE kine ALTER COLUMN name TYPE text COLLATE "${locale['name']}"`);
      await using backend = await open(database);
      for (const name of ['x/b', 'x/B', 'x/a-b', 'x/a', 'x0', 'xa'])
        await backend.create(`/registry/${name}`, bytes('1'));
      const { items } = await backend.list('/registry/x/');
      assert.deepEqual(
        items.map(({ key }) => key),
        ['/registry/x/B', '/registry/x/a', '/registry/x/a-b', '/registry/x/b'],
      );
      assert.equal(await backend.count('/registry/x/', { startAfter: '/registry/x/a' }), 2);
    });

    it('makes room for new rows where it removed old ones, without waiting for the daemon', async () => {
      await using backend = await open('vacuum');
      const value = Buffer.alloc(1_000, 'x');
      let revisions = await Promise.all(
        Array.from({ length: 100 }, (_, index) => backend.create(`/registry/leases/${index}`, value)),
      );
      const sizes: number[] = [];
      for (let pass = 0; pass < 3; pass++) {
        for (let round = 0; round < 30; round++) {
          revisions = await Promise.all(
            revisions.map((revision, index) => backend.update(`/registry/leases/${index}`, value, revision)),
          );
        }
        await backend.compact(await backend.currentRevision(), { keepRevisions: 0 });
        sizes.push(await backend.sizeBytes());
      }
      const [first = 0, , last = 0] = sizes;
      assert.ok(last < first * 1.3, `sizes after each pass: ${sizes}`);
    });

    it('is compacted as kine would do it, so that kine can go on', async () => {
      const database = newDatabase();
      await using backend = await open(database);
      let a = await backend.create('/registry/a', bytes('1'));
      for (let index = 2; index <= 6; index++) a = await backend.update('/registry/a', bytes(`${index}`), a);
      await backend.delete('/registry/b', await backend.create('/registry/b', bytes('b')));
      await backend.compact(6n, { keepRevisions: 0, batchRows: 2 });
      const rows = await server.run(database, 'SELECT id, name, prev_revision AS p FROM kine ORDER BY id');
      assert.deepEqual(
        rows.map(({ id, name, p }) => [Number(id), name, Number(p)]),
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
  });

  describe('several writers', () => {
    it('hear of each other at once, and read what the other has acknowledged', async () => {
      const database = newDatabase();
      await using one = await open(database, { clock: pollless });
      await using two = await open(database, { clock: pollless });
      const { events, arrived, subscriber } = collector(1);
      await two.subscribe(await two.currentRevision(), subscriber);
      const revision = await one.create('/registry/a', bytes('1'));
      await arrived;
      assert.deepEqual([events[0]?.key, events[0]?.revision], ['/registry/a', revision]);
      for (let round = 0; round < 50; round++) {
        const key = `/registry/round/${round}`;
        const written = await (round % 2 === 0 ? one : two).create(key, bytes(key));
        const reader = round % 2 === 0 ? two : one;
        assert.ok((await reader.currentRevision()) >= written);
        assert.equal((await reader.list(key)).items[0]?.modRevision, written);
      }
    });

    it('see one order without a hole, and one of them wins each race', async () => {
      const database = newDatabase();
      const backends = await Promise.all([open(database), open(database), open(database)]);
      const start = await (backends[0] as Backend).currentRevision();
      const seen = backends.map(() => collector());
      await Promise.all(
        backends.map((backend, index) =>
          backend.subscribe(start, (seen[index] as ReturnType<typeof collector>).subscriber),
        ),
      );
      const results = await Promise.allSettled(
        backends.flatMap((backend, index) => [
          ...Array.from({ length: 40 }, (_, key) => backend.create(`/registry/shared/${key}`, bytes(`${index}`))),
          ...Array.from({ length: 40 }, (_, key) => backend.create(`/registry/${index}/${key}`, bytes(`${index}`))),
        ]),
      );
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 40 + 120);
      for (const backend of backends) await backend.currentRevision();
      const expected = Array.from({ length: 160 }, (_, index) => start + BigInt(index) + 1n);
      for (const { events } of seen) {
        assert.deepEqual(
          events.map(({ revision }) => revision),
          expected,
        );
      }
      assert.deepEqual(seen[1]?.events, seen[0]?.events);
      for (const backend of backends) await backend.close();
    });

    it('pass holes that a burnt id leaves, and fill them as kine does', async () => {
      const database = newDatabase();
      await using backend = await open(database);
      const { events, subscriber } = collector();
      await backend.subscribe(await backend.currentRevision(), subscriber);
      await server.run(database, "SELECT nextval('kine_id_seq') FROM generate_series(1, 3)");
      const revision = await backend.create('/registry/a', bytes('1'));
      assert.deepEqual([revision, events.map(({ key }) => key)], [6n, ['/registry/a']]);
      const rows = await server.run(
        database,
        "SELECT name, created, deleted FROM kine WHERE name LIKE 'gap-%' ORDER BY id",
      );
      assert.deepEqual(
        rows.map((row) => Object.values(row)),
        ['gap-3', 'gap-4', 'gap-5'].map((name) => [name, 0, 1]),
      );
      assert.equal(await backend.currentRevision(), 6n);
      await server.run(
        database,
        "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease) VALUES ('gap-7', 0, 1, 0, 0, 0)",
      );
      assert.equal(await backend.currentRevision(), 6n, 'a filler is no event that a reader could wait for');
    });

    it('wait for a kine that is about to commit an older id', async () => {
      const database = newDatabase();
      await using backend = await open(database);
      const { events, arrived, subscriber } = collector(2);
      await backend.subscribe(await backend.currentRevision(), subscriber);
      const { Client } = await import('pg');
      const kine = new Client({ connectionString: server.endpoint(database) });
      await kine.connect();
      await kine.query('BEGIN');
      await kine.query(
        "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) VALUES ('/registry/kine', 1, 0, 0, 0, 0, 'k')",
      );
      const written = backend.create('/registry/ours', bytes('1'));
      assert.equal(await Promise.race([written, systemClock.sleep(100)]), undefined);
      assert.deepEqual(events, []);
      await kine.query('COMMIT');
      assert.equal(await written, 4n);
      await arrived;
      assert.deepEqual(
        events.map(({ key, revision }) => [key, revision]),
        [
          ['/registry/kine', 3n],
          ['/registry/ours', 4n],
        ],
      );
      await kine.end();
    });

    it('take another id where a kine has filled theirs, and lose a race with a kine', async () => {
      const database = newDatabase();
      await using backend = await open(database);
      await server.run(
        database,
        "INSERT INTO kine (id, name, created, deleted, create_revision, prev_revision, lease) VALUES (3, 'gap-3', 0, 1, 0, 0, 0)",
      );
      const revision = await backend.create('/registry/a', bytes('1'));
      assert.equal(revision, 4n);
      await server.run(
        database,
        `INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) VALUES ('/registry/a', 0, 0, 4, 4, 0, 'k')`,
      );
      await assert.rejects(backend.update('/registry/a', bytes('2'), revision), fault('revision-moved'));
      assert.equal((await backend.get('/registry/a'))?.createRevision, 4n);
    });

    it('tell whoever follows that another one compacted what they had not read', async () => {
      const database = newDatabase();
      await using backend = await open(database, { clock: pollless });
      const { failures, subscriber } = collector();
      await backend.subscribe(await backend.currentRevision(), subscriber);
      await server.run(
        database,
        `BEGIN; SELECT nextval('kine_id_seq') FROM generate_series(1, 5);
         INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) VALUES ('/registry/a', 1, 0, 0, 0, 0, 'k');
         UPDATE kine SET prev_revision = 7 WHERE name = 'compact_rev_key'; COMMIT`,
      );
      assert.equal(await backend.currentRevision(), 8n);
      assert.equal(failures.length, 1);
      assert.ok(fault('compacted')(failures[0]));
      assert.equal((await backend.list('/registry/a')).items.length, 1);
    });
  });

  describe('a connection that breaks in the middle of a commit', () => {
    it('is not taken for a write of another server that got its id', async () => {
      const database = newDatabase();
      await (await open(database)).close();
      await using cutter = await startCutter(server.port);
      const endpoint = server.endpoint(database).replace(`:${server.port}`, `:${cutter.port}`);
      await using backend = await open(database, { endpoint });
      // As after a crash, which takes ids back that were not written down yet.
      const overtake = async (): Promise<void> => {
        await server.run(database, "SELECT setval('kine_id_seq', (SELECT MAX(id) FROM kine))");
        await using other = await open(database);
        await other.create('/registry/a', bytes('other'));
      };
      cutter.cutAtCommit(false, overtake);
      await assert.rejects(backend.create('/registry/a', bytes('own')), fault('key-exists'));
      assert.equal((await backend.get('/registry/a'))?.value.toString(), 'other');
    });

    for (const passes of [true, false]) {
      it(`neither loses nor doubles a write ${passes ? 'that came through' : 'that did not'}`, async () => {
        const database = newDatabase();
        await (await open(database)).close();
        await using cutter = await startCutter(server.port);
        const endpoint = server.endpoint(database).replace(`:${server.port}`, `:${cutter.port}`);
        await using backend = await open(database, { endpoint });
        const { events, subscriber } = collector();
        await backend.subscribe(await backend.currentRevision(), subscriber);
        cutter.cutAtCommit(passes);
        const revision = await backend.create('/registry/a', bytes('1'));
        assert.equal(cutter.cuts, 1);
        const rows = await server.run(database, "SELECT id FROM kine WHERE name = '/registry/a'");
        assert.deepEqual(
          rows.map(({ id }) => BigInt(id)),
          [revision],
        );
        assert.deepEqual(
          events.map((event) => event.revision),
          [revision],
        );
      });
    }
  });

  it('says what is wrong where it is refused', async () => {
    const stranger = server.endpoint('postgres').replace('postgres@', 'stranger:secret@');
    await assert.rejects(open('postgres', { endpoint: stranger }), (error) => {
      assert.ok(fault('unavailable')(error));
      assert.match(
        (error as Error).message,
        /127\.0\.0\.1:\d+\/postgres: role "stranger" does not exist; check the DSN's user/,
      );
      assert.doesNotMatch((error as Error).message, /secret/);
      return true;
    });
    const encrypted = server.endpoint('postgres').replace('sslmode=disable', 'sslmode=require');
    await assert.rejects(open('postgres', { endpoint: encrypted }), /does not support SSL.*sslmode=disable/);
    await using preferring = await open(newDatabase(), { endpoint: server.endpoint('t').replace('disable', 'prefer') });
    assert.ok((await preferring.currentRevision()) > 0n);
  });

  it('is reached through TLS as the endpoint wants it, and only by the name in its certificate', async () => {
    const files = await createPkiFiles(systemClock.nowMs());
    const pki = loadPki(files);
    const subject = { commonName: 'db', organizations: [], usages: ['server' as const], names: ['localhost'] };
    const { chainPem, keyPem = '' } = issueCertificate(pki.server, subject, { nowMs: systemClock.nowMs() });
    const [cert, key] = [server.addFile('server.crt', chainPem), server.addFile('server.key', keyPem)];
    await server.run('postgres', `ALTER SYSTEM SET ssl_cert_file = '${cert}'`);
    await server.run('postgres', `ALTER SYSTEM SET ssl_key_file = '${key}'`);
    await server.run('postgres', 'ALTER SYSTEM SET ssl = on');
    await server.run('postgres', 'SELECT pg_reload_conf()');
    const ca = server.addFile('ca.crt', pki.server.certPem);
    const other = server.addFile('other.crt', pki.client.certPem);
    const database = newDatabase();
    const endpoint = (parameters: string, host = 'localhost'): string =>
      server.endpoint(database).replace('sslmode=disable', parameters).replace('127.0.0.1', host);
    for (const good of [
      endpoint('sslmode=prefer'),
      endpoint('sslmode=require', '127.0.0.1'),
      endpoint(`sslmode=verify-ca&sslrootcert=${ca}`, '127.0.0.1'),
      endpoint(`sslmode=verify-full&sslrootcert=${ca}`),
    ]) {
      await using backend = await open(database, { endpoint: good });
      assert.equal(await backend.currentRevision(), 2n);
      const used =
        "SELECT bool_and(s.ssl) AS ssl FROM pg_stat_ssl AS s JOIN pg_stat_activity AS a USING (pid) WHERE a.application_name = 'warren'";
      const [row] = await server.run(database, used);
      assert.equal(row?.['ssl'], true, good);
    }
    for (const bad of [
      endpoint(`sslmode=verify-full&sslrootcert=${ca}`, '127.0.0.1'),
      endpoint(`sslmode=verify-full&sslrootcert=${other}`),
      endpoint(`sslmode=verify-full&sslrootcert=${other}.missing`),
    ]) {
      await assert.rejects(open(database, { endpoint: bad }), /check sslrootcert|sslrootcert .* cannot be read/, bad);
    }
  });

  it('loses nothing that it acknowledged when it is killed, and the tenant goes on once it is back', async () => {
    const database = newDatabase();
    await using backend = await open(database);
    const { events, subscriber } = collector();
    await backend.subscribe(await backend.currentRevision(), subscriber);
    const acknowledged = new Map<string, bigint>();
    /** Refused because the server was away for too long, as on a machine that is short of time: either outcome is right. */
    const refused = new Set<string>();
    const state = { stopped: false };
    const lane = async (number: number): Promise<void> => {
      for (let index = 0; !state.stopped; index++) {
        const key = `/registry/${number}/${index}`;
        try {
          acknowledged.set(key, await backend.create(key, bytes(key)));
        } catch (error) {
          assert.ok(fault('unavailable')(error), String(error));
          refused.add(key);
        }
      }
    };
    const lanes = Array.from({ length: 8 }, (_, number) => lane(number));
    for (let round = 0; round < 2; round++) {
      await systemClock.sleep(150);
      await server.kill();
      await server.start();
    }
    await systemClock.sleep(100);
    state.stopped = true;
    await Promise.all(lanes);
    const { items } = await backend.list('/registry/');
    const known = items.filter(({ key }) => key !== '/registry/health' && !refused.has(key));
    assert.deepEqual(new Map(known.map(({ key, modRevision }) => [key, modRevision])), acknowledged);
    assert.deepEqual(
      events.filter(({ key }) => !refused.has(key)).map(({ revision }) => revision),
      [...acknowledged.values()].sort((a, b) => Number(a - b)),
    );
  });
});
