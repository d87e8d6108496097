import { BlockList, isIP } from 'node:net';
import { canonicalAddress } from '../std/canonical-address.ts';

/** The port of containerd's streaming server, which agents allow beside their kubelet's. */
const CRI_PORT = 10_010;
const KUBELET_PORT = 10_250;
const MAX_PORT = 65_535;

/** What is known of a node beside its tunnel. */
export interface NodeReach {
  /** Addresses of the node itself, as its Node says. */
  readonly addresses: readonly string[];
  /** Port of its kubelet. Agents allow one other than 10250 once they have read it from their Node. */
  readonly kubeletPort?: number | undefined;
  /** Networks whose addresses its agent dials: the cluster's, in k3s's egress mode `cluster`, and its own pods in the mode `pod`. Default: none. */
  readonly networks?: readonly string[] | undefined;
  /** Whether its agent dials all ports of the node's own addresses: pods on the host's network. */
  readonly servesCluster: boolean;
  /** Ports of the node's own addresses that it dials then. Default: all. */
  readonly ownPorts?: readonly number[] | undefined;
}

/** An address that no tunnel leads to; the message says why. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** Addresses that mean the machine of whoever dials them, its link, or nobody in particular. */
const local = listOf(['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3', '::/127', 'fe80::/10', 'ff00::/8']);

/**
 * What an agent is asked to dial for an address, as remotedialer writes it.
 *
 * Everything that leads to the node's kubelet is dialled at the node's own loopback address: wherever a Node claims to
 * be, its kubelet is reached through its own tunnel and nowhere else. Other addresses count as they are meant, whatever
 * their spelling: those of IPv4 in the clothes of IPv6 are IPv4, and shortened, octal or hexadecimal ones are none.
 *
 * @throws UnreachableError
 * Source: k3s `pkg/agent/tunnel/tunnel.go` (authorized): an agent that is asked for anything else ends its session.
 */
export function planDial(nodeName: string, reach: NodeReach | undefined, host: string, port: number): string {
  const { addresses = [], kubeletPort = KUBELET_PORT, networks = [], servesCluster = false } = reach ?? {};
  const where = `${host}:${port} on node ${nodeName} cannot be reached`;
  if (!Number.isInteger(port) || port < 1 || port > MAX_PORT) throw new UnreachableError(`${where}: no such port`);
  const address = canonicalAddress(host);
  const isLoopback = address === '127.0.0.1' || address === '::1';
  const isOwn = host === nodeName || addresses.includes(host) || (address !== undefined && claims(addresses, address));
  if ((isOwn || isLoopback) && (port === kubeletPort || port === CRI_PORT)) return `tcp/127.0.0.1:${port}`;
  if (address === undefined) {
    throw new UnreachableError(
      host === nodeName
        ? `${where}: its agent allows its kubelet's port ${kubeletPort} only`
        : `${where}: it is no address`,
    );
  }
  if (!isGlobal(address)) throw new UnreachableError(`${where}: loopback, link-local and multicast are not allowed`);
  if (!servesCluster) throw new UnreachableError(`${where}: its agent allows its kubelet's port ${kubeletPort} only`);
  if (isOwn && reach?.ownPorts !== undefined && !reach.ownPorts.includes(port)) {
    throw new UnreachableError(`${where}: no pod on the node's own network has such a port`);
  }
  if (!isOwn && !listOf(networks).check(address, familyOf(address))) {
    throw new UnreachableError(`${where}: it is neither the node's own nor on the networks of the cluster's pods`);
  }
  return `tcp/${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
}

function claims(addresses: readonly string[], wanted: string): boolean {
  return addresses.some((address) => canonicalAddress(address) === wanted);
}

function isGlobal(address: string): boolean {
  return !local.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}

function listOf(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [network = '', bits = ''] = cidr.split('/');
    if (isIP(network) !== 0 && /^\d+$/.test(bits)) list.addSubnet(network, Number(bits), familyOf(network));
  }
  return list;
}
