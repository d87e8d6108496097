import { Client } from '../client/client.ts';
import { createHttpTransport, type HttpTransport } from '../client/http-transport.ts';
import { parseKubeconfig } from '../client/kubeconfig.ts';
import { nodes } from '../generated/resource-types.ts';
import { isNodeReady, portOf, toUrl } from './addresses.ts';
import { type Observed, secretText } from './observed.ts';
import type { TenantProbe } from './reconciler.ts';

/** A tenant that takes longer does not answer, as far as its status is concerned. */
const TIMEOUT_MS = 3_000;

/** Where the operator itself reaches a tenant: not always where machines outside do. */
export type TenantHost = (observed: Observed) => string;

interface Connection {
  readonly kubeconfig: string;
  readonly server: string;
  readonly transport: HttpTransport;
}

/** Asks tenants with their administrator's kubeconfig, over connections that are kept. */
export function createTenantProbe(hostOf: TenantHost): TenantProbe {
  const connections = new Map<string, Connection>();

  function connect(observed: Observed, kubeconfig: string, server: string): HttpTransport {
    const uid = observed.cluster.metadata.uid ?? '';
    const known = connections.get(uid);
    if (known?.kubeconfig === kubeconfig && known.server === server) return known.transport;
    known?.transport.close();
    const { ca, clientCert, clientKey } = parseKubeconfig(kubeconfig, { path: 'kubeconfig' });
    const transport = createHttpTransport({
      server,
      ca,
      clientCert,
      clientKey,
      maxSockets: 1,
      userAgent: 'warren-operator',
    });
    connections.set(uid, { kubeconfig, server, transport });
    return transport;
  }

  return async (observed, signal) => {
    const kubeconfig = secretText(observed.kubeconfigSecret, 'kubeconfig.yaml');
    const port = portOf(observed.service);
    if (kubeconfig === undefined || port === undefined) return undefined;
    const transport = connect(observed, kubeconfig, toUrl(hostOf(observed), port));
    const within = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    try {
      await transport.request({ method: 'GET', path: '/readyz', signal: within });
      const { items } = await new Client(transport).list(nodes, { signal: within, resourceVersion: '0' });
      return { ready: true, nodes: { total: items.length, ready: items.filter(isNodeReady).length } };
    } catch {
      // Why it does not answer shows in the pod; here only the fact counts.
      return undefined;
    }
  };
}
