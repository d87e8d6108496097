import { isIPv4 } from 'node:net';
import { parse } from 'yaml';
import type { DaemonSet } from '../../generated/api/apps/v1.ts';
import type { Container, EnvVar, Node, Pod, Service, ServicePort, Toleration } from '../../generated/api/core/v1.ts';
import type { EndpointSlice } from '../../generated/api/discovery/v1.ts';
import { images } from '../bundled/images.ts';
import { imageAt } from '../bundled/settings.ts';

/** Source of all names, labels and texts: k3s `pkg/cloudprovider/servicelb.go`. */
export const NAMESPACE = 'kube-system';
export const SERVICE_ACCOUNT = 'svclb';
export const NAME_LABEL = 'svccontroller.k3s.cattle.io/svcname';
export const NAMESPACE_LABEL = 'svccontroller.k3s.cattle.io/svcnamespace';
export const ENABLE_LABEL = 'svccontroller.k3s.cattle.io/enablelb';
const POOL_LABEL = 'svccontroller.k3s.cattle.io/lbpool';
const NODE_SELECTOR_LABEL = 'svccontroller.k3s.cattle.io/nodeselector';
const PRIORITY_ANNOTATION = 'svccontroller.k3s.cattle.io/priorityclassname';
const TOLERATIONS_ANNOTATION = 'svccontroller.k3s.cattle.io/tolerations';
const SOURCE_RANGES_ANNOTATION = 'service.beta.kubernetes.io/load-balancer-source-ranges';
const LONGEST_NAME = 48;

/** Whether this load balancer serves the service; others may name a class of their own. */
export function isServed({ spec }: Service): boolean {
  return spec?.type === 'LoadBalancer' && !spec.loadBalancerClass;
}

/** The DaemonSet's name: distinct by the service's UID, and not too long for pods. */
export function daemonSetName({ metadata: { name = '', uid = '' } }: Service): string {
  return `svclb-${name.slice(0, LONGEST_NAME).replace(/-+$/, '')}-${uid.slice(0, 8)}`;
}

const isLocal = ({ spec }: Service): boolean => spec?.externalTrafficPolicy === 'Local';

/** What the machines of a cluster have in common. */
export interface MachineTraits {
  /** Some of them are labelled to take part, so that the others do not. */
  readonly areLabelled: boolean;
  /** All let pods switch on forwarding. Those that do not are older, and their pods inherit it from the machine. */
  readonly allowForwarding: boolean;
  /** All know the field with a machine's addresses of both families. */
  readonly knowHostIPs: boolean;
}

/** The first minor versions of k3s's kubelets that allow or know something. */
const FORWARDING_MINOR = 24;
const HOST_IPS_MINOR = 30;

export function traitsOf(machines: readonly Node[]): MachineTraits {
  const minors = machines.map(({ status }) =>
    Number(/^v1\.(\d+)/.exec(status?.nodeInfo?.kubeletVersion ?? '')?.[1] ?? Infinity),
  );
  const oldest = Math.min(...minors);
  return {
    areLabelled: machines.some(({ metadata }) => metadata.labels?.[ENABLE_LABEL] !== undefined),
    allowForwarding: oldest >= FORWARDING_MINOR,
    knowHostIPs: oldest >= HOST_IPS_MINOR,
  };
}

/**
 * The DaemonSet whose pods take a service's ports on their machines.
 * @param registry - Where its image comes from. Default: its own registry.
 * @throws Error where the service's tolerations cannot be read.
 */
export function toDaemonSet(service: Service, traits: MachineTraits, registry?: string): DaemonSet {
  const { name = '', namespace = '', labels = {}, annotations = {} } = service.metadata;
  const { ipFamilies = [], ports = [] } = service.spec ?? {};
  const own = daemonSetName(service);
  const tied = { [NAME_LABEL]: name, [NAMESPACE_LABEL]: namespace };
  const pool = labels[POOL_LABEL];
  const nodeSelector = { [ENABLE_LABEL]: 'true', ...(pool ? { [POOL_LABEL]: pool } : {}) };
  const sysctls = (traits.allowForwarding ? ipFamilies : []).map((family) =>
    family === 'IPv6'
      ? { name: 'net.ipv6.conf.all.forwarding', value: '1' }
      : { name: 'net.ipv4.ip_forward', value: '1' },
  );
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: {
      name: own,
      namespace: NAMESPACE,
      labels: { [NODE_SELECTOR_LABEL]: String(traits.areLabelled), ...tied },
    },
    spec: {
      selector: { matchLabels: { app: own } },
      template: {
        metadata: { labels: { app: own, ...tied } },
        spec: {
          priorityClassName: annotations[PRIORITY_ANNOTATION] ?? 'system-node-critical',
          serviceAccountName: SERVICE_ACCOUNT,
          automountServiceAccountToken: false,
          securityContext: sysctls.length === 0 ? {} : { sysctls },
          tolerations: [
            { key: 'node-role.kubernetes.io/master', operator: 'Exists', effect: 'NoSchedule' },
            { key: 'node-role.kubernetes.io/control-plane', operator: 'Exists', effect: 'NoSchedule' },
            { key: 'CriticalAddonsOnly', operator: 'Exists' },
            ...tolerationsOf(annotations),
          ],
          ...(traits.areLabelled ? { nodeSelector } : {}),
          containers: ports.map((port) => toContainer(service, port, traits, registry)),
        },
      },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
    },
  } as DaemonSet;
}

