import { isIPv6 } from 'node:net';
import type {
  EndpointAddress,
  EndpointPort,
  EndpointSubset,
  Endpoints,
  Pod,
  Service,
} from '../../generated/api/core/v1.ts';
import { parseIp } from '../../std/cidr.ts';
import { isPodReady } from '../pods/pod-state.ts';
import { toStableText } from '../safe-hash.ts';
import { hostnameOf, ipsOf, isEndpointPod, isHeadless, portsOf } from './pod-endpoint.ts';

/** Source: `pkg/controller/endpoint/endpoints_controller.go`. */
const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
const MANAGER = 'endpoint-controller';
const HEADLESS = 'service.kubernetes.io/headless';
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';
const MAX_ADDRESSES = 1000;

/** The endpoints of a service; undefined where those there are right already. */
export function planEndpoints(
  service: Service,
  pods: readonly Pod[],
  current: Endpoints | undefined,
): Endpoints | undefined {
  const { subsets, truncated } = truncate(planSubsets(service, pods));
  const labels: Record<string, string> = { ...service.metadata.labels, [MANAGED_BY]: MANAGER };
  if (isHeadless(service)) labels[HEADLESS] = '';
  else delete labels[HEADLESS];
  const { [OVER_CAPACITY]: wasTruncated, ...annotations } = current?.metadata.annotations ?? {};
  if (truncated) annotations[OVER_CAPACITY] = 'truncated';
  if (current !== undefined) {
    const same =
      toStableText(current.subsets ?? []) === toStableText(subsets) &&
      toStableText(current.metadata.labels ?? {}) === toStableText(labels) &&
      truncated === (wasTruncated !== undefined);
    if (same) return undefined;
    return { ...current, metadata: { ...current.metadata, labels, annotations }, subsets };
  }
  const { name, namespace } = service.metadata;
  return { metadata: { name, namespace, labels, ...(truncated ? { annotations } : {}) }, subsets };
}

/** Addresses grouped by the ports that they serve. */
export function planSubsets(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const tolerant = service.spec?.publishNotReadyAddresses === true;
  const groups = new Map<string, { ports: EndpointPort[]; ready: EndpointAddress[]; notReady: EndpointAddress[] }>();
  for (const pod of pods) {
    if (!isEndpointPod(pod, { terminatingToo: tolerant })) continue;
    const address = toAddress(service, pod);
    if (address === undefined) continue;
    const ports = portsOf(service, pod).map(({ name, port, protocol, appProtocol }) => ({
      ...(name === '' ? {} : { name }),
      port,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    }));
    // Only a headless service may have no ports: DNS still wants its addresses.
    const hasPorts = (service.spec?.ports ?? []).length > 0;
    if (hasPorts ? ports.length === 0 : service.spec?.clusterIP !== 'None') continue;
    ports.sort((a, b) => (toStableText(a) < toStableText(b) ? -1 : 1));
    const key = toStableText(ports);
    const group = groups.get(key) ?? { ports, ready: [], notReady: [] };
    (tolerant || isPodReady(pod) ? group.ready : group.notReady).push(address);
    groups.set(key, group);
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, ready, notReady }]) => ({
      ...(ready.length > 0 ? { addresses: sortAddresses(ready) } : {}),
      ...(notReady.length > 0 ? { notReadyAddresses: sortAddresses(notReady) } : {}),
      ...(ports.length > 0 ? { ports } : {}),
    }));
}

function toAddress(service: Service, pod: Pod): EndpointAddress | undefined {
  const { clusterIP, ipFamilies } = service.spec ?? {};
  // Endpoints hold one family: the service's first one.
  const wantsIpv6 = ipFamilies?.[0] === 'IPv6' || (ipFamilies === undefined && isIPv6(clusterIP ?? ''));
  const ip = ipsOf(pod).find((each) => isIPv6(each) === wantsIpv6);
  if (ip === undefined) return undefined;
  const { name, namespace, uid } = pod.metadata;
  const hostname = hostnameOf(service, pod);
  return {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

function sortAddresses(addresses: readonly EndpointAddress[]): EndpointAddress[] {
  const order = (a: EndpointAddress, b: EndpointAddress): number => {
    const [first, second] = [parseIp(a.ip).value, parseIp(b.ip).value];
    if (first !== second) return first < second ? -1 : 1;
    return (a.targetRef?.uid ?? '') < (b.targetRef?.uid ?? '') ? -1 : 1;
  };
  return [...addresses].sort(order);
}

/** Ready addresses have the first claim on the room there is. */
function truncate(subsets: EndpointSubset[]): { subsets: EndpointSubset[]; truncated: boolean } {
  const count = (key: 'addresses' | 'notReadyAddresses'): number =>
    subsets.reduce((sum, subset) => sum + (subset[key]?.length ?? 0), 0);
  const [ready, notReady] = [count('addresses'), count('notReadyAddresses')];
  if (ready + notReady <= MAX_ADDRESSES) return { subsets, truncated: false };
  const key = ready > MAX_ADDRESSES ? 'addresses' : 'notReadyAddresses';
  const room = ready > MAX_ADDRESSES ? MAX_ADDRESSES : MAX_ADDRESSES - ready;
  const total = ready > MAX_ADDRESSES ? ready : notReady;
  let left = room;
  const cut = subsets.map((subset) => {
    const list = subset[key] ?? [];
    const share = Math.min(left, Math.ceil((list.length / total) * room), list.length);
    left -= share;
    const { addresses, notReadyAddresses: _, ...rest } = subset;
    if (key === 'addresses') return { ...rest, addresses: list.slice(0, share) };
    return {
      ...rest,
      ...(addresses ? { addresses } : {}),
      ...(share > 0 ? { notReadyAddresses: list.slice(0, share) } : {}),
    };
  });
  return { subsets: cut, truncated: true };
}
