import type { Command } from 'commander';
import { type VirtualCluster, virtualClusters } from '../operator/api/virtual-cluster.ts';
import { systemClock } from '../std/clock.ts';
import { type HostOptions, openHost, withHostOptions } from './host.ts';
import { formatAge, outputOption, printLine, printObject, printTable } from './output.ts';

interface Options extends HostOptions {
  readonly allNamespaces?: boolean;
  readonly output?: 'json' | 'yaml';
}

export function addList(program: Command): void {
  withHostOptions(program.command('list').alias('ls').description('list the VirtualClusters'))
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(outputOption())
    .action(list);
}

async function list(options: Options): Promise<void> {
  const host = await openHost(options);
  const found = await host.client.list(virtualClusters, {
    namespace: options.allNamespaces ? undefined : host.namespace,
  });
  if (options.output !== undefined) return printObject(found, options.output);
  if (found.items.length === 0) {
    return printLine(
      `no VirtualClusters ${options.allNamespaces ? 'anywhere' : `in namespace ${host.namespace}`}; make one with "warren create NAME"`,
    );
  }
  const header = ['NAME', 'VERSION', 'STATUS', 'NODES', 'ENDPOINT', 'AGE'];
  const rows = found.items.map(toRow);
  if (!options.allNamespaces) return printTable(header, rows);
  printTable(
    ['NAMESPACE', ...header],
    rows.map((row, index) => [found.items[index]?.metadata.namespace ?? '', ...row]),
  );
}

function toRow({ metadata, status }: VirtualCluster): string[] {
  return [
    metadata.name ?? '',
    status?.version ?? '',
    status?.phase ?? 'Pending',
    status?.nodes?.summary ?? '',
    status?.endpoint ?? '',
    formatAge(metadata.creationTimestamp, systemClock.nowMs()),
  ];
}
