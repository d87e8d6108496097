import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Backend } from './backend.ts';
import { type PostgresSettings, parsePostgresEndpoint, type TlsFiles } from './postgres/settings.ts';
import { StorageError } from './storage-error.ts';

export interface EndpointOptions {
  /** The SQLite file where the endpoint names none. */
  readonly defaultPath: string;
  /** PEM files for PostgreSQL; they go before those that the endpoint names. */
  readonly tlsFiles?: TlsFiles | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What `--datastore-endpoint` means. */
export type Endpoint =
  | { readonly engine: 'memory' }
  | { readonly engine: 'sqlite'; readonly path: string }
  | { readonly engine: 'postgres'; readonly settings: PostgresSettings }
  | { readonly engine: 'unsupported'; readonly why: string };

/**
 * Reads `--datastore-endpoint`: empty or `sqlite://` for the default file, `sqlite://PATH` for another one (what follows
 * a question mark is kine's and is left out), `postgres://` for a table that several servers may share, `memory://` for
 * nothing that lasts. Passwords in it are never repeated.
 */
export function parseEndpoint(endpoint: string, defaultPath: string, tlsFiles: TlsFiles = {}): Endpoint {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(endpoint) ?? [];
  if (endpoint === '') return { engine: 'sqlite', path: defaultPath };
  switch (scheme.toLowerCase()) {
    case 'sqlite':
      return { engine: 'sqlite', path: rest.split('?')[0] || defaultPath };
    case 'memory':
      return { engine: 'memory' };
    case 'postgres':
    case 'postgresql':
      try {
        return { engine: 'postgres', settings: parsePostgresEndpoint(endpoint, tlsFiles) };
      } catch (error) {
        return { engine: 'unsupported', why: (error as Error).message };
      }
    default: {
      const what = scheme === '' ? 'it has no scheme' : `${scheme}:// is no datastore of this server`;
      return {
        engine: 'unsupported',
        why: `${what}; use sqlite://PATH, postgres://HOST/DATABASE, memory:// or leave it empty`,
      };
    }
  }
}

/** Opens the datastore that `--datastore-endpoint` names. @throws StorageError `unavailable`, `corrupt` */
export async function openBackend(endpoint: string, options: EndpointOptions): Promise<Backend> {
  const { clock, logger } = options;
  const parsed = parseEndpoint(endpoint, options.defaultPath, options.tlsFiles);
  switch (parsed.engine) {
    case 'sqlite': {
      const { openSqliteBackend } = await import('./sqlite/sqlite-backend.ts');
      return await openSqliteBackend({ path: parsed.path, clock, logger });
    }
    case 'postgres': {
      // The driver is only loaded by those who have such a server.
      const { openPostgresBackend } = await import('./postgres/postgres-backend.ts');
      return await openPostgresBackend({ settings: parsed.settings, clock, logger });
    }
    case 'memory': {
      const { openMemoryBackend } = await import('./memory/memory-backend.ts');
      return await openMemoryBackend();
    }
    case 'unsupported':
      throw new StorageError('unavailable', '', 0n, { message: `--datastore-endpoint: ${parsed.why}` });
    default:
      return parsed satisfies never;
  }
}
