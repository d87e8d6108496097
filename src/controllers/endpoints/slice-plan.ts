import { isIPv6 } from 'node:net';
import type { Node, Pod, Service } from '../../generated/api/core/v1.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '../../generated/api/discovery/v1.ts';
import { services } from '../../generated/resource-types.ts';
import { ownedBy } from '../../machinery/object/object.ts';
import { isPodReady, isPodTerminating } from '../pods/pod-state.ts';
import { toStableText } from '../safe-hash.ts';
import { hostnameOf, ipsOf, isEndpointPod, isHeadless, portsOf } from './pod-endpoint.ts';

/** Source: `k8s.io/api/discovery/v1/well_known_labels.go`. */
export const SERVICE_NAME = 'kubernetes.io/service-name';
export const SLICE_MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
export const SLICE_MANAGER = 'endpointslice-controller.k8s.io';
const HEADLESS = 'service.kubernetes.io/headless';
/** Endpoints in one slice. Source: kube-controller-manager `--max-endpoints-per-slice`. */
const MAX_ENDPOINTS = 100;

export interface SlicePlan {
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

/** Endpoints that share a slice: of one family and with the same ports. */
export interface SliceGroup {
  readonly addressType: string;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/** What every slice of a service carries. */
export interface SliceFrame {
  readonly labels: Readonly<Record<string, string>>;
  readonly metadata: EndpointSlice['metadata'];
}

/** Families that a service has endpoints of. */
export function addressTypesOf(service: Service): string[] {
  const { ipFamilies, clusterIP } = service.spec ?? {};
  if (ipFamilies !== undefined && ipFamilies.length > 0) return [...ipFamilies];
  if (clusterIP && clusterIP !== 'None') return [isIPv6(clusterIP) ? 'IPv6' : 'IPv4'];
  return ['IPv4', 'IPv6'];
}

export function frameOf(service: Service): SliceFrame {
  const labels: Record<string, string> = { ...service.metadata.labels };
  if (isHeadless(service)) labels[HEADLESS] = '';
  else delete labels[HEADLESS];
  labels[SERVICE_NAME] = service.metadata.name ?? '';
  labels[SLICE_MANAGED_BY] = SLICE_MANAGER;
  const { name, namespace } = service.metadata;
  const metadata = { generateName: `${name}-`, namespace, ownerReferences: [ownedBy(service, services)] };
  return { labels, metadata };
}

/** The wished endpoints of a service, in groups; each family has one, if only an empty one. */
export function planGroups(
  service: Service,
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
): SliceGroup[] {
  const groups: SliceGroup[] = [];
  for (const addressType of addressTypesOf(service)) {
    const byPorts = new Map<string, { ports: EndpointPort[]; endpoints: Endpoint[] }>();
    for (const pod of pods) {
      if (!isEndpointPod(pod, { terminatingToo: true })) continue;
      const addresses = ipsOf(pod).filter((ip) => isIPv6(ip) === (addressType === 'IPv6'));
      if (addresses.length === 0) continue;
      const ports = portsOf(service, pod).sort((a, b) => (toStableText(a) < toStableText(b) ? -1 : 1));
      const group = byPorts.get(toStableText(ports)) ?? { ports, endpoints: [] as Endpoint[] };
      group.endpoints.push(toEndpoint(service, pod, addresses, nodeOf(pod.spec?.nodeName ?? '')));
      byPorts.set(toStableText(ports), group);
    }
    if (byPorts.size === 0) groups.push({ addressType, ports: [], endpoints: [] });
    for (const { ports, endpoints } of byPorts.values()) groups.push({ addressType, ports, endpoints });
  }
  return groups;
}

function toEndpoint(service: Service, pod: Pod, addresses: string[], node: Node | undefined): Endpoint {
  const serving = isPodReady(pod);
  const terminating = isPodTerminating(pod);
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const zone = node?.metadata.labels?.['topology.kubernetes.io/zone'];
  const hostname = hostnameOf(service, pod);
  const { name, namespace, uid } = pod.metadata;
  const nodeName = pod.spec?.nodeName;
  const hints = ready ? toHints(service.spec?.trafficDistribution, zone, nodeName) : undefined;
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(nodeName ? { nodeName } : {}),
    ...(zone ? { zone } : {}),
    ...(hints === undefined ? {} : { hints }),
  };
}

/** Source: `k8s.io/endpointslice/trafficdist`. */
function toHints(
  distribution: string | undefined,
  zone: string | undefined,
  nodeName: string | undefined,
): Endpoint['hints'] {
  const forZones = zone ? { forZones: [{ name: zone }] } : {};
  const forNodes = distribution === 'PreferSameNode' && nodeName ? { forNodes: [{ name: nodeName }] } : {};
  const wanted =
    distribution === 'PreferClose' || distribution === 'PreferSameZone' || distribution === 'PreferSameNode';
  const hints = { ...forZones, ...forNodes };
  return wanted && Object.keys(hints).length > 0 ? hints : undefined;
}

/**
 * Brings existing slices to the wished groups with few writes: endpoints stay in the slice that has them, new ones fill
 * slices that are written anyway, then slices with room, then new slices.
 */
export function planSlices(
  frame: SliceFrame,
  groups: readonly SliceGroup[],
  existing: readonly EndpointSlice[],
): SlicePlan {
  const create: EndpointSlice[] = [];
  const update: EndpointSlice[] = [];
  const remove = new Set(existing);
  for (const group of groups) {
    const key = groupKey(group.addressType, group.ports);
    const slices = existing.filter((slice) => groupKey(slice.addressType, slice.ports ?? []) === key);
    const wanted = new Map(group.endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
    const filled = slices.map((slice) => {
      const kept: Endpoint[] = [];
      for (const endpoint of slice.endpoints ?? []) {
        const next = wanted.get(endpointKey(endpoint));
        if (next === undefined) continue;
        wanted.delete(endpointKey(endpoint));
        kept.push(next);
      }
      return { slice, endpoints: kept };
    });
    const rest = [...wanted.values()];
    const isWritten = (each: (typeof filled)[number]): boolean => !isCurrent(each.slice, each.endpoints, frame);
    for (const each of [...filled.filter(isWritten), ...filled.filter((one) => !isWritten(one))]) {
      each.endpoints.push(...rest.splice(0, MAX_ENDPOINTS - each.endpoints.length));
    }
    let hasSlice = false;
    for (const { slice, endpoints } of filled) {
      // An empty slice is kept only where it is all that the group has.
      if (endpoints.length === 0 && (group.endpoints.length > 0 || hasSlice)) continue;
      hasSlice = true;
      remove.delete(slice);
      if (!isCurrent(slice, endpoints, frame)) update.push(withEndpoints(slice, endpoints, frame));
    }
    while (rest.length > 0 || !hasSlice) {
      hasSlice = true;
      const { labels, metadata } = frame;
      create.push({
        metadata: { ...metadata, labels: { ...labels } },
        addressType: group.addressType,
        ports: [...group.ports],
        endpoints: rest.splice(0, MAX_ENDPOINTS),
      });
    }
  }
  return { create, update, remove: [...remove] };
}

function isCurrent(slice: EndpointSlice, endpoints: readonly Endpoint[], frame: SliceFrame): boolean {
  return (
    toStableText(slice.metadata.labels ?? {}) === toStableText(frame.labels) &&
    toStableText(slice.endpoints ?? []) === toStableText(endpoints)
  );
}

function withEndpoints(slice: EndpointSlice, endpoints: Endpoint[], frame: SliceFrame): EndpointSlice {
  return { ...slice, metadata: { ...slice.metadata, labels: { ...frame.labels } }, endpoints };
}

function groupKey(addressType: string, ports: readonly EndpointPort[]): string {
  const texts = ports.map(({ name = '', port, protocol = 'TCP', appProtocol }) =>
    toStableText({ name, port, protocol, appProtocol }),
  );
  return `${addressType}|${texts.sort().join(',')}`;
}

/** The same backend: a pod by its identity, anything else by its addresses. */
function endpointKey(endpoint: Endpoint): string {
  return endpoint.targetRef?.uid ?? endpoint.addresses.join(',');
}
