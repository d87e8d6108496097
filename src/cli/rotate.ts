import { Argument, type Command } from 'commander';
import { ROTATE_CA, ROTATE_TOKEN, virtualClusters } from '../operator/api/virtual-cluster.ts';
import { systemClock } from '../std/clock.ts';
import { toSeconds } from './create.ts';
import { type HostOptions, openHost, readCluster, withHostOptions } from './host.ts';
import { printLine } from './output.ts';
import { hasRolledOut, isReady, waitFor } from './wait.ts';

interface Options extends HostOptions {
  readonly timeout: number;
}

export function addRotate(program: Command): void {
  withHostOptions(
    program
      .command('rotate')
      .addArgument(new Argument('<what>', 'what to replace').choices(['token', 'ca']))
      .argument('<name>')
      .description('replace the join token or the authorities of a tenant; machines that have joined stay'),
  )
    .option('--timeout <seconds>', 'seconds to wait', toSeconds, 120)
    .action(rotate);
}

async function rotate(what: 'token' | 'ca', name: string, options: Options): Promise<void> {
  const host = await openHost(options);
  await readCluster(host, name);
  const value = new Date(systemClock.nowMs()).toISOString();
  const key = { namespace: host.namespace, name };
  const annotations = { [what === 'token' ? ROTATE_TOKEN : ROTATE_CA]: value };
  await host.client.patch(
    virtualClusters,
    key,
    { metadata: { annotations } },
    { type: 'merge', fieldManager: 'warren' },
  );
  await waitFor(host, name, {
    what: what === 'token' ? 'at its new token' : 'at its new authorities',
    timeoutSeconds: options.timeout,
    isTrue: (cluster) =>
      what === 'token'
        ? cluster.status?.tokenRotation === value
        : cluster.status?.caRotation === value && isReady(cluster) && hasRolledOut(cluster),
  });
  if (what === 'token')
    return printLine(
      `virtualcluster/${name} has a new join token, and its server starts again with it: "warren join ${name}" prints the line for machines`,
    );
  printLine(`virtualcluster/${name} has new authorities, which those of before have signed`);
  printLine(
    `  machines that have joined go on; give them the new token before their agents start again: warren token ${name}`,
  );
  printLine(`  kubeconfigs of before are good until those of before end; new ones: warren kubeconfig ${name}`);
}
