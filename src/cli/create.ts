import { type Command, InvalidArgumentError } from 'commander';
import { isAlreadyExists } from '../machinery/errors/status-error.ts';
import { type VirtualCluster, type VirtualClusterSpec, virtualClusters } from '../operator/api/virtual-cluster.ts';
import { type HostOptions, openHost, readCluster, withHostOptions } from './host.ts';
import { outputOption, printLine, printObject } from './output.ts';
import { UserError } from './user-error.ts';
import { isReady, waitFor } from './wait.ts';

interface Options extends HostOptions {
  readonly version?: string;
  readonly host?: string[];
  readonly port?: number;
  readonly tlsSan?: string[];
  readonly exposure?: 'NodePort' | 'LoadBalancer' | 'ClusterIP';
  readonly datastoreSecret?: string;
  readonly replicas?: number;
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
    .option('--datastore-secret <name>', 'Secret with the DSN of PostgreSQL under the key endpoint (default: SQLite)')
    .option('--replicas <number>', 'servers; more than one need PostgreSQL', toReplicas)
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
  const finished = options.wait
    ? await waitFor(host, name, { what: 'ready', timeoutSeconds: options.timeout, isTrue: isReady })
    : await readCluster(host, name);
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
    ...(options.datastoreSecret === undefined
      ? {}
      : { datastore: { type: 'PostgreSQL' as const, secretRef: { name: options.datastoreSecret } } }),
    ...(options.replicas === undefined ? {} : { replicas: options.replicas }),
    ...(options.retain ? { deletionPolicy: 'Retain' as const } : {}),
  };
}

function toPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1024 || port > 65535)
    throw new InvalidArgumentError('give a port from 1024 to 65535.');
  return port;
}

export function toSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0)) throw new InvalidArgumentError('give a number of seconds above 0.');
  return seconds;
}

function toReplicas(text: string): number {
  const replicas = Number(text);
  if (!Number.isInteger(replicas) || replicas < 0 || replicas > 9)
    throw new InvalidArgumentError('give a number from 0 to 9.');
  return replicas;
}
