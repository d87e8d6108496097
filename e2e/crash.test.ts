import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CrashOptions, runCrashTest } from '../hack/crash-test.ts';
import { findPostgres } from '../src/testing/embedded-postgres.ts';

/** A few kills each; `node hack/crash-test.ts --kills 100` is the long form. */
const cases: Record<string, Omit<CrashOptions, 'writers'>> = {
  'a server that is killed with SQLite': { kills: 5, datastore: 'sqlite', victim: 'server' },
  'a server that is killed with PostgreSQL': { kills: 3, datastore: 'postgres', victim: 'server' },
  'a PostgreSQL that is killed below its server': { kills: 4, datastore: 'postgres', victim: 'database' },
};

describe('every acknowledged write, and no half of another, is found after', () => {
  for (const [name, options] of Object.entries(cases)) {
    const skip = options.datastore === 'postgres' ? findPostgres().skip : false;
    it(name, { skip }, async () => {
      const { faults, acknowledged, kills } = await runCrashTest({ ...options, writers: 8 });
      assert.deepEqual(faults, []);
      assert.ok(kills === options.kills && acknowledged > 0);
    });
  }
});
