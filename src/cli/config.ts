import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Where `warren up` keeps its state when not told otherwise. */
export const DEFAULT_DATA_DIR = '.warren';

/**
 * The kubeconfig of the host cluster: the flag, then `$KUBECONFIG` (its first file that exists), then the one that
 * `warren up` left in this folder, then kubectl's own place.
 */
export function kubeconfigPath(flag: string | undefined): string | undefined {
  if (flag !== undefined) return flag;
  const named = (process.env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  if (named.length > 0) return named.find((path) => existsSync(path)) ?? named[0];
  return [join(DEFAULT_DATA_DIR, 'kubeconfig'), join(homedir(), '.kube', 'config')].find((path) => existsSync(path));
}

/** The operator's settings from its environment, as the chart sets them. */
export function operatorEnvironment() {
  const { env } = process;
  return {
    image: env['WARREN_SERVER_IMAGE'],
    namespace: env['POD_NAMESPACE'],
    podName: env['POD_NAME'],
    watchNamespaces: (env['WATCH_NAMESPACES'] ?? '').split(',').filter((name) => name !== ''),
  };
}

/** Whether the process runs in a pod that has an identity on its cluster. */
export function runsInCluster(): boolean {
  return process.env['KUBERNETES_SERVICE_HOST'] !== undefined;
}

/** Where the kubelet puts a pod's identity. Source: client-go `rest/config.go` (InClusterConfig). */
const POD_IDENTITY = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The identity of our own pod, where that is all that it takes: no kubeconfig, and no proxy on the way. */
export function podAccess(): { readonly server: string; readonly folder: string } | undefined {
  const { env } = process;
  const host = env['KUBERNETES_SERVICE_HOST'];
  const isProxied = ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'].some((name) => !!env[name]);
  if (!host || isProxied || kubeconfigPath(undefined) !== undefined || !existsSync(join(POD_IDENTITY, 'token')))
    return undefined;
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${env['KUBERNETES_SERVICE_PORT'] ?? '443'}`;
  return { server, folder: POD_IDENTITY };
}

/** What commands of the user get: all that this one has. */
export function commandEnvironment(): NodeJS.ProcessEnv {
  return process.env;
}

/** What processes of tenants get: nothing of the user's environment but what programs need to run. */
export function childEnvironment(compileCache: string): Record<string, string> {
  const { PATH = '', HOME = '', TMPDIR } = process.env;
  return { PATH, HOME, NODE_COMPILE_CACHE: compileCache, ...(TMPDIR === undefined ? {} : { TMPDIR }) };
}

/** Credentials for an S3-compatible service, under the names that its own tools use. */
export function s3Environment() {
  const { env } = process;
  return {
    accessKeyId: env['AWS_ACCESS_KEY_ID'],
    secretAccessKey: env['AWS_SECRET_ACCESS_KEY'],
    sessionToken: env['AWS_SESSION_TOKEN'],
  };
}
