import type { Command } from 'commander';
import { isNotFound } from '../machinery/errors/status-error.ts';
import { type VirtualCluster, virtualClusters } from '../operator/api/virtual-cluster.ts';
import { systemClock } from '../std/clock.ts';
import { toSeconds } from './create.ts';
import { type Host, type HostOptions, openHost, readCluster, withHostOptions } from './host.ts';
import { printLine } from './output.ts';
import { UserError } from './user-error.ts';

interface Options extends HostOptions {
  readonly wait: boolean;
  readonly timeout: number;
}

/** What holds a deletion up is told when it has lasted for so long. */
const PATIENCE_MS = 5_000;

export function addDelete(program: Command): void {
  withHostOptions(
    program
      .command('delete')
      .alias('rm')
      .argument('<name>')
      .description('delete a VirtualCluster with all that it keeps'),
  )
    .option('--no-wait', 'return at once')
    .option('--timeout <seconds>', 'how long to wait', toSeconds, 180)
    .action(remove);
}

async function remove(name: string, options: Options): Promise<void> {
  const host = await openHost(options);
  const { metadata, spec } = await readCluster(host, name);
  const key = { namespace: host.namespace, name };
  await host.client.delete(virtualClusters, key, { preconditions: { uid: metadata.uid } });
  const startMs = systemClock.nowMs();
  let isTold = false;
  for (;;) {
    const left = options.wait ? await find(host, name) : undefined;
    if (left === undefined || left.metadata.uid !== metadata.uid) break;
    const waitedMs = systemClock.nowMs() - startMs;
    const why =
      left.status?.phase === 'Deleting'
        ? `the operator takes it down: "kubectl get pods -l warren.dev/virtualcluster=${name}" shows what runs still`
        : 'the operator has not taken it up; is it running?';
    if (waitedMs > options.timeout * 1000)
      throw new UserError(`${name} is still being deleted after ${options.timeout} s: ${why}`);
    if (waitedMs > PATIENCE_MS && !isTold) process.stderr.write(`${name}: ${why}\n`);
    isTold = waitedMs > PATIENCE_MS;
    await new Promise((resolve) => globalThis.setTimeout(resolve, 200));
  }
  const kept = spec.deletionPolicy === 'Retain' ? '; its volume, authorities and token are kept' : '';
  printLine(`virtualcluster/${name} ${options.wait ? 'deleted' : 'is being deleted'}${kept}`);
}

async function find(host: Host, name: string): Promise<VirtualCluster | undefined> {
  try {
    return await host.client.get(virtualClusters, { namespace: host.namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
