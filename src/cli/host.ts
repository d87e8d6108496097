import type { Command } from 'commander';
import { Client } from '../client/client.ts';
import { createHttpTransport } from '../client/http-transport.ts';
import { PluginCredentialsError, readKubeconfig } from '../client/kubeconfig.ts';
import type { Secret } from '../generated/api/core/v1.ts';
import { secrets } from '../generated/resource-types.ts';
import { isNotFound, StatusError } from '../machinery/errors/status-error.ts';
import { type VirtualCluster, virtualClusters } from '../operator/api/virtual-cluster.ts';
import { kubeconfigPath } from './config.ts';
import { UserError } from './user-error.ts';

export interface HostOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
}

/** The host cluster as one command sees it. */
export interface Host {
  readonly client: Client;
  readonly namespace: string;
}

/** Adds the options by which every command finds the host cluster. */
export function withHostOptions(command: Command): Command {
  return command
    .option(
      '--kubeconfig <path>',
      'kubeconfig of the host cluster (default: $KUBECONFIG, .warren/kubeconfig, ~/.kube/config)',
    )
    .option('--context <name>', 'context of the kubeconfig')
    .option('-n, --namespace <name>', 'namespace of the VirtualCluster (default: that of the context)');
}

/** Connects to the host cluster. @throws UserError where there is no kubeconfig or it is broken. */
export async function openHost(options: HostOptions): Promise<Host> {
  const path = kubeconfigPath(options.kubeconfig);
  if (path === undefined) {
    throw new UserError('no kubeconfig found: start a host cluster with "warren up", or name one with --kubeconfig');
  }
  try {
    const access = readKubeconfig(path, options.context);
    return {
      client: new Client(createHttpTransport({ ...access, serverName: access.tlsServerName })),
      namespace: options.namespace ?? access.namespace,
    };
  } catch (error) {
    if (error instanceof PluginCredentialsError) return await openWithPlugins(path, options);
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new UserError(`${path} is not there: name another kubeconfig with --kubeconfig`, { cause: error });
    throw new UserError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Credentials from plugins (EKS, GKE, OIDC) are the business of the Kubernetes client library, which is slow to load. */
async function openWithPlugins(path: string, options: HostOptions): Promise<Host> {
  const { loadHostTransport } = await import('../operator/host-transport.ts');
  const { transport, namespace } = await loadHostTransport({ path, context: options.context });
  return { client: new Client(transport), namespace: options.namespace ?? namespace };
}

/** A host that does not know a kind says so without a name. */
export function isKindMissing(error: unknown): boolean {
  return error instanceof StatusError && error.code === 404 && error.details?.name === undefined;
}

/** Reads a VirtualCluster. @throws UserError where it is not there. */
export async function readCluster(host: Host, name: string): Promise<VirtualCluster> {
  try {
    return await host.client.get(virtualClusters, { namespace: host.namespace, name });
  } catch (error) {
    if (!isNotFound(error) || isKindMissing(error)) throw error;
    throw new UserError(
      `there is no VirtualCluster "${name}" in namespace ${host.namespace}: "warren list -A" shows all`,
      { cause: error },
    );
  }
}

/** Reads a key of a Secret that the operator makes, with a sentence on what to do while it is not there. */
export async function readSecretKey(
  host: Host,
  cluster: VirtualCluster,
  suffix: 'kubeconfig' | 'token',
  key: string,
): Promise<string> {
  const name = `${cluster.metadata.name}-${suffix}`;
  let secret: Secret;
  try {
    secret = await host.client.get(secrets, { namespace: host.namespace, name });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const why = cluster.status?.conditions?.find((condition) => condition.type === 'Ready')?.message;
    throw new UserError(
      `${cluster.metadata.name} is not ready yet${why ? ` (${why})` : ''}: wait, or see "warren get ${cluster.metadata.name}"`,
      { cause: error },
    );
  }
  const value = secret.data?.[key];
  if (value === undefined) throw new UserError(`Secret ${name} has no key "${key}"`);
  return Buffer.from(value, 'base64').toString('utf8');
}
