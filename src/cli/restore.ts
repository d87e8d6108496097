import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';
import type { Command } from 'commander';
import type { BackupEntry } from '../datastore/backup/backup-file.ts';
import { printLine } from './output.ts';
import { readTenantPlace, type TenantPlaceOptions, telling, withTenantPlace } from './tenant-place.ts';
import { UserError } from './user-error.ts';

interface Options extends TenantPlaceOptions {
  readonly keepRevisions?: boolean;
}

export function addRestore(program: Command): void {
  withTenantPlace(
    program
      .command('restore')
      .argument('<file>', 'what "warren backup" wrote')
      .description('make a tenant from a backup, in a new data folder or an empty database'),
  )
    .option('--keep-revisions', 'keep the log row by row: for a move of a server that was stopped before the backup')
    .action(restoreTenant);
}

async function restoreTenant(file: string, options: Options): Promise<void> {
  const { restore } = await import('../datastore/backup/backup.ts');
  const { endpoint, folder } = readTenantPlace(options);
  if (existsSync(join(folder, 'tls')))
    throw new UserError(`${folder} holds a tenant already: name a new --data-dir, a restore never overwrites one`);
  const path = resolve(file);
  const { rows, files } = await telling(() =>
    restore(path, endpoint, { keepsRevisions: options.keepRevisions === true }),
  );
  for (const entry of files) placeBackupFile(folder, entry);
  printLine(
    `restored ${rows} rows and ${files.length} files; start it: warren server with the same --data-dir and endpoint`,
  );
}

/** Puts a file of a backup below a folder. @throws UserError where it names another place. */
export function placeBackupFile(folder: string, { path, mode, content }: BackupEntry): void {
  const target = join(folder, normalize(path));
  // A checksum tells of accidents only: a file made with ill intent must not reach outside.
  if (!target.startsWith(`${folder}/`)) throw new UserError(`the backup names a file outside the data folder: ${path}`);
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  writeFileSync(target, content, { mode });
}
