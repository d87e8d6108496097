import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../std/clock.ts';
import { addHostBackups } from './backup-host.ts';
import { printLine } from './output.ts';
import { readTenantPlace, type TenantPlaceOptions, telling, withTenantPlace } from './tenant-place.ts';
import { UserError } from './user-error.ts';

/** What belongs to a tenant beside its table, below its `server` folder. */
const KEPT = ['tls', 'token', 'node-token', 'agent-token'];

export function addBackup(program: Command): void {
  const command = program
    .command('backup')
    .argument('<file>', 'where to write it; must not exist')
    .description('copy a tenant into one file, also while its server runs; or let the operator back tenants up');
  withTenantPlace(command).action(backup);
  addHostBackups(command);
}

async function backup(file: string, options: TenantPlaceOptions): Promise<void> {
  const { backUp } = await import('../datastore/backup/backup.ts');
  const { endpoint, folder } = readTenantPlace(options);
  const path = resolve(file);
  if (existsSync(path)) throw new UserError(`${path} is there already: name a new file`);
  const files = KEPT.flatMap((name) => filesAt(join(folder, name))).map((found) => ({
    path: relative(folder, found),
    mode: statSync(found).mode & 0o777,
    content: readFileSync(found),
  }));
  const counts = await telling(() => backUp(endpoint, { path, files, clock: systemClock }));
  const megabytes = (statSync(path).size / 1e6).toFixed(1);
  printLine(
    `wrote ${path}: ${counts.rows} rows and ${counts.files} files of the tenant, ${megabytes} MB; it holds its keys`,
  );
}

function filesAt(path: string): string[] {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesAt(join(path, name)));
}
