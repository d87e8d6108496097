import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Endpoints, Node, Pod, Service } from '../../generated/api/core/v1.ts';
import { endpoints, nodes, pods, services } from '../../generated/resource-types.ts';
import { badRequest, notFound, serviceUnavailable } from '../../machinery/errors/status-error.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import { canonicalAddress } from '../../std/canonical-address.ts';
import type { AuthenticatedCall, Handler } from '../call.ts';
import type { ObjectReader } from '../object-reader.ts';
import { isGlobalUnicast } from '../workloads/addresses.ts';
import { openPortForward } from '../workloads/port-forward-stream.ts';
import type { KubeletConnector } from './kubelet.ts';
import { readPod } from './pod-target.ts';
import { type ProxyTarget, proxyCall } from './reverse-proxy.ts';

export interface ProxyDeps {
  readonly reader: ObjectReader;
  readonly kubelets: KubeletConnector;
}

/** `nodes/proxy`: the kubelet, or another port of the node. Source: `pkg/registry/core/node/strategy.go`. */
export function nodeProxyHandler({ kubelets }: ProxyDeps): Handler<AuthenticatedCall> {
  return (call) =>
    proxyCall(call, async (): Promise<ProxyTarget> => {
      const wanted = splitName(call.info.name, 'node');
      const location = await kubelets.locate(wanted.name);
      const port = wanted.port === '' ? location.port : toPort(wanted.port);
      const { host, node } = location;
      const authority = join(host, port);
      if (port === location.port) {
        return { authority, connect: () => kubelets.connect(location, call.signal) };
      }
      // A name is the node's own or nothing that a tunnel leads to.
      if (isIP(host) !== 0 && !isGlobalUnicast(host)) throw badRequest('address not allowed');
      const target = { scheme: wanted.scheme, host, port };
      return { authority, connect: () => kubelets.connectAddress(node, target, call.signal) };
    });
}

/** `pods/proxy`. Source: `pkg/registry/core/pod/strategy.go` (ResourceLocation). */
export function podProxyHandler({ reader, kubelets }: ProxyDeps): Handler<AuthenticatedCall> {
  return (call) =>
    proxyCall(call, async (): Promise<ProxyTarget> => {
      const wanted = splitName(call.info.name, 'pod');
      const pod = await readPod(reader, call, wanted.name);
      const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
      const standard = wanted.scheme === 'https' ? 443 : 80;
      const port = wanted.port === '' ? (ports[0]?.containerPort ?? standard) : toPort(wanted.port);
      return await podTarget(pod, { scheme: wanted.scheme, port, call, reader, kubelets });
    });
}

/** `services/proxy`: one of the pods behind a service. Source: `pkg/registry/core/service/storage` (ResourceLocation). */
export function serviceProxyHandler({ reader, kubelets }: ProxyDeps): Handler<AuthenticatedCall> {
  return (call) =>
    proxyCall(call, async (): Promise<ProxyTarget> => {
      const { namespace } = call.info;
      const wanted = splitName(call.info.name, 'service');
      const key = { namespace, name: wanted.name };
      const portName = await portNameOf(reader, key, wanted.port);
      const found = await reader.get(endpoints as ResourceType<Endpoints & KubeObject>, key);
      // Whatever is missing on the way is told of as what the path names.
      if (found === undefined) throw notFound({ group: '', resource: 'services' }, wanted.name);
      if ((found.subsets ?? []).length === 0) {
        throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(wanted.name)}`);
      }
      for (const candidate of shuffled(toCandidates(found, portName, namespace))) {
        const pod = await reader.get(pods as ResourceType<Pod & KubeObject>, { namespace, name: candidate.pod });
        // Only what is a pod is proxied to: endpoints can be written by users and may name any address.
        if (pod === undefined || !addressesOf(pod).includes(candidate.ip)) continue;
        const { port, ip: address } = candidate;
        return await podTarget(pod, { scheme: wanted.scheme, port, address, call, reader, kubelets });
      }
      throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(call.info.name)}`);
    });
}

async function portNameOf(
  reader: ObjectReader,
  key: { namespace: string; name: string },
  port: string,
): Promise<string> {
  if (!/^\d+$/.test(port)) return port;
  const service = await reader.get(services as ResourceType<Service & KubeObject>, key);
  if (service === undefined) throw notFound({ group: '', resource: 'services' }, key.name);
  const declared = service.spec?.ports?.find((each) => each.port === Number(port));
  if (declared !== undefined) return declared.name ?? '';
  throw serviceUnavailable(`no service port ${port} found for service ${JSON.stringify(key.name)}`);
}

