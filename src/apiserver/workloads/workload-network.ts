import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Node, Pod, Service } from '../../generated/api/core/v1.ts';
import type { EndpointSlice } from '../../generated/api/discovery/v1.ts';
import { endpointslices, nodes, pods, services } from '../../generated/resource-types.ts';
import { notFound, serviceUnavailable } from '../../machinery/errors/status-error.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { KubeletConnector } from '../proxy/kubelet.ts';
import type { NodeDialer } from '../proxy/node-dialer.ts';
import { isGlobalUnicast, networksOf } from './addresses.ts';
import { openPortForward } from './port-forward-stream.ts';

export interface WorkloadNetworkOptions {
  readonly reader: ObjectReader;
  readonly dialer: NodeDialer;
  readonly kubelets: Pick<KubeletConnector, 'locate' | 'connect'>;
  /** Networks of the cluster's pods. */
  readonly clusterCidrs: readonly string[];
  readonly clusterDomain: string;
}

/** A port of a pod, and where the pod is. */
export interface Workload {
  readonly namespace: string;
  readonly pod: string;
  readonly node: string;
  readonly host: string;
  readonly port: number;
}

export interface ServicePortRef {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

/** An address that the server does not dial; the message says why. */
export class RefusedAddressError extends Error {
  override readonly name = 'RefusedAddressError';
}

type Stored<T> = T & KubeObject;

const SERVICE_NAME = 'kubernetes.io/service-name';

/**
 * What the server may reach for somebody else: pods of its own nodes, through the nodes' tunnels. Services lead to their
 * pods; whatever else somebody writes into a service, an endpoint or a URL is refused, so that nobody inside of a cluster
 * can send the server to the machines around it.
 */
export class WorkloadNetwork {
  readonly #options: WorkloadNetworkOptions;
  readonly #podNetworks: { has(address: string): boolean };

  constructor(options: WorkloadNetworkOptions) {
    this.#options = options;
    this.#podNetworks = networksOf(options.clusterCidrs);
  }

  /**
   * One of the ready pods behind a port of a service.
   * @throws StatusError 404, 503 with upstream's sentences
   * @throws RefusedAddressError where an endpoint is no pod
   * Source: apiserver `pkg/util/proxy/proxy.go` (ResolveEndpoint).
   */
  async ofService({ namespace, name, port }: ServicePortRef): Promise<Workload> {
    const { reader } = this.#options;
    const service = await reader.get(services as ResourceType<Stored<Service>>, { namespace, name });
    if (service === undefined) throw notFound({ group: '', resource: 'service' }, name);
    const { type = 'ClusterIP', ports = [], ipFamilies = [] } = service.spec ?? {};
    if (!['ClusterIP', 'LoadBalancer', 'NodePort'].includes(type)) {
      throw new RefusedAddressError(`unsupported service type ${JSON.stringify(type)}`);
    }
    const wanted = ports.find((each) => each.port === port);
    if (wanted === undefined)
      throw serviceUnavailable(`no service port ${port} found for service ${JSON.stringify(name)}`);
    const slices = await this.slicesOf({ namespace, name });
    const primary = [...slices].sort((a, b) => rank(a, ipFamilies[0]) - rank(b, ipFamilies[0]));
    let refusal: RefusedAddressError | undefined;
    for (const { host, slicePort, pod } of toCandidates(primary, wanted.name ?? '')) {
      if (pod !== undefined) {
        const found = await this.#find({ namespace, pod }, { host, port: slicePort });
        if (found !== undefined) return found;
      }
      refusal ??= new RefusedAddressError(
        `service ${JSON.stringify(name)} leads to ${host}, which is no pod of this cluster: ${ONLY_PODS}`,
      );
    }
    throw refusal ?? serviceUnavailable(`no endpoints available for service ${JSON.stringify(name)}`);
  }

  async slicesOf({ namespace, name }: { namespace: string; name: string }): Promise<readonly EndpointSlice[]> {
    const all = await this.#options.reader.list(endpointslices as ResourceType<Stored<EndpointSlice>>, namespace);
    return all.filter(({ metadata }) => metadata.labels?.[SERVICE_NAME] === name);
  }

