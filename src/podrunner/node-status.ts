import { arch, cpus, hostname, networkInterfaces, platform, release, totalmem } from 'node:os';
import type { Node, NodeStatus } from '../generated/api/core/v1.ts';
import { KUBERNETES_VERSION } from '../machinery/object/version.ts';

/** What this machine is; read once, apart from the address. */
export interface Machine {
  readonly hostname: string;
  readonly address: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly os: string;
  readonly architecture: string;
  readonly kernel: string;
}

const architectures: Record<string, string> = { x64: 'amd64', ia32: '386' };

export function readMachine(): Machine {
  return {
    hostname: hostname(),
    address: primaryAddress(),
    cpus: cpus().length,
    memoryBytes: totalmem(),
    os: platform(),
    architecture: architectures[arch()] ?? arch(),
    kernel: release(),
  };
}

/** The first IPv4 address that other machines may know, else loopback. */
function primaryAddress(): string {
  const addresses = Object.entries(networkInterfaces())
    .filter(([name]) => !/^(docker|br-|veth|cni|flannel|virbr|tun|tap)/.test(name))
    .flatMap(([, found]) => found ?? []);
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

export function toNode(name: string, machine: Machine): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': machine.os,
        'kubernetes.io/arch': machine.architecture,
        'beta.kubernetes.io/os': machine.os,
        'beta.kubernetes.io/arch': machine.architecture,
        'node.kubernetes.io/instance-type': 'warren',
      },
    },
    spec: { providerID: `warren://${name}` },
  };
}

/** The node's status as its owner reports it. */
export function toNodeStatus(
  machine: Machine,
  options: { image: string; kubeletPort: number; nowText: string; before: NodeStatus | undefined },
): NodeStatus {
  const { image, kubeletPort, nowText, before } = options;
  const capacity = {
    cpu: String(machine.cpus),
    memory: `${Math.floor(machine.memoryBytes / 1024)}Ki`,
    pods: '110',
    'ephemeral-storage': '0',
  };
  const condition = (type: string, status: 'True' | 'False', reason: string, message: string) => {
    const last = before?.conditions?.find((found) => found.type === type);
    const lastTransitionTime = last?.status === status ? (last.lastTransitionTime ?? nowText) : nowText;
    return { type, status, reason, message, lastHeartbeatTime: nowText, lastTransitionTime };
  };
  return {
    capacity,
    allocatable: capacity,
    addresses: [
      { type: 'InternalIP', address: machine.address },
      { type: 'Hostname', address: machine.hostname },
    ],
    conditions: [
      condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'processes share the memory of this machine'),
      condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'volumes are folders of this machine'),
      condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'processes share the limit of this machine'),
      condition('Ready', 'True', 'KubeletReady', 'pods run as processes of this machine'),
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
    nodeInfo: {
      machineID: '',
      systemUUID: '',
      bootID: '',
      kernelVersion: machine.kernel,
      osImage: `${machine.os} (processes)`,
      containerRuntimeVersion: `process://${process.versions.node}`,
      kubeletVersion: KUBERNETES_VERSION,
      kubeProxyVersion: '',
      operatingSystem: machine.os,
      architecture: machine.architecture,
    },
    images: [{ names: [image], sizeBytes: 0 }],
  };
}