function toContainer(
  service: Service,
  port: ServicePort,
  { knowHostIPs }: MachineTraits,
  registry?: string,
): Container {
  const fieldPath = knowHostIPs ? 'status.hostIPs' : 'status.hostIP';
  const protocol = port.protocol ?? 'TCP';
  const name = `lb-${protocol.toLowerCase()}-${port.port}`;
  const target: EnvVar[] = isLocal(service)
    ? [
        { name: 'DEST_PORT', value: String(port.nodePort ?? 0) },
        { name: 'DEST_IPS', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } },
      ]
    : [
        { name: 'DEST_PORT', value: String(port.port) },
        { name: 'DEST_IPS', value: (service.spec?.clusterIPs ?? []).join(',') },
      ];
  return {
    name,
    image: imageAt(registry, images.serviceLb),
    imagePullPolicy: 'IfNotPresent',
    ports: [{ name, containerPort: port.port, hostPort: port.port, protocol }],
    env: [
      { name: 'SRC_PORT', value: String(port.port) },
      { name: 'SRC_RANGES', value: sourceRangesOf(service) },
      { name: 'DEST_PROTO', value: protocol },
      ...target,
    ],
    securityContext: { capabilities: { add: ['NET_ADMIN'] } },
  } as Container;
}

/** In JSON or YAML. Source: k3s `pkg/cloudprovider/servicelb.go` (getTolerations, validateToleration). */
function tolerationsOf(annotations: Readonly<Record<string, string>>): Toleration[] {
  const text = annotations[TOLERATIONS_ANNOTATION];
  if (text === undefined) return [];
  const list = readTolerations(text);
  return list.map((toleration, index) => {
    const { key = '', operator = 'Equal', value = '' } = toleration;
    const fault = (why: string): Error => new Error(`validation failed for toleration ${index}: ${why}`);
    if (key === '' && operator !== 'Exists') throw fault("toleration with empty key must have operator 'Exists'");
    if (operator === 'Exists' && value !== '')
      throw fault("toleration with operator 'Exists' must have an empty value");
    return { ...toleration, operator };
  });
}

function readTolerations(text: string): Toleration[] {
  const fault = (why: string, cause?: unknown): Error =>
    new Error(`failed to parse tolerations from annotation ${TOLERATIONS_ANNOTATION}: ${why}`, { cause });
  let list: unknown;
  try {
    list = parse(text) ?? [];
  } catch (error) {
    throw fault((error as Error).message, error);
  }
  const isList = Array.isArray(list) && list.every((item) => typeof item === 'object' && item !== null);
  if (!isList) throw fault('it is no list of tolerations');
  return list as Toleration[];
}

/** Source: cloud-provider `service/helpers` (GetLoadBalancerSourceRanges). */
function sourceRangesOf({ metadata, spec }: Service): string {
  const annotated = (metadata.annotations?.[SOURCE_RANGES_ANNOTATION] ?? '').split(',').map((range) => range.trim());
  const ranges = spec?.loadBalancerSourceRanges?.length ? spec.loadBalancerSourceRanges : annotated;
  const given = ranges.filter((range) => range !== '').sort();
  if (given.length > 0) return given.join(',');
  return spec?.ipFamilies?.includes('IPv6') ? '0.0.0.0/0,::/0' : '0.0.0.0/0';
}

export interface Surroundings {
  /** The pods of the service's DaemonSet. */
  readonly pods: readonly Pod[];
  readonly slices: readonly EndpointSlice[];
  node(name: string): Node | undefined;
}

/**
 * Addresses under which a service is reached: those of the nodes whose pods are ready, the external ones where there are
 * any; with local traffic only of nodes that hold an endpoint. By family in the service's order, then by text.
 */
export function ingressAddresses(service: Service, { pods, slices, node }: Surroundings): string[] {
  const local = isLocal(service) ? nodesWithEndpoints(slices) : undefined;
  const external = new Set<string>();
  const internal = new Set<string>();
  for (const { spec, status } of pods) {
    const { nodeName = '' } = spec;
    const isReady = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
    if (nodeName === '' || !status?.podIP || !isReady || local?.has(nodeName) === false) continue;
    for (const { type, address = '' } of node(nodeName)?.status?.addresses ?? []) {
      if (type === 'ExternalIP') external.add(address);
      else if (type === 'InternalIP') internal.add(address);
    }
  }
  const addresses = [...(external.size > 0 ? external : internal)].sort();
  return (service.spec?.ipFamilies ?? []).flatMap((family) =>
    addresses.filter((address) => isIPv4(address) === (family === 'IPv4')),
  );
}

function nodesWithEndpoints(slices: readonly EndpointSlice[]): Set<string> {
  const names = new Set<string>();
  for (const { endpoints } of slices)
    for (const { targetRef, conditions, nodeName } of endpoints ?? [])
      if (targetRef?.kind === 'Pod' && conditions?.ready === true && nodeName) names.add(nodeName);
  return names;
}
