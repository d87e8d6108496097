import { Argument, type Command } from 'commander';
import { ROTATE_TOKEN, virtualClusters } from '../operator/api/virtual-cluster.ts';
import { systemClock } from '../std/clock.ts';
import { toSeconds } from './create.ts';
import { type HostOptions, openHost, readCluster, withHostOptions } from './host.ts';
import { printLine } from './output.ts';
import { waitFor } from './wait.ts';

interface Options extends HostOptions {
  readonly timeout: number;
}

export function addRotate(program: Command): void {
  withHostOptions(
    program
      .command('rotate')
      .addArgument(new Argument('<what>', 'what to replace').choices(['token']))
      .argument('<name>')
      .description('replace the join token of a tenant; machines that have joined stay'),
  )
    .option('--timeout <seconds>', 'seconds to wait', toSeconds, 120)
    .action(rotate);
}

async function rotate(_what: 'token', name: string, options: Options): Promise<void> {
  const host = await openHost(options);
  await readCluster(host, name);
  const value = new Date(systemClock.nowMs()).toISOString();
  const key = { namespace: host.namespace, name };
  const annotations = { [ROTATE_TOKEN]: value };
  await host.client.patch(
    virtualClusters,
    key,
    { metadata: { annotations } },
    { type: 'merge', fieldManager: 'warren' },
  );
  await waitFor(host, name, {
    what: 'at its new token',
    timeoutSeconds: options.timeout,
    isTrue: ({ status }) => status?.tokenRotation === value,
  });
  printLine(`virtualcluster/${name} has a new join token: "warren join ${name}" prints the line for new machines`);
}
