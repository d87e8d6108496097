import { isIPv4 } from 'node:net';
import type { EgressMode } from '../tunnel/egress-mode.ts';

export interface AgentConfigOptions {
  readonly port: number;
  readonly clusterCidrs: readonly string[];
  readonly serviceCidrs: readonly string[];
  /** First port and last port. */
  readonly nodePorts: { readonly first: number; readonly last: number };
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  readonly flannelBackend: string;
  readonly egressMode: EgressMode;
  /** Where agents find the image of pods' sandboxes; empty: at its own place. */
  readonly systemDefaultRegistry: string;
  readonly advertiseAddress: string;
  readonly sans: readonly string[];
  readonly disabled: readonly string[];
}

/** With what agents serve what is asked of them beside the kubelet. Source: k3s `pkg/cli/server/server.go`. */
const CIPHER_SUITES = [
  'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305',
  'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305',
];

/** A range as Go's `net.IPNet` is written in JSON: the address as text, the mask as base64 bytes. */
function toIpNet(cidr: string): { IP: string; Mask: string } {
  const [address = '', bits = '0'] = cidr.split('/');
  const length = isIPv4(address) ? 4 : 16;
  const mask = Buffer.alloc(length);
  for (let bit = 0; bit < Number(bits); bit++) {
    const at = bit >> 3;
    mask[at] = (mask[at] as number) | (0x80 >> (bit & 7));
  }
  return { IP: address, Mask: mask.toString('base64') };
}

/**
 * What `/v1-k3s/config` tells agents, for v1.21 and for the newest at once: agents ignore keys that they do not know.
 *
 * Source: k3s `pkg/daemons/config/types.go` (Control).
 */
export function toAgentConfig(options: AgentConfigOptions): Record<string, unknown> {
  const { port, clusterCidrs, serviceCidrs, nodePorts, clusterDns } = options;
  const clusterRanges = clusterCidrs.map(toIpNet);
  const serviceRanges = serviceCidrs.map(toIpNet);
  return {
    AdvertiseIP: options.advertiseAddress,
    AdvertisePort: port,
    // One port for everything: agents open a second load balancer where these differ.
    HTTPSPort: port,
    SupervisorPort: port,
    APIServerPort: port,
    APIServerBindAddress: '',
    ClusterIPRange: clusterRanges[0] ?? null,
    ClusterIPRanges: clusterRanges,
    ServiceIPRange: serviceRanges[0] ?? null,
    ServiceIPRanges: serviceRanges,
    ServiceNodePortRange: { Base: nodePorts.first, Size: nodePorts.last - nodePorts.first + 1 },
    ClusterDNS: clusterDns[0] ?? '',
    ClusterDNSs: clusterDns,
    ClusterDomain: options.clusterDomain,
    FlannelBackend: options.flannelBackend,
    FlannelIPv6Masq: false,
    FlannelExternalIP: false,
    // What newer agents let the server reach through their tunnel; older ones do not know the key.
    EgressSelectorMode: options.egressMode,
    // Without a cloud controller kubelets set their own addresses, and no taint waits for one.
    DisableCCM: options.disabled.includes('cloud-controller'),
    DisableNPC: options.disabled.includes('network-policy'),
    DisableKubeProxy: options.disabled.includes('kube-proxy'),
    DisableHelmController: options.disabled.includes('helm-controller'),
    DisableServiceLB: options.disabled.includes('servicelb'),
    DisableAPIServer: false,
    DisableControllerManager: false,
    DisableScheduler: false,
    DisableETCD: true,
    DisableAgent: true,
    Disables: Object.fromEntries(options.disabled.map((name) => [name, true])),
    Skips: Object.fromEntries(options.disabled.map((name) => [name, true])),
    EncryptSecrets: false,
    EmbeddedRegistry: false,
    SupervisorMetrics: false,
    SystemDefaultRegistry: options.systemDefaultRegistry,
    IPSECPSK: '',
    NoScheduler: false,
    NoCoreDNS: options.disabled.includes('coredns'),
    NoLeaderElect: true,
    TLSMinVersion: 771,
    MinTLSVersion: '',
    TLSCipherSuites: null,
    CipherSuites: CIPHER_SUITES,
    SANs: options.sans,
    BindAddress: '',
  };
}
