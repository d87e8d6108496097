import type { Command } from 'commander';
import { KUBERNETES_VERSION } from '../machinery/object/version.ts';
import { virtualClusters } from '../operator/api/virtual-cluster.ts';
import { toSeconds } from './create.ts';
import { type HostOptions, openHost, readCluster, withHostOptions } from './host.ts';
import { printLine } from './output.ts';
import { UserError } from './user-error.ts';
import { isReady, waitFor } from './wait.ts';

interface Options extends HostOptions {
  readonly version?: string;
  readonly timeout: number;
}

export function addUpgrade(program: Command): void {
  withHostOptions(
    program
      .command('upgrade')
      .argument('<name>')
      .description('bring a tenant to a Kubernetes version that the operator serves'),
  )
    .option('--version <version>', `such as v1.36 (default: ${minorOf(KUBERNETES_VERSION)})`)
    .option('--timeout <seconds>', 'seconds to wait', toSeconds, 300)
    .action(upgrade);
}

async function upgrade(name: string, options: Options): Promise<void> {
  const host = await openHost(options);
  const before = await readCluster(host, name);
  const version = options.version ?? minorOf(KUBERNETES_VERSION);
  const key = { namespace: host.namespace, name };
  await host.client.patch(virtualClusters, key, { spec: { version } }, { type: 'merge', fieldManager: 'warren' });
  const after = await waitFor(host, name, {
    what: `at ${version}`,
    timeoutSeconds: options.timeout,
    isTrue: (cluster) => {
      const { status, reason, message } = cluster.status?.conditions?.find(({ type }) => type === 'UpToDate') ?? {};
      const judged = (cluster.status?.observedGeneration ?? 0) >= (cluster.metadata.generation ?? 0);
      if (judged && status === 'False' && FINAL.includes(reason ?? '')) throw new UserError(message ?? '');
      return isReady(cluster) && reason !== 'RollingOut';
    },
  });
  printLine(`virtualcluster/${name} runs ${after.status?.version} (before: ${before.status?.version ?? 'nothing'})`);
}

/** Waiting changes nothing about these. */
const FINAL = ['VersionNotServed', 'DowngradeRefused', 'MinorVersionSkipped'];

function minorOf(version: string): string {
  return /^v\d+\.\d+/.exec(version)?.[0] ?? version;
}
