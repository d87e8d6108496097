import type { Endpoints, Service } from '../../generated/api/core/v1.ts';
import type { EndpointSlice } from '../../generated/api/discovery/v1.ts';
import { endpoints, endpointslices, services } from '../../generated/resource-types.ts';
import type { KubeObject } from '../../machinery/object/object.ts';
import { isSame } from '../registry/equality.ts';
import { familyOf } from '../subresources/allocators/ip-range.ts';
import { type EnsureDeps, ensureObject } from './ensure.ts';

const key = { namespace: 'default', name: 'kubernetes' };

/**
 * The service by which pods find the API, with the first address of the range.
 * @param targetPort - The port that the server advertises.
 */
export async function ensureKubernetesService(deps: EnsureDeps, clusterIP: string, targetPort: number): Promise<void> {
  const ports = [{ name: 'https', protocol: 'TCP', port: 443, targetPort }];
  const wanted: Service & KubeObject = {
    metadata: { ...key, labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: { clusterIP, ports, sessionAffinity: 'None', type: 'ClusterIP' },
  };
  await ensureObject(deps, services, wanted, (stored) =>
    isSame(stored.spec?.ports, ports) ? undefined : { ...stored, spec: { ...stored.spec, ports } },
  );
}

/**
 * Says where the API servers are: agents and pods dial these addresses.
 * @param addresses - IP addresses. Left out are loopback addresses, which Endpoints may not hold, and those of another
 *   family than the first one's; without any other, nothing is published.
 */
export async function publishEndpoints(deps: EnsureDeps, addresses: readonly string[], port: number): Promise<void> {
  const reachable = addresses.filter((address) => !isLoopback(address));
  const family = familyOf(reachable[0] ?? '');
  const ips = reachable.filter((address) => familyOf(address) === family).sort();
  if (family === undefined) return;
  const subsets = [{ addresses: ips.map((ip) => ({ ip })), ports: [{ name: 'https', port, protocol: 'TCP' }] }];
  const wanted: Endpoints & KubeObject = {
    metadata: { ...key, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets,
  };
  const slice: EndpointSlice & KubeObject = {
    metadata: { ...key, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: family,
    endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  };
  await Promise.all([
    ensureObject(deps, endpoints, wanted, (stored) =>
      isSame(stored.subsets, subsets) ? undefined : { ...stored, subsets },
    ),
    ensureObject(deps, endpointslices, slice, (stored) =>
      isSame(stored.endpoints, slice.endpoints) && isSame(stored.ports, slice.ports)
        ? undefined
        : { ...stored, endpoints: slice.endpoints, ports: slice.ports },
    ),
  ]);
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
