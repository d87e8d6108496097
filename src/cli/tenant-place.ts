import type { Command } from 'commander';
import { BackupError } from '../datastore/backup/backup-file.ts';
import { type Endpoint, parseEndpoint } from '../datastore/endpoint.ts';
import type { TlsFiles } from '../datastore/postgres/settings.ts';
import { StorageError } from '../datastore/storage-error.ts';
import { ConfigError, pathsOf, readTenantConfig } from '../tenant/config.ts';
import { UserError } from './user-error.ts';

/** Where a tenant keeps what it has: `warren server`'s own flags. */
export interface TenantPlaceOptions {
  readonly dataDir?: string;
  readonly datastoreEndpoint?: string;
  readonly tlsFiles?: TlsFiles;
}

export function withTenantPlace(command: Command): Command {
  return command
    .option('-d, --data-dir <path>', 'data folder of the tenant (default: /var/lib/warren)')
    .option('--datastore-endpoint <endpoint>', 'its database, where that is not in the data folder');
}

/** The datastore, and the folder with the tenant's keys and tokens. @throws UserError */
export function readTenantPlace(options: TenantPlaceOptions): { readonly endpoint: Endpoint; readonly folder: string } {
  const { dataDir, datastoreEndpoint } = options;
  const args = [
    ...(dataDir === undefined ? [] : [`--data-dir=${dataDir}`]),
    ...(datastoreEndpoint === undefined ? [] : [`--datastore-endpoint=${datastoreEndpoint}`]),
    // Not served here; it keeps the address of this machine from being looked up.
    '--advertise-address=127.0.0.1',
  ];
  try {
    const config = readTenantConfig(args);
    const paths = pathsOf(config);
    return {
      endpoint: parseEndpoint(config.datastoreEndpoint, paths.database, options.tlsFiles ?? config.tlsFiles),
      folder: paths.server,
    };
  } catch (error) {
    throw error instanceof ConfigError ? new UserError(error.message, { cause: error }) : error;
  }
}

/** Tells faults of the datastore and of backups in one line. */
export async function telling<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BackupError || error instanceof StorageError)
      throw new UserError(error.message, { cause: error });
    throw error;
  }
}
