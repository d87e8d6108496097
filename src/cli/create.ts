import { type Command, InvalidArgumentError } from 'commander';
import { isAlreadyExists } from '../machinery/errors/status-error.ts';
import { type VirtualCluster, type VirtualClusterSpec, virtualClusters } from '../operator/api/virtual-cluster.ts';
import { systemClock } from '../std/clock.ts';
import { type Host, type HostOptions, openHost, readCluster, withHostOptions } from './host.ts';
import { outputOption, printLine, printObject } from './output.ts';
import { UserError } from './user-error.ts';

interface Options extends HostOptions {
  readonly version?: string;
  readonly host?: string[];
  readonly port?: number;
  readonly tlsSan?: string[];
  readonly exposure?: 'NodePort' | 'LoadBalancer' | 'ClusterIP';
  readonly retain?: boolean;
  readonly dryRun?: boolean;
  readonly wait: boolean;
  readonly timeout: number;
  readonly output?: 'json' | 'yaml';
}

export function addCreate(program: Command): void {
  withHostOptions(
    program.command('create').argument('<name>').description('create a VirtualCluster and wait until it is ready'),
  )
    .option('--version <version>', 'Kubernetes version, such as v1.36')
    .option('--exposure <type>', 'NodePort, LoadBalancer or ClusterIP')
    .option('--host <address...>', 'address or name that machines dial (default: the nodes of the host cluster)')
    .option('--port <number>', 'the one port of the tenant (default: a free one)', toPort)
    .option('--tls-san <name...>', 'further name or address of the serving certificate')
    .option('--retain', 'keep volume, CA and token when it is deleted')
    .option('--no-wait', 'return at once')
    .option('--timeout <seconds>', 'seconds to wait', toSeconds, 120)
    .option('--dry-run', 'print what would be created')
    .addOption(outputOption())
    .action(create);
}

async function create(name: string, options: Options): Promise<void> {
  const object: VirtualCluster = {
    apiVersion: 'warren.dev/v1alpha1',
    kind: 'VirtualCluster',
    metadata: { name },
    spec: toSpec(options),
  };
  if (options.dryRun) return printObject(object, options.output ?? 'yaml');
  const host = await openHost(options);
  object.metadata.namespace = host.namespace;
  try {
    await host.client.create(virtualClusters, object, { fieldManager: 'warren' });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    throw new UserError(
      `a VirtualCluster "${name}" is there already in namespace ${host.namespace}: see "warren get ${name}"`,
      { cause: error },
    );
  }
  const finished = options.wait ? await waitUntilReady(host, name, options.timeout) : await readCluster(host, name);
  if (options.output !== undefined) return printObject(finished, options.output);
  printLine(`virtualcluster/${name} ${options.wait ? 'is ready' : 'created'}`);
  printLine(`  kubeconfig:      warren kubeconfig ${name} > ${name}.kubeconfig`);
  printLine(`  join a machine:  warren join ${name}`);
}

function toSpec(options: Options): VirtualClusterSpec {
  const exposure = {
    ...(options.exposure === undefined ? {} : { type: options.exposure }),
    ...(options.host === undefined ? {} : { hosts: options.host }),
    ...(options.port === undefined ? {} : { nodePort: { port: options.port } }),
  };
  return {
    ...(options.version === undefined ? {} : { version: options.version }),
    ...(Object.keys(exposure).length === 0 ? {} : { exposure }),
    ...(options.tlsSan === undefined ? {} : { tls: { extraSANs: options.tlsSan } }),
    ...(options.retain ? { deletionPolicy: 'Retain' as const } : {}),
  };
}

async function waitUntilReady(host: Host, name: string, timeoutSeconds: number): Promise<VirtualCluster> {
  const endMs = systemClock.nowMs() + timeoutSeconds * 1000;
  let last = '';
  for (;;) {
    const cluster = await readCluster(host, name);
    const ready = cluster.status?.conditions?.find((condition) => condition.type === 'Ready');
    if (ready?.status === 'True') return cluster;
    if (systemClock.nowMs() > endMs) {
      throw new UserError(
        `${name} is not ready after ${timeoutSeconds} s: ${ready?.message ?? 'the operator has not taken it up; is it running?'}`,
      );
    }
    if (ready?.message && ready.message !== last) process.stderr.write(`${name}: ${ready.message}\n`);
    last = ready?.message ?? last;
    // A timer of the clock would let the process end; this one is what the command lives for.
    await new Promise((resolve) => globalThis.setTimeout(resolve, 200));
  }
}

function toPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1024 || port > 65535)
    throw new InvalidArgumentError('give a port from 1024 to 65535.');
  return port;
}

function toSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0)) throw new InvalidArgumentError('give a number of seconds above 0.');
  return seconds;
}
