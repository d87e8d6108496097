import type { Command } from 'commander';
import { isNotFound } from '../machinery/errors/status-error.ts';
import { virtualClusters } from '../operator/api/virtual-cluster.ts';
import { type HostOptions, openHost, readCluster, withHostOptions } from './host.ts';
import { printLine } from './output.ts';

interface Options extends HostOptions {
  readonly wait: boolean;
}

export function addDelete(program: Command): void {
  withHostOptions(
    program
      .command('delete')
      .alias('rm')
      .argument('<name>')
      .description('delete a VirtualCluster with all that it keeps'),
  )
    .option('--no-wait', 'return at once')
    .action(remove);
}

async function remove(name: string, options: Options): Promise<void> {
  const host = await openHost(options);
  const cluster = await readCluster(host, name);
  const key = { namespace: host.namespace, name };
  await host.client.delete(virtualClusters, key, { preconditions: { uid: cluster.metadata.uid } });
  while (options.wait && (await lives(host, name, cluster.metadata.uid))) {
    await new Promise((resolve) => globalThis.setTimeout(resolve, 200));
  }
  printLine(`virtualcluster/${name} deleted`);
}

async function lives(
  host: Awaited<ReturnType<typeof openHost>>,
  name: string,
  uid: string | undefined,
): Promise<boolean> {
  try {
    return (await host.client.get(virtualClusters, { namespace: host.namespace, name })).metadata.uid === uid;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
