import { isIPv6 } from 'node:net';
import type { Node, Pod, Service } from '../../generated/api/core/v1.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '../../generated/api/discovery/v1.ts';
import { services } from '../../generated/resource-types.ts';
import { ownedBy } from '../../machinery/object/object.ts';
import { isPodReady, isPodTerminating } from '../pods/pod-state.ts';
import { toStableText } from '../safe-hash.ts';
import { hostnameOf, ipsOf, isEndpointPod, isHeadless, portsOf } from './pod-endpoint.ts';
import { wantsTopologyHints } from './topology-hints.ts';

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
  /** Kept as they are. */
  readonly unchanged: readonly EndpointSlice[];
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
  const hints = wantsTopologyHints(service.metadata.annotations) ? undefined : service.spec?.trafficDistribution;
  const groups: SliceGroup[] = [];
  for (const addressType of addressTypesOf(service)) {
    const byPorts = new Map<string, { ports: EndpointPort[]; endpoints: Endpoint[] }>();
    for (const pod of pods) {
      if (!isEndpointPod(pod, { terminatingToo: true })) continue;
      const addresses = ipsOf(pod).filter((ip) => isIPv6(ip) === (addressType === 'IPv6'));
      if (addresses.length === 0) continue;
      const ports = portsOf(service, pod).sort((a, b) => (toStableText(a) < toStableText(b) ? -1 : 1));
      const group = byPorts.get(toStableText(ports)) ?? { ports, endpoints: [] as Endpoint[] };
      group.endpoints.push(toEndpoint(service, pod, { addresses, node: nodeOf(pod.spec?.nodeName ?? ''), hints }));
      byPorts.set(toStableText(ports), group);
    }
    if (byPorts.size === 0) groups.push({ addressType, ports: [], endpoints: [] });
    for (const { ports, endpoints } of byPorts.values()) groups.push({ addressType, ports, endpoints });
  }
  return groups;
}

function toEndpoint(
  service: Service,
  pod: Pod,
  facts: { readonly addresses: string[]; readonly node: Node | undefined; readonly hints: string | undefined },
): Endpoint {
  const { addresses, node } = facts;
  const serving = isPodReady(pod);
  const terminating = isPodTerminating(pod);
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const zone = node?.metadata.labels?.['topology.kubernetes.io/zone'];
  const hostname = hostnameOf(service, pod);
  const { name, namespace, uid } = pod.metadata;
  const nodeName = pod.spec?.nodeName;
  const hints = ready ? toHints(facts.hints, zone, nodeName) : undefined;
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
 * slices that are written anyway, then the one slice with the least room that takes them all, then new slices.
 * With `keepsHints`, hints of existing endpoints are somebody else's and no reason for a write.
 *
 * Source: `k8s.io/endpointslice/reconciler.go` (reconcileByPortMapping).
 */
export function planSlices(
  frame: SliceFrame,
  groups: readonly SliceGroup[],
  existing: readonly EndpointSlice[],
  options: { readonly keepsHints?: boolean; readonly maxEndpoints?: number } = {},
): SlicePlan {
  const { keepsHints = false, maxEndpoints = MAX_ENDPOINTS } = options;
  const create: EndpointSlice[] = [];
  const update: EndpointSlice[] = [];
  const unchanged: EndpointSlice[] = [];
  const owned = existing.filter((slice) => isOwnedAlike(slice, frame));
  const remove = new Set(existing);
  for (const group of groups) {
    const key = groupKey(group.addressType, group.ports);
    const slices = owned.filter((slice) => groupKey(slice.addressType, slice.ports ?? []) === key);
    const wanted = new Map(group.endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
    const filled = slices.map((slice): Filling => {
      const kept: Endpoint[] = [];
      for (const endpoint of slice.endpoints ?? []) {
        const next = wanted.get(endpointKey(endpoint));
        if (next === undefined) continue;
        wanted.delete(endpointKey(endpoint));
        kept.push(next);
      }
      return { slice, endpoints: kept };
    });
    const isWritten = (each: Filling): boolean => !isCurrent(each, frame, keepsHints);
    const fresh = spread([...wanted.values()], filled, { isWritten, maxEndpoints });
    let hasSlice = false;
    for (const each of filled) {
      // An empty slice is kept only where it is all that the group has.
      if (each.endpoints.length === 0 && (group.endpoints.length > 0 || hasSlice)) continue;
      hasSlice = true;
      remove.delete(each.slice);
      if (isWritten(each)) update.push(withEndpoints(each.slice, each.endpoints, frame));
      else unchanged.push(each.slice);
    }
    if (!hasSlice && fresh.length === 0) fresh.push([]);
    for (const endpoints of fresh) {
      const { labels, metadata } = frame;
      const { addressType, ports } = group;
      create.push({ metadata: { ...metadata, labels: { ...labels } }, addressType, ports: [...ports], endpoints });
    }
  }
  return { create, update, unchanged, remove: [...remove] };
}

/** Slices that are to go become those that are to be made: proxies then see one change instead of two. */
export function recycleSlices(plan: SlicePlan, frame: SliceFrame): SlicePlan {
  const create = [...plan.create];
  const update = [...plan.update];
  const remove: EndpointSlice[] = [];
  for (const old of plan.remove) {
    const next = create.at(-1);
    if (next === undefined || next.addressType !== old.addressType || !isOwnedAlike(old, frame)) {
      remove.push(old);
      continue;
    }
    create.pop();
    update.push({ ...next, metadata: { ...next.metadata, name: old.metadata.name } });
  }
  return { ...plan, create, update, remove };
}

interface Filling {
  readonly slice: EndpointSlice;
  readonly endpoints: Endpoint[];
}

/** Puts endpoints without a place into slices; returns those of new slices. */
function spread(
  rest: Endpoint[],
  filled: readonly Filling[],
  rules: { readonly isWritten: (each: Filling) => boolean; readonly maxEndpoints: number },
): Endpoint[][] {
  const { isWritten, maxEndpoints } = rules;
  const written = filled
    .filter((each) => each.endpoints.length > 0 && isWritten(each))
    .sort((a, b) => b.endpoints.length - a.endpoints.length);
  for (const each of written) each.endpoints.push(...rest.splice(0, maxEndpoints - each.endpoints.length));
  const fresh: Endpoint[][] = [];
  const others = filled.filter((each) => each.endpoints.length > 0 && !written.includes(each));
  while (rest.length > 0) {
    const roomOf = (each: Filling): number => maxEndpoints - each.endpoints.length - rest.length;
    const [fitting] = others.filter((each) => roomOf(each) >= 0).sort((a, b) => roomOf(a) - roomOf(b));
    if (rest.length < maxEndpoints && fitting !== undefined) fitting.endpoints.push(...rest.splice(0));
    else fresh.push(rest.splice(0, maxEndpoints));
  }
  return fresh;
}

/** Slices of an earlier service of the name go with it. */
function isOwnedAlike(slice: EndpointSlice, frame: SliceFrame): boolean {
  const [owner] = frame.metadata.ownerReferences ?? [];
  return slice.metadata.ownerReferences?.some(({ uid }) => uid === owner?.uid) ?? false;
}

function isCurrent({ slice, endpoints }: Filling, frame: SliceFrame, keepsHints: boolean): boolean {
  const stored = slice.endpoints ?? [];
  const compared = keepsHints ? stored.map(({ hints: _, ...endpoint }) => endpoint) : stored;
  return (
    toStableText(slice.metadata.labels ?? {}) === toStableText(frame.labels) &&
    toStableText(compared) === toStableText(endpoints)
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
