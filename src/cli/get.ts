import type { Command } from 'commander';
import { systemClock } from '../std/clock.ts';
import { type HostOptions, openHost, readCluster, withHostOptions } from './host.ts';
import { formatAge, outputOption, printLine, printObject, printTable } from './output.ts';

interface Options extends HostOptions {
  readonly output?: 'json' | 'yaml';
}

export function addGet(program: Command): void {
  withHostOptions(
    program.command('get').argument('<name>').description('show one VirtualCluster and the conditions it is in'),
  )
    .addOption(outputOption())
    .action(get);
}

async function get(name: string, options: Options): Promise<void> {
  const host = await openHost(options);
  const cluster = await readCluster(host, name);
  if (options.output !== undefined) return printObject(cluster, options.output);
  const { status, metadata } = cluster;
  printLine(`Name:       ${metadata.namespace}/${metadata.name}`);
  printLine(`Status:     ${status?.phase ?? 'Pending'}`);
  printLine(`Version:    ${status?.version ?? ''}`);
  printLine(`Endpoint:   ${status?.endpoint ?? ''}`);
  printLine(`Datastore:  ${status?.datastore ?? ''}`);
  printLine(`Nodes:      ${status?.nodes?.summary ?? '0/0'} ready`);
  printLine(`Age:        ${formatAge(metadata.creationTimestamp, systemClock.nowMs())}`);
  printLine('');
  const rows = (status?.conditions ?? []).map(({ type, status: state, reason, message }) => [
    type,
    state,
    reason,
    message,
  ]);
  printTable(['CONDITION', 'STATUS', 'REASON', 'MESSAGE'], rows);
}
