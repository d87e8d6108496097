import type { Node, Service } from '../generated/api/core/v1.ts';
import type { Observed } from './observed.ts';

/** The one port of a tenant, once its Service has it. */
export function portOf(service: Service | undefined): number | undefined {
  const port = service?.spec?.ports?.[0];
  return port?.port;
}

/**
 * Hosts that machines outside dial, best first: those that the user named, else what the exposure yields.
 * Empty while there is none.
 */
export function advertisedHosts(observed: Observed): readonly string[] {
  const { spec, service, nodes } = observed;
  if (spec.exposure.hosts.length > 0) return spec.exposure.hosts;
  switch (spec.exposure.type) {
    case 'NodePort':
      return readyNodeAddresses(nodes);
    case 'LoadBalancer':
      return (service?.status?.loadBalancer?.ingress ?? []).flatMap((ingress) => ingress.ip ?? ingress.hostname ?? []);
    case 'ClusterIP': {
      const { clusterIP } = service?.spec ?? {};
      return clusterIP && clusterIP !== 'None' ? [clusterIP] : [];
    }
  }
}

export function isNodeReady(node: Node): boolean {
  return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** One address a ready node: the external one where it has one. All external addresses come before internal ones. */
function readyNodeAddresses(nodes: readonly Node[]): readonly string[] {
  const ready = nodes
    .filter(isNodeReady)
    .filter((node) => node.metadata.deletionTimestamp === undefined)
    .sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  const addressesOf = (type: string): string[] =>
    ready.flatMap((node) => node.status?.addresses?.find((address) => address.type === type)?.address ?? []);
  const external = addressesOf('ExternalIP');
  const withoutExternal = ready.filter((node) => !node.status?.addresses?.some(({ type }) => type === 'ExternalIP'));
  const internal = withoutExternal.flatMap(
    (node) => node.status?.addresses?.find((address) => address.type === 'InternalIP')?.address ?? [],
  );
  return [...external, ...internal];
}

/** `https://host:port`, with brackets around an IPv6 address. */
export function toUrl(host: string, port: number): string {
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Whether the text is an address rather than a name. */
export function isIp(host: string): boolean {
  return host.includes(':') || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}
