import type { Command } from 'commander';
import { virtualClusters } from '../operator/api/virtual-cluster.ts';
import { toSeconds } from './create.ts';
import { type Host, type HostOptions, openHost, readCluster, withHostOptions } from './host.ts';
import { printLine } from './output.ts';
import { isReady, waitFor } from './wait.ts';

interface Options extends HostOptions {
  readonly timeout: number;
}

export function addSuspend(program: Command): void {
  withHostOptions(
    program.command('suspend').argument('<name>').description('stop the server of a tenant and keep all its data'),
  )
    .option('--timeout <seconds>', 'seconds to wait', toSeconds, 120)
    .action(async (name: string, options: Options) => {
      const host = await openHost(options);
      await wish(host, name, true);
      await waitFor(host, name, {
        what: 'suspended',
        timeoutSeconds: options.timeout,
        isTrue: ({ status }) => status?.phase === 'Suspended' && (status.replicas ?? 0) === 0,
      });
      printLine(`virtualcluster/${name} is suspended; its machines wait for "warren resume ${name}"`);
    });
}

export function addResume(program: Command): void {
  withHostOptions(program.command('resume').argument('<name>').description('start the server of a suspended tenant'))
    .option('--timeout <seconds>', 'seconds to wait', toSeconds, 120)
    .action(async (name: string, options: Options) => {
      const host = await openHost(options);
      await wish(host, name, false);
      await waitFor(host, name, { what: 'ready', timeoutSeconds: options.timeout, isTrue: isReady });
      printLine(`virtualcluster/${name} is ready`);
    });
}

async function wish(host: Host, name: string, suspend: boolean): Promise<void> {
  await readCluster(host, name);
  const key = { namespace: host.namespace, name };
  await host.client.patch(virtualClusters, key, { spec: { suspend } }, { type: 'merge', fieldManager: 'warren' });
}
