/**
 * Whether a database stays small while what it holds changes all the time:
 * `node bench/datastore/churn.ts [--writes 72000] [--keys 500] [--passes 12]`.
 *
 * An hour in short: 72,000 writes are 20 each second, and a server compacts every five minutes up to where it was five
 * minutes before, so twelve times. PostgreSQL's own daemon looks once a minute and hardly helps in the short time.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openBackend } from '../../src/datastore/endpoint.ts';
import { systemClock } from '../../src/std/clock.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { findPostgres, startPostgres } from '../../src/testing/embedded-postgres.ts';

const { values } = parseArgs({
  options: {
    writes: { type: 'string', default: '72000' },
    keys: { type: 'string', default: '500' },
    passes: { type: 'string', default: '12' },
  },
});
const [writes, keys, passes] = [Number(values.writes), Number(values.keys), Number(values.passes)];
const value = Buffer.alloc(1_500, 'x');
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1).padStart(7);

/** Bytes of the files too, where there are files. */
async function churn(engine: string, endpoint: string, filesOf: () => number): Promise<void> {
  await using backend = await openBackend(endpoint, { defaultPath: '', clock: systemClock, logger: silentLogger });
  const names = Array.from({ length: keys }, (_, index) => `/registry/leases/default/node-${index}`);
  const revisions = await Promise.all(names.map((name) => backend.create(name, value)));
  const sizes: number[] = [];
  let target = await backend.currentRevision();
  for (let pass = 0; pass < passes; pass++) {
    const next = await backend.currentRevision();
    for (let done = 0; done < writes / passes; done += 20) {
      const some = Array.from({ length: 20 }, (_, lane) => (done + lane) % keys);
      await Promise.all(
        some.map(async (index) => {
          revisions[index] = await backend.update(names[index] ?? '', value, revisions[index] ?? 0n);
        }),
      );
    }
    await backend.compact(target);
    target = next;
    sizes.push(await backend.sizeBytes());
  }
  console.log(
    `${engine.padEnd(10)} MB after each pass ${sizes.map(megabytes).join('')}   files ${megabytes(filesOf())}`,
  );
}

const folder = mkdtempSync(join(tmpdir(), 'warren-churn-'));
try {
  const path = join(folder, 'state.db');
  await churn('SQLite', `sqlite://${path}`, () => statSync(path).size + statSync(`${path}-wal`).size);
  if (findPostgres().skip === false) {
    await using postgres = await startPostgres();
    await churn('PostgreSQL', postgres.endpoint('churn'), () => 0);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
