import type { Readable } from 'node:stream';
import type { Clock } from '../../std/clock.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Row } from '../kine-rows.ts';
import {
  type BackupCounts,
  type BackupEntry,
  BackupError,
  backupBytes,
  openBackup,
  writeBackup,
} from './backup-file.ts';
import { newestRenewedId, renewedRows } from './renewed-rows.ts';

/** A table as it was at one moment, read while others write. */
export interface TableSnapshot extends AsyncDisposable {
  /** The highest id that was given out. */
  readonly sequence: number;
  /** All rows in the order of their ids. */
  rows(): AsyncIterable<Row> | Iterable<Row>;
}

/** Writes what an endpoint holds, and files beside it, into one file. @throws BackupError, StorageError */
export async function backUp(
  endpoint: Endpoint,
  target: { readonly path: string; readonly files: readonly BackupEntry[]; readonly clock: Clock },
): Promise<BackupCounts> {
  await using snapshot = await openSnapshot(endpoint);
  return await writeBackup(target.path, {
    header: { madeMs: target.clock.nowMs(), sequence: snapshot.sequence },
    files: target.files,
    rows: snapshot.rows(),
  });
}

/** The bytes of a backup of what an endpoint holds now, made as they are read. @throws BackupError, StorageError */
export async function streamBackup(
  endpoint: Endpoint,
  source: { readonly files: readonly BackupEntry[]; readonly clock: Clock },
): Promise<Readable> {
  const snapshot = await openSnapshot(endpoint);
  const header = { madeMs: source.clock.nowMs(), sequence: snapshot.sequence };
  const { bytes } = backupBytes({ header, files: source.files, rows: snapshot.rows() });
  bytes.once('close', () => void snapshot[Symbol.asyncDispose]());
  return bytes;
}

/**
 * Makes the table of an endpoint from a backup, all or nothing; one that is there is never touched.
 *
 * @param options.keepsRevisions - Restore the log row by row, for a move of a server that is stopped. Otherwise clients
 *   are made to read anew, as {@link renewedRows} tells.
 * @returns the files of the backup, for the caller to put in place.
 * @throws BackupError, StorageError
 */
export async function restore(
  path: string,
  endpoint: Endpoint,
  options: { readonly keepsRevisions: boolean },
): Promise<{ readonly rows: number; readonly files: readonly BackupEntry[] }> {
  const backup = await openBackup(path);
  const { sequence } = backup.header;
  const rows = options.keepsRevisions ? backup.rows() : renewedRows(() => backup.rows(), sequence);
  const files: BackupEntry[] = [];
  for await (const file of backup.files()) files.push(file);
  return { rows: await fill(endpoint, { rows, sequence }), files };
}

/** Whether an endpoint holds what {@link restore} made of this very backup, and nothing that came later. */
export async function isAsRestored(path: string, endpoint: Endpoint): Promise<boolean> {
  const backup = await openBackup(path);
  const expected = await newestRenewedId(backup.rows(), backup.header.sequence);
  await using snapshot = await openSnapshot(endpoint);
  let newest = 0;
  for await (const { id } of snapshot.rows()) newest = Math.max(newest, id);
  return newest === expected;
}

/** The files of a backup alone. @throws BackupError */
export async function filesOf(path: string): Promise<BackupEntry[]> {
  const files: BackupEntry[] = [];
  for await (const file of (await openBackup(path)).files()) files.push(file);
  return files;
}

async function openSnapshot(endpoint: Endpoint): Promise<TableSnapshot> {
  switch (endpoint.engine) {
    case 'sqlite':
      return (await import('../sqlite/copy-table.ts')).openSqliteSnapshot(endpoint.path);
    case 'postgres':
      return await (await import('../postgres/copy-table.ts')).openPostgresSnapshot(endpoint.settings);
    default:
      throw withoutTable(endpoint);
  }
}

async function fill(endpoint: Endpoint, content: { rows: AsyncIterable<Row>; sequence: number }): Promise<number> {
  switch (endpoint.engine) {
    case 'sqlite':
      return await (await import('../sqlite/copy-table.ts')).fillSqlite(endpoint.path, content);
    case 'postgres':
      return await (await import('../postgres/copy-table.ts')).fillPostgres(endpoint.settings, content);
    default:
      throw withoutTable(endpoint);
  }
}

function withoutTable(endpoint: Extract<Endpoint, { engine: 'memory' | 'unsupported' }>): BackupError {
  return new BackupError(
    endpoint.engine === 'memory'
      ? 'memory:// keeps nothing that could be backed up'
      : `--datastore-endpoint: ${endpoint.why}`,
  );
}
