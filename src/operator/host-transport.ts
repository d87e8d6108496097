import { readFileSync } from 'node:fs';
import { KubeConfig } from '@kubernetes/client-node';
import { createHttpTransport } from '../client/http-transport.ts';
import type { Transport } from '../client/transport.ts';
import { TIMEOUT_MS } from './pod-transport.ts';

export interface HostAccess {
  /** Default: the pod's own identity where there is one, else the usual kubeconfig. */
  readonly path?: string | undefined;
  readonly context?: string | undefined;
}

/**
 * A transport to the host cluster with whatever credentials its kubeconfig asks for: certificates, rotating service
 * account tokens, `exec` plugins (EKS), OIDC, proxies. The Kubernetes client library takes care of these.
 */
export async function loadHostTransport(access: HostAccess): Promise<{ transport: Transport; namespace: string }> {
  const config = new KubeConfig();
  if (access.path !== undefined) config.loadFromFile(access.path);
  else config.loadFromDefault();
  if (access.context !== undefined) config.setCurrentContext(access.context);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig names no cluster: set a current-context');
  const context = config.getContextObject(config.getCurrentContext());
  const namespace = context?.namespace ?? podNamespace() ?? 'default';
  const transport = createHttpTransport({
    server: cluster.server,
    userAgent: 'warren-operator',
    timeoutMs: TIMEOUT_MS,
    async prepare(request) {
      const { headers } = request;
      await config.applyToHTTPSOptions(request);
      // The library puts its own headers, such as the bearer token, in place of all others.
      request.headers = { ...(headers as Record<string, string>), ...(request.headers as Record<string, string>) };
    },
  });
  return { transport, namespace };
}

function podNamespace(): string | undefined {
  try {
    return readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/namespace', 'utf8').trim();
  } catch {
    return undefined;
  }
}
