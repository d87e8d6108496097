import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { type Endpoint, openBackend, parseEndpoint } from './endpoint.ts';
import { StorageError } from './storage-error.ts';

const understood: Record<string, Endpoint> = {
  '': { engine: 'sqlite', path: '/data/state.db' },
  'sqlite://': { engine: 'sqlite', path: '/data/state.db' },
  'sqlite:///var/lib/x.db': { engine: 'sqlite', path: '/var/lib/x.db' },
  'sqlite://./db/state.db?_journal=WAL&cache=shared': { engine: 'sqlite', path: './db/state.db' },
  'SQLite://x.db': { engine: 'sqlite', path: 'x.db' },
  'memory://': { engine: 'memory' },
};

const refused: Record<string, RegExp> = {
  'postgres://user:secret@host/db?sslmode=never': /sslmode=never is none of disable, prefer/,
  'postgresql://user:secret@host/db?hots=a': /the DSN's parameter hots is not known here/,
  'postgres://user:se%cret@host/db': /holds a % that begins no escape/,
  'mysql://user:secret@tcp(host)/db': /mysql:\/\/ is no datastore of this server/,
  'https://etcd:2379': /https:\/\/ is no datastore of this server/,
  '/var/lib/x.db': /it has no scheme/,
};

describe('--datastore-endpoint', () => {
  for (const [endpoint, expected] of Object.entries(understood)) {
    it(`understands '${endpoint}'`, () => assert.deepEqual(parseEndpoint(endpoint, '/data/state.db'), expected));
  }

  for (const [endpoint, message] of Object.entries(refused)) {
    it(`refuses '${endpoint}' without repeating a password`, async () => {
      const options = { defaultPath: '/data/state.db', clock: systemClock, logger: silentLogger };
      await assert.rejects(openBackend(endpoint, options), (error) => {
        assert.ok(error instanceof StorageError);
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
    });
  }

  it('opens what lives as long as the process', async () => {
    const options = { defaultPath: '/data/state.db', clock: systemClock, logger: silentLogger };
    await using backend = await openBackend('memory://', options);
    assert.equal(await backend.create('/registry/a', Buffer.from('1')), await backend.currentRevision());
  });
});