  /**
   * What a URL names: a service by its name or its address, or a pod by its address.
   * @throws RefusedAddressError for every other host
   */
  async ofUrl(host: string, port: number): Promise<Workload> {
    const { reader, clusterDomain } = this.#options;
    const name = host.endsWith(`.${clusterDomain}`) ? host.slice(0, -clusterDomain.length - 1) : host;
    const [, service, namespace] = /^([^.]+)\.([^.]+)\.svc$/.exec(name) ?? [];
    if (service !== undefined && namespace !== undefined)
      return await this.ofService({ namespace, name: service, port });
    if (isIP(host) !== 0 && isGlobalUnicast(host)) {
      for (const pod of await reader.list(pods as ResourceType<Stored<Pod>>)) {
        if (!addressesOf(pod).includes(host)) continue;
        const found = await this.#toWorkload(pod, { host, port });
        if (found !== undefined) return found;
      }
      const all = await reader.list(services as ResourceType<Stored<Service>>);
      const owner = all.find(({ spec }) => spec?.clusterIP === host || (spec?.clusterIPs ?? []).includes(host));
      if (owner !== undefined) {
        const { namespace: space = '', name: found = '' } = owner.metadata;
        return await this.ofService({ namespace: space, name: found, port });
      }
    }
    throw new RefusedAddressError(`${host} is neither a service nor a pod of this cluster: ${ONLY_PODS}`);
  }

  /** @throws Error that says why the pod cannot be reached */
  async connect({ node, host, port, namespace, pod }: Workload, signal: AbortSignal): Promise<Duplex> {
    const { dialer, kubelets } = this.#options;
    try {
      return await dialer.dial(node, host, port, signal);
    } catch (error) {
      // Older agents let nobody but their kubelet be reached, which forwards ports.
      signal.throwIfAborted();
      try {
        const location = await kubelets.locate(node);
        const kubelet = await kubelets.connect(location, signal);
        return await openPortForward(kubelet, { namespace, pod, port, host: `${location.host}:${location.port}` });
      } catch {
        throw error;
      }
    }
  }

  async #find(
    { namespace, pod: name }: { namespace: string; pod: string },
    target: { host: string; port: number },
  ): Promise<Workload | undefined> {
    const pod = await this.#options.reader.get(pods as ResourceType<Stored<Pod>>, { namespace, name });
    return pod === undefined ? undefined : await this.#toWorkload(pod, target);
  }

  /** Pods say themselves which address they have: it counts where it lies in the pods' networks, or is the node's own. */
  async #toWorkload(pod: Stored<Pod>, { host, port }: { host: string; port: number }): Promise<Workload | undefined> {
    const { namespace = '', name = '' } = pod.metadata;
    const node = pod.spec?.nodeName ?? '';
    if (node === '' || !isGlobalUnicast(host) || !addressesOf(pod).includes(host)) return undefined;
    const isReal = pod.spec?.hostNetwork ? await this.#isNodes(node, host) : this.#podNetworks.has(host);
    return isReal ? { namespace, pod: name, node, host, port } : undefined;
  }

  async #isNodes(name: string, host: string): Promise<boolean> {
    const node = await this.#options.reader.get(nodes as ResourceType<Stored<Node>>, { name });
    return (node?.status?.addresses ?? []).some(({ address }) => address === host);
  }
}

const ONLY_PODS = 'this server reaches nothing but the pods of its nodes';

function addressesOf({ status }: Pod): readonly string[] {
  const many = (status?.podIPs ?? []).map(({ ip }) => ip).filter((ip): ip is string => ip !== undefined);
  return many.length > 0 ? many : status?.podIP ? [status.podIP] : [];
}

/** Slices of the service's first family come first. */
function rank({ addressType }: EndpointSlice, family: string | undefined): number {
  return family === undefined || addressType === family ? 0 : 1;
}

interface Candidate {
  readonly host: string;
  readonly slicePort: number;
  readonly pod: string | undefined;
}

/** Ready endpoints, in a slice's order from a random one on. */
function toCandidates(slices: readonly EndpointSlice[], portName: string): readonly Candidate[] {
  return slices.flatMap((slice) => {
    const slicePort = slice.ports?.find((each) => (each.name ?? '') === portName && each.port !== undefined)?.port;
    if (slicePort === undefined) return [];
    const ready = (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready ?? true);
    const start = Math.floor(Math.random() * ready.length);
    return [...ready.slice(start), ...ready.slice(0, start)].flatMap(({ addresses, targetRef }) => {
      const [host] = addresses;
      const pod = targetRef?.kind === 'Pod' ? targetRef.name : undefined;
      return host === undefined ? [] : [{ host, slicePort, pod }];
    });
  });
}
