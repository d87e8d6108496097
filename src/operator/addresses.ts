import type { Node, Pod, Service } from '../generated/api/core/v1.ts';
import { CLOSE_PORTS } from './api/virtual-cluster.ts';
import { type Observed, secretText } from './observed.ts';

/** Name of a tenant's port in its Service and its pods. */
export const PORT_NAME = 'https';

/** The one port of a tenant, once its Service has it. */
export function portOf(service: Service | undefined): number | undefined {
  const { ports = [] } = service?.spec ?? {};
  // One that somebody adds may come first, until it is removed.
  return (ports.find(({ name }) => name === PORT_NAME) ?? ports[0])?.port;
}

/** How many ports of before a tenant keeps. */
const MAX_FORMER = 3;
/** Names of ports of before, in a tenant's Service. */
const FORMER_NAME = /^former-(\d+)$/;
export const formerName = (port: number): string => `former-${port}`;

/**
 * Ports that a tenant had before, newest first: machines that joined by one of them look for it there when they start,
 * and learn there where it is now. They stay open until the VirtualCluster's annotation {@link CLOSE_PORTS} names them.
 */
export function formerPorts({ cluster, service }: Pick<Observed, 'cluster' | 'service'>, port: number): number[] {
  const present = portOf(service);
  const kept = (service?.spec?.ports ?? []).flatMap(({ name = '' }) => {
    const former = FORMER_NAME.exec(name)?.[1];
    return former === undefined ? [] : [Number(former)];
  });
  // Nobody has joined: nobody looks for it there.
  const left = present === undefined || !cluster.status?.nodes?.total ? [] : [present];
  const closed = (cluster.metadata.annotations?.[CLOSE_PORTS] ?? '').split(',').map(Number);
  return [...new Set([...left, ...kept])]
    .filter((former) => former !== port && !closed.includes(former))
    .slice(0, MAX_FORMER);
}

/** Where machines find a tenant. */
export interface Advertised {
  /** Names or addresses that are dialled, best first; empty while there is none. */
  readonly hosts: readonly string[];
  /** The same as addresses: what the tenant publishes as its endpoints. */
  readonly addresses: readonly string[];
  /** These are not what the exposure yields now, but what it did before: it yields nothing at the moment. */
  readonly earlier: boolean;
}

/** What the token's Secret tells the server, which follows it without a restart. */
export interface EndpointFile {
  /** Addresses that the server publishes. */
  readonly addresses: readonly string[];
  /** Names and addresses of its certificate. */
  readonly names: readonly string[];
  /** How many machines may join; absent: any number. */
  readonly maxNodes?: number | undefined;
}

/**
 * Where a tenant is reached: at the hosts that the user named, else at what the exposure yields. While that is nothing
 * (a load balancer that is being made, nodes that restart), an address that was told to machines before stays.
 */
export function advertised(observed: Observed): Advertised {
  const hosts = exposedHosts(observed);
  if (hosts.length > 0) {
    const addresses = hosts.flatMap((host) => (isIp(host) ? [host] : (observed.resolved.get(host) ?? [])));
    return { hosts, addresses: [...new Set(addresses)], earlier: false };
  }
  const host = /^https:\/\/(.+):\d+$/.exec(secretText(observed.tokenSecret, 'url') ?? '')?.[1];
  const addresses = endpointFileOf(observed)?.addresses ?? [];
  if (host === undefined || addresses.length === 0) return { hosts: [], addresses: [], earlier: false };
  return { hosts: [host.replace(/^\[|\]$/g, '')], addresses, earlier: true };
}

/** The file as it was told last; undefined before the first time. */
export function endpointFileOf({ tokenSecret }: Pick<Observed, 'tokenSecret'>): EndpointFile | undefined {
  const text = secretText(tokenSecret, 'endpoint.json');
  if (text === undefined) return undefined;
  try {
    const { addresses = [], names = [] } = JSON.parse(text) as Partial<EndpointFile>;
    return { addresses, names };
  } catch {
    return undefined;
  }
}

/** Names or addresses that the exposure yields now, best first. */
export function exposedHosts(observed: Omit<Observed, 'resolved'>): readonly string[] {
  const { spec, service, nodes, pods } = observed;
  if (spec.exposure.hosts.length > 0) return spec.exposure.hosts;
  switch (spec.exposure.type) {
    case 'NodePort': {
      const servers = new Set(pods.filter(isReady).flatMap((pod) => pod.spec.nodeName ?? []));
      // Where traffic keeps its source, only nodes with a server answer: they come first.
      const local = spec.exposure.allowedCIDRs.length > 0;
      return readyNodeAddresses(nodes, (node) => local && servers.has(node.metadata.name ?? ''));
    }
    case 'LoadBalancer':
      if (service?.spec?.type !== 'LoadBalancer') return [];
      return (service.status?.loadBalancer?.ingress ?? []).flatMap((ingress) => ingress.ip ?? ingress.hostname ?? []);
    case 'ClusterIP': {
      const { clusterIP } = service?.spec ?? {};
      return clusterIP && clusterIP !== 'None' ? [clusterIP] : [];
    }
  }
}

/** Whether a node or a pod says that it is ready. */
export function isReady({ status }: Pick<Node, 'status'> | Pick<Pod, 'status'>): boolean {
  const conditions: readonly { readonly type?: string; readonly status?: string }[] = status?.conditions ?? [];
  return conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
}

/** One address a ready node: the external one where it has one. All external addresses come before internal ones. */
function readyNodeAddresses(nodes: readonly Node[], isPreferred: (node: Node) => boolean): readonly string[] {
  const ready = nodes
    .filter(isReady)
    .filter((node) => node.metadata.deletionTimestamp === undefined)
    .sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  const addressOf = (node: Node, wanted: string): string | undefined =>
    node.status?.addresses?.find(({ type }) => type === wanted)?.address;
  const found = ready.flatMap((node) => {
    const external = addressOf(node, 'ExternalIP');
    const address = external ?? addressOf(node, 'InternalIP');
    const rank = (isPreferred(node) ? 0 : 2) + (external === undefined ? 1 : 0);
    return address === undefined ? [] : [{ address, rank }];
  });
  return found.sort((a, b) => a.rank - b.rank).map(({ address }) => address);
}

/** By which users reach the API through an Ingress or a Gateway. */
export function publicUrl({ exposure }: Pick<Observed, 'spec'>['spec']): string | undefined {
  const host = exposure.ingress?.host ?? exposure.gateway?.host;
  return host === undefined ? undefined : `https://${host}`;
}

/** `https://host:port`, with brackets around an IPv6 address. */
export function toUrl(host: string, port: number): string {
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Whether the text is an address rather than a name. */
export function isIp(host: string): boolean {
  return host.includes(':') || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}
