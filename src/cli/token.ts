import type { Command } from 'commander';
import { type HostOptions, openHost, readCluster, readSecretKey, withHostOptions } from './host.ts';
import { printLine } from './output.ts';

export function addToken(program: Command): void {
  withHostOptions(
    program.command('token').argument('<name>').description('print the token with which machines join a tenant'),
  ).action(token);
}

async function token(name: string, options: HostOptions): Promise<void> {
  const host = await openHost(options);
  printLine((await readSecretKey(host, await readCluster(host, name), 'token', 'token')).trim());
}
