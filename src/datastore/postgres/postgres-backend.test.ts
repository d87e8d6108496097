import { after, before, describe } from 'node:test';
import { systemClock } from '../../std/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { type EmbeddedPostgres, findPostgres, startPostgres } from '../../testing/embedded-postgres.ts';
import { testBackend } from '../backend.conformance.ts';
import type { Backend } from '../backend.ts';
import { openPostgresBackend } from './postgres-backend.ts';
import { parsePostgresEndpoint } from './settings.ts';

const { skip } = findPostgres();

describe('PostgreSQL', { skip }, () => {
  let server: EmbeddedPostgres;
  let databases = 0;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server[Symbol.asyncDispose]());

  const newDatabase = (): string => `tenant${++databases}`;
  const open = (database = newDatabase()): Promise<Backend> =>
    openPostgresBackend({
      settings: parsePostgresEndpoint(server.endpoint(database)),
      clock: systemClock,
      logger: silentLogger,
    });

  testBackend('postgres', () => open());
});
