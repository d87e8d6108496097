import type { Node } from '../generated/api/core/v1.ts';
import type { NodeReach } from '../tunnel/reach.ts';

/** Agents of the egress selector's mode `cluster` say so by a label. Source: k3s `pkg/agent/tunnel/tunnel.go`. */
const EGRESS_LABEL = 'egress.k3s.io/cluster';

/**
 * How far a node reaches. Two nodes may say that they have the same address, as machines behind different routers do:
 * each is reached through its own tunnel, so that neither gets what is meant for the other.
 */
export function reachOf(node: Node | undefined, clusterCidrs: readonly string[]): NodeReach | undefined {
  if (node === undefined) return undefined;
  const { metadata, status } = node;
  return {
    addresses: (status?.addresses ?? []).map(({ address }) => address),
    kubeletPort: status?.daemonEndpoints?.kubeletEndpoint?.Port || undefined,
    servesCluster: metadata?.labels?.[EGRESS_LABEL] !== undefined,
    networks: clusterCidrs,
  };
}
