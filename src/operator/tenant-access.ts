import { Client } from '../client/client.ts';
import { createHttpTransport, type HttpTransport } from '../client/http-transport.ts';
import { parseKubeconfig } from '../client/kubeconfig.ts';
import type { Node, Secret } from '../generated/api/core/v1.ts';
import { nodes } from '../generated/resource-types.ts';
import { StatusError } from '../machinery/errors/status-error.ts';
import { keyOf, type ObjectKey, toKeyText } from '../machinery/object/object.ts';
import { isReady, portOf, toUrl } from './addresses.ts';
import { type AwayNode, secretText } from './observed.ts';
import type { TenantAccess, TenantHandle } from './reconciler.ts';

/** A tenant that takes longer does not answer, as far as its status is concerned. */
const TIMEOUT_MS = 3_000;
/** A rotation waits for the datastore. */
const ROTATION_TIMEOUT_MS = 15_000;

function toAway({ metadata, status }: Node): AwayNode[] {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True') return [];
  const { name = '', uid, resourceVersion, creationTimestamp = '' } = metadata;
  return [{ name, uid, resourceVersion, sinceMs: Date.parse(ready?.lastTransitionTime ?? creationTimestamp) }];
}

/** Where the operator itself reaches a tenant: not always where machines outside do. */
export type TenantHost = (tenant: Pick<TenantHandle, 'cluster'>) => string;

interface Connection {
  /** The Secret that the credentials are from. */
  readonly credentials: Secret;
  readonly server: string;
  readonly transport: HttpTransport;
}

/** Talks to tenants with their administrator's kubeconfig, over connections that are kept. */
export function createTenantAccess(hostOf: TenantHost): TenantAccess {
  const connections = new Map<string, Connection>();

  function forget(key: ObjectKey): void {
    connections.get(toKeyText(key))?.transport.close();
    connections.delete(toKeyText(key));
  }

  function transportOf(tenant: TenantHandle): HttpTransport | undefined {
    const { cluster, service, kubeconfigSecret: credentials } = tenant;
    const port = portOf(service);
    if (credentials === undefined || port === undefined) return undefined;
    const key = keyOf(cluster);
    const server = toUrl(hostOf(tenant), port);
    const known = connections.get(toKeyText(key));
    if (known?.credentials === credentials && known.server === server) return known.transport;
    forget(key);
    const kubeconfig = secretText(credentials, 'kubeconfig.yaml');
    if (kubeconfig === undefined) return undefined;
    const { ca, clientCert, clientKey } = parseKubeconfig(kubeconfig, { path: 'kubeconfig' });
    const transport = createHttpTransport({
      server,
      ca,
      clientCert,
      clientKey,
      maxSockets: 1,
      userAgent: 'warren-operator',
    });
    connections.set(toKeyText(key), { credentials, server, transport });
    return transport;
  }

  return {
    forget,

    clientOf(tenant) {
      const transport = transportOf(tenant);
      return transport === undefined ? undefined : new Client(transport);
    },

    async probe(observed, signal) {
      const transport = transportOf(observed);
      if (transport === undefined) return undefined;
      const within = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
      try {
        // The host asks its pods the same: what it says of them spares a call.
        const isReadyPod = (observed.deployment?.status?.readyReplicas ?? 0) > 0;
        if (!isReadyPod) await transport.request({ method: 'GET', path: '/readyz', signal: within });
        const { items } = await new Client(transport).list(nodes, { signal: within, resourceVersion: '0' });
        const kubelets = items.map(({ metadata, status }) => [metadata.name, status?.nodeInfo?.kubeletVersion ?? '']);
        return {
          ready: true,
          nodes: { total: items.length, ready: items.filter(isReady).length },
          away: items.flatMap(toAway),
          kubelets: Object.fromEntries(kubelets),
        };
      } catch {
        // Why it does not answer shows in the pod; here only the fact counts.
        return undefined;
      }
    },

    async rotateToken(observed, { from, to }, signal) {
      const server = toUrl(hostOf(observed), portOf(observed.service) ?? 0);
      const put = async (password: string): Promise<void> => {
        const transport = createHttpTransport({
          server,
          ca: secretText(observed.pkiSecret, 'server-ca.crt'),
          userAgent: 'warren-operator',
          async prepare(request) {
            const authorization = `Basic ${Buffer.from(`server:${password}`).toString('base64')}`;
            request.headers = { ...(request.headers as Record<string, string>), authorization };
          },
        });
        const within = AbortSignal.any([signal, AbortSignal.timeout(ROTATION_TIMEOUT_MS)]);
        try {
          await transport.request({ method: 'PUT', path: '/v1-k3s/token', body: { newToken: to }, signal: within });
        } finally {
          transport.close();
        }
      };
      try {
        await put(from);
      } catch (error) {
        if (!(error instanceof StatusError && error.code === 401)) throw error;
        // An operator before us came so far and no further: then the new password is the right one.
        await put(to);
      }
    },
  };
}
