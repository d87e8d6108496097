import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';

/** What a connection to an API server needs, as PEM texts. */
export interface ServerAccess {
  readonly server: string;
  readonly ca?: string | undefined;
  readonly tlsServerName?: string | undefined;
  readonly insecure: boolean;
  readonly clientCert?: string | undefined;
  readonly clientKey?: string | undefined;
  readonly token?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Namespace of the context. */
  readonly namespace: string;
}

/** A kubeconfig that names credentials which only a plugin can produce (`exec`, `auth-provider`). */
export class PluginCredentialsError extends Error {
  override readonly name = 'PluginCredentialsError';
}

interface KubeconfigFile {
  'current-context'?: string;
  clusters?: { name: string; cluster: Record<string, unknown> }[];
  contexts?: { name: string; context: { cluster: string; user: string; namespace?: string } }[];
  users?: { name: string; user?: Record<string, unknown> }[];
}

/**
 * Reads static credentials from a kubeconfig file: certificates, keys and tokens, inline or by path.
 *
 * @param contextName - Default: the file's current context.
 * @throws PluginCredentialsError where the user needs a credential plugin; the caller has to take another way.
 * @throws Error with the path and what is wrong, for anything missing.
 */
export function readKubeconfig(path: string, contextName?: string): ServerAccess {
  return parseKubeconfig(readFileSync(path, 'utf8'), { path, contextName });
}

/** The same for a text; `path` names it in errors, and paths in the text are relative to its folder. */
export function parseKubeconfig(
  text: string,
  { path, contextName }: { path: string; contextName?: string | undefined },
): ServerAccess {
  const file = (parse(text) ?? {}) as KubeconfigFile;
  const wanted = contextName ?? file['current-context'];
  if (!wanted) throw new Error(`${path} has no current-context: name one with --context`);
  const context = file.contexts?.find((entry) => entry.name === wanted)?.context;
  if (context === undefined) throw new Error(`${path} has no context "${wanted}"`);
  const cluster = file.clusters?.find((entry) => entry.name === context.cluster)?.cluster;
  if (cluster === undefined)
    throw new Error(`${path}: context "${wanted}" names the cluster "${context.cluster}", which is not there`);
  const user = file.users?.find((entry) => entry.name === context.user)?.user ?? {};
  if (user['exec'] !== undefined || user['auth-provider'] !== undefined) {
    throw new PluginCredentialsError(`${path}: user "${context.user}" takes its credentials from a plugin`);
  }
  if (cluster['proxy-url'] !== undefined)
    throw new PluginCredentialsError(`${path}: cluster "${context.cluster}" is behind a proxy`);
  const folder = dirname(resolve(path));
  const pem = (from: Record<string, unknown>, key: string): string | undefined => {
    const data = from[`${key}-data`];
    if (typeof data === 'string') return Buffer.from(data, 'base64').toString('utf8');
    const named = from[key];
    return typeof named === 'string' ? readFileSync(resolve(folder, named), 'utf8') : undefined;
  };
  const plain = (from: Record<string, unknown>, key: string): string | undefined => {
    const value = from[key];
    return typeof value === 'string' ? value : undefined;
  };
  const tokenFile = plain(user, 'tokenFile');
  return {
    server: String(cluster['server'] ?? ''),
    ca: pem(cluster, 'certificate-authority'),
    tlsServerName: plain(cluster, 'tls-server-name'),
    insecure: cluster['insecure-skip-tls-verify'] === true,
    clientCert: pem(user, 'client-certificate'),
    clientKey: pem(user, 'client-key'),
    token: tokenFile === undefined ? plain(user, 'token') : readFileSync(resolve(folder, tokenFile), 'utf8').trim(),
    username: plain(user, 'username'),
    password: plain(user, 'password'),
    namespace: context.namespace ?? 'default',
  };
}