interface Candidate {
  readonly ip: string;
  readonly pod: string;
  readonly port: number;
}

function toCandidates(found: Endpoints, portName: string, namespace: string): readonly Candidate[] {
  return (found.subsets ?? []).flatMap((subset) => {
    const port = subset.ports?.find((each) => (each.name ?? '') === portName)?.port;
    if (port === undefined) return [];
    return (subset.addresses ?? []).flatMap(({ ip, targetRef }) =>
      targetRef?.kind === 'Pod' && targetRef.namespace === namespace ? [{ ip, pod: targetRef.name ?? '', port }] : [],
    );
  });
}

function shuffled<T>(items: readonly T[]): readonly T[] {
  const start = Math.floor(Math.random() * items.length);
  return [...items.slice(start), ...items.slice(0, start)];
}

interface PodTargetOptions extends ProxyDeps {
  readonly scheme: string;
  readonly port: number;
  /** Default: the pod's first. */
  readonly address?: string;
  readonly call: AuthenticatedCall;
}

async function podTarget(pod: Pod, options: PodTargetOptions): Promise<ProxyTarget> {
  const { scheme, port, address = addressesOf(pod)[0] ?? '', call, reader, kubelets } = options;
  const nodeName = pod.spec?.nodeName ?? '';
  const node = await reader.get(nodes as ResourceType<Node & KubeObject>, { name: nodeName });
  // Whoever may write a pod's status may name any address: those of the machine belong to pods on its network.
  const isAllowed = isGlobalUnicast(address) && (pod.spec?.hostNetwork || !isAddressOf(node, address));
  if (!isAllowed) throw badRequest('address not allowed');
  const connect = async (): Promise<Duplex> => {
    try {
      return await kubelets.connectAddress(nodeName, { scheme, host: address, port }, call.signal);
    } catch (error) {
      // Some agents let nobody but their kubelet be reached, which forwards ports of pods with a network of their own.
      const forwards = node !== undefined && !servesCluster(node) && !pod.spec?.hostNetwork;
      if (!forwards || call.signal.aborted) throw error;
      return await forward(pod, options).catch(() => {
        throw error;
      });
    }
  };
  return { authority: join(address, port), connect };
}

async function forward(pod: Pod, { scheme, port, call, kubelets }: PodTargetOptions): Promise<Duplex> {
  const location = await kubelets.locate(pod.spec?.nodeName ?? '');
  const { namespace = '', name = '' } = pod.metadata ?? {};
  const host = join(location.host, location.port);
  const kubelet = await kubelets.connect(location, call.signal);
  return await kubelets.dress(await openPortForward(kubelet, { namespace, pod: name, port, host }), scheme);
}

/** Whether the node's agent dials addresses of pods. Source: k3s `pkg/agent/tunnel/tunnel.go`. */
function servesCluster({ metadata }: Node): boolean {
  return metadata?.labels?.['egress.k3s.io/cluster'] !== undefined;
}

function isAddressOf(node: Node | undefined, wanted: string): boolean {
  const addresses = (node?.status?.addresses ?? []).map(({ address }) => canonicalAddress(address));
  return addresses.includes(canonicalAddress(wanted));
}

function addressesOf(pod: Pod): readonly string[] {
  const many = (pod.status?.podIPs ?? []).map(({ ip }) => ip).filter((ip): ip is string => ip !== undefined);
  return many.length > 0 ? many : pod.status?.podIP ? [pod.status.podIP] : [];
}

interface SchemeNamePort {
  readonly scheme: string;
  readonly name: string;
  readonly port: string;
}

/** `name`, `name:port` or `scheme:name:port`. Source: apimachinery `pkg/util/net/port_split.go`. */
function splitName(id: string, what: string): SchemeNamePort {
  const pieces = id.split(':');
  const [scheme = '', name = '', port = ''] = pieces.length < 3 ? ['', pieces[0], pieces[1]] : pieces;
  const valid = pieces.length <= 3 && name !== '' && ['', 'http', 'https'].includes(scheme);
  if (!valid) throw badRequest(`invalid ${what} request ${JSON.stringify(id)}`);
  return { scheme, name, port };
}

function toPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw badRequest(`invalid port ${JSON.stringify(text)}`);
  return port;
}

function join(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
