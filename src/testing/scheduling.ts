import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, PodSpec } from '../generated/api/core/v1.ts';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
} from '../generated/api/storage/v1.ts';
import { NodeInfo } from '../scheduler/cache/node-info.ts';
import { toPodInfo } from '../scheduler/cache/pod-info.ts';
import type { Snapshot } from '../scheduler/framework/plugin.ts';
import type { VolumeView } from '../scheduler/volumes/volume-view.ts';

/** What a test says of a node; the rest is a node of 4 cpus, 8 GiB and 110 pods. */
export interface NodeWords {
  readonly labels?: Record<string, string>;
  readonly taints?: { key: string; value?: string; effect: string }[];
  readonly unschedulable?: boolean;
  readonly allocatable?: Record<string, string>;
  readonly images?: { names: string[]; sizeBytes: number }[];
}

export function makeNode(name: string, words: NodeWords = {}): Node {
  const { labels = {}, taints, unschedulable, allocatable, images } = words;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: `node-${name}`, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec: { ...(taints === undefined ? {} : { taints }), ...(unschedulable ? { unschedulable } : {}) },
    status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110', ...allocatable }, ...(images ? { images } : {}) },
  } as Node;
}

export interface PodWords extends Omit<Partial<PodSpec>, 'containers'> {
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  readonly requests?: Record<string, string>;
  readonly hostPort?: number;
  readonly image?: string;
  readonly startTime?: string;
  readonly nominatedNodeName?: string;
}

export function makePod(name: string, words: PodWords = {}): Pod {
  const {
    namespace = 'default',
    labels = {},
    requests = {},
    hostPort,
    image = 'app:1',
    startTime,
    nominatedNodeName,
    ...spec
  } = words;
  const ports = hostPort === undefined ? [] : [{ containerPort: hostPort, hostPort, protocol: 'TCP' }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, uid: `${namespace}-${name}`, labels },
    spec: { containers: [{ name: 'app', image, ports, resources: { requests } }], ...spec },
    status: { ...(startTime ? { startTime } : {}), ...(nominatedNodeName ? { nominatedNodeName } : {}) },
  } as Pod;
}

export interface VolumeWords {
  readonly claims?: readonly PersistentVolumeClaim[];
  readonly volumes?: readonly PersistentVolume[];
  readonly classes?: readonly StorageClass[];
  readonly csiNodes?: readonly CSINode[];
  readonly csiDrivers?: readonly CSIDriver[];
  readonly capacities?: readonly CSIStorageCapacity[];
  readonly attachments?: readonly VolumeAttachment[];
}

export function makeVolumeView({
  claims = [],
  volumes = [],
  classes = [],
  csiNodes = [],
  csiDrivers = [],
  capacities = [],
  attachments = [],
}: VolumeWords = {}): VolumeView {
  const named = <T extends { metadata: { name?: string | undefined } }>(
    all: readonly T[],
    name: string,
  ): T | undefined => all.find(({ metadata }) => metadata.name === name);
  return {
    claim: (namespace, name) =>
      named(
        claims.filter(({ metadata }) => metadata.namespace === namespace),
        name,
      ),
    volume: (name) => named(volumes, name),
    volumes: () => volumes,
    storageClass: (name) => named(classes, name),
    csiNode: (name) => named(csiNodes, name),
    csiDriver: (name) => named(csiDrivers, name),
    capacities: () => capacities,
    attachments: (nodeName) => attachments.filter(({ spec }) => spec.nodeName === nodeName),
    isPromised: () => false,
  };
}

/** Nodes with the pods that run on them. */
export function makeSnapshot(
  nodes: readonly (readonly [node: Node, ...pods: Pod[]])[],
  rest: Partial<Omit<Snapshot, 'nodes'>> = {},
): Snapshot {
  const infos = nodes.map(([node, ...pods]) => {
    const info = new NodeInfo(node);
    for (const pod of pods) info.add(toPodInfo(pod));
    return info;
  });
  return {
    nodes: infos,
    namespaceLabels: () => ({}),
    volumes: makeVolumeView(),
    defaultSpread: () => undefined,
    ...rest,
  };
}
