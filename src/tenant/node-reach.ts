import type { Node, Pod } from '../generated/api/core/v1.ts';
import type { EgressMode } from '../tunnel/egress-mode.ts';
import type { NodeReach } from '../tunnel/reach.ts';

/** Agents of the modes `cluster` and `pod` say so by a label. Source: k3s `pkg/daemons/control/tunnel.go`. */
const EGRESS_LABEL = 'egress.k3s.io/cluster';

export interface EgressOptions {
  /** What agents are told; those that joined under another mode keep to that until they start again. */
  readonly mode: EgressMode;
  readonly clusterCidrs: readonly string[];
  /** All pods; asked in the mode `pod` only. */
  pods(): readonly Pod[];
}

/**
 * How far a node reaches. Two nodes may say that they have the same address, as machines behind different routers do:
 * each is reached through its own tunnel, so that neither gets what is meant for the other.
 *
 * Where k3s dials by itself (`disabled`, and what its table does not know), nothing is dialled.
 */
export function reachOf(node: Node | undefined, { mode, clusterCidrs, pods }: EgressOptions): NodeReach | undefined {
  if (node === undefined) return undefined;
  const { metadata, status } = node;
  const known = {
    addresses: (status?.addresses ?? []).map(({ address }) => address),
    kubeletPort: status?.daemonEndpoints?.kubeletEndpoint?.Port || undefined,
    servesCluster: (mode === 'cluster' || mode === 'pod') && metadata?.labels?.[EGRESS_LABEL] !== undefined,
  };
  if (!known.servesCluster || mode === 'cluster') return { ...known, networks: clusterCidrs };
  const own = pods().filter((pod) => pod.spec?.nodeName === metadata?.name && isServed(pod));
  return { ...known, networks: own.flatMap(addressesOf), ownPorts: own.flatMap(hostPortsOf) };
}

/** The agent learns of pods as everybody does: what runs is known to it, and what is deleted it has forgotten. */
function isServed({ metadata, status }: Pod): boolean {
  return metadata?.deletionTimestamp === undefined && status?.phase === 'Running';
}

function addressesOf({ spec, status }: Pod): readonly string[] {
  if (spec?.hostNetwork) return [];
  return (status?.podIPs ?? []).map(({ ip = '' }) => `${ip}/${ip.includes(':') ? 128 : 32}`);
}

function hostPortsOf({ spec }: Pod): readonly number[] {
  if (!spec?.hostNetwork) return [];
  return spec.containers.flatMap(({ ports = [] }) =>
    ports.flatMap(({ containerPort, protocol = 'TCP' }) => (protocol === 'TCP' ? [containerPort] : [])),
  );
}
