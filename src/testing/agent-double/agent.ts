import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from '../../client/client.ts';
import { createHttpTransport, type HttpTransport } from '../../client/http-transport.ts';
import type { Node, Pod } from '../../generated/api/core/v1.ts';
import { leases, nodes, pods } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import type { Clock, Timer } from '../../std/clock.ts';
import type { Command, LiveCommand } from './fake-spdy-server.ts';
import { passGates } from './gates.ts';
import { joinCluster, type KeyPair, type Membership } from './join.ts';
import { type KubeletDouble, openKubeletDouble } from './kubelet.ts';
import { isSettled, podStatus } from './pod-status.ts';
import { TunnelClient, type TunnelGeneration } from './tunnel-client.ts';

const KUBELET_PORT = 10250;
const HEARTBEAT_MS = 10_000;
/** Newer agents wait so long, older ones five times. */
const RECONNECT_MS = 1_000;

export interface AgentOptions {
  /** `K3S_URL`. */
  readonly url: string;
  /** `K3S_TOKEN`: `K10<hash of the authority>::<user>:<password>`. */
  readonly token: string;
  readonly nodeName: string;
  /** Default: a new one; given again, the same machine comes back. */
  readonly nodePassword?: string | undefined;
  readonly nodeIp: string;
  /** `2021` lets the server make its keys; `current` sends certificate requests. */
  readonly generation: TunnelGeneration;
  readonly clock: Clock;
  /** Local port that stands for every port of every pod. Default: one that answers with what it was asked. */
  readonly podPort?: number | undefined;
  /** What it had from an earlier join: newer agents show that certificate on each call. */
  readonly previous?: KeyPair | undefined;
  /** What `exec` and `attach` do in every container. Default: `runCanned`. */
  readonly run?: Command | undefined;
  /** Asked before `run`: commands whose streams flow while they run. */
  readonly start?: LiveCommand | undefined;
}

/**
 * A machine that joins as `k3s agent` does and runs no container: it asks for its certificates with a token, registers
 * its Node, keeps the tunnel open, and says of each pod bound to it that it runs, or has ended where all that its
 * containers do is `true` or `false`, or where somebody was attached to it and has left. Its kubelet, and where its generation
 * allows it the ports of its pods, are behind the tunnel only.
 */
export class AgentDouble implements AsyncDisposable {
  readonly nodePassword: string;
  readonly membership: Membership;
  /** Servers that it was told of. */
  readonly servers: readonly string[];
  readonly kubelet: KubeletDouble;
  readonly #openTunnel: () => Promise<TunnelClient>;
  #tunnel: TunnelClient;
  readonly #options: AgentOptions;
  readonly #transport: HttpTransport;
  readonly #podServer: PodServer;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #client: Client;
  readonly #abort = new AbortController();
  readonly #addresses = new Map<string, string>();
  #heartbeat: Timer | undefined;
  #following: Promise<unknown> | undefined;

  private constructor(
    options: AgentOptions,
    parts: Pick<AgentDouble, 'nodePassword' | 'membership' | 'servers' | 'kubelet' | 'tunnel'> & {
      openTunnel: () => Promise<TunnelClient>;
      transport: HttpTransport;
      podServer: PodServer;
      labels: Readonly<Record<string, string>>;
    },
  ) {
    this.#options = options;
    this.nodePassword = parts.nodePassword;
    this.membership = parts.membership;
    this.servers = parts.servers;
    this.kubelet = parts.kubelet;
    this.#tunnel = parts.tunnel;
    this.#openTunnel = parts.openTunnel;
    this.#transport = parts.transport;
    this.#podServer = parts.podServer;
    this.#labels = parts.labels;
    this.#client = new Client(parts.transport);
  }

  /**
   * Joins; the node is registered and ready, and the tunnel open, when the promise resolves.
   * @throws Error where the pinned authority is not the server's, or with what the server answered.
   */
  static async join(options: AgentOptions): Promise<AgentDouble> {
    const { url, token, nodeName, nodeIp, generation, clock } = options;
    const nodePassword = options.nodePassword ?? randomBytes(16).toString('hex');
    const { previous } = options;
    const membership = await joinCluster({ server: url, token, nodeName, nodePassword, nodeIp, generation, previous });
    const { servers } = await passGates({ server: url, generation, membership });
    const { serverCa: ca, clientCa, servingKubelet, clientKubelet } = membership;
    // Newer agents let the server reach pods where it says so; older ones do not know the key.
    const servesCluster = generation === 'current' && membership.config['EgressSelectorMode'] === 'cluster';
    const podServer = await openPodServer(options.podPort);
    const kubelet = await openKubeletDouble({
      ...servingKubelet,
      clientCa,
      run: options.run,
      start: options.start,
      podPort: podServer.port,
      onDetach: (namespace, name) => void agent.#end({ namespace, name }).catch(() => {}),
    });
    const openTunnel = (): Promise<TunnelClient> =>
      TunnelClient.open({
        url: `${url.replace(/^https/, 'wss')}/v1-k3s/connect`,
        tls: { ca, ...clientKubelet },
        generation,
        portFor(port, host) {
          if (host === '127.0.0.1') return port === KUBELET_PORT ? kubelet.port : undefined;
          return servesCluster ? podServer.port : undefined;
        },
        clock,
      });
    const tunnel = await openTunnel();
    const { cert: clientCert, key: clientKey } = clientKubelet;
    const transport = createHttpTransport({ server: url, ca, clientCert, clientKey });
    const agent = new AgentDouble(options, {
      nodePassword,
      membership,
      servers,
      kubelet,
      tunnel,
      openTunnel,
      transport,
      podServer,
      labels: servesCluster ? { 'egress.k3s.io/cluster': 'true' } : {},
    });
    await agent.#register();
    agent.#heartbeat = clock.every(HEARTBEAT_MS, () => void agent.#report().catch(() => {}));
    agent.#following = Promise.all([agent.#followPods(), agent.#keepTunnel()]);
    return agent;
  }

  /** Port that stands for every port of every pod. */
  get podPort(): number {
    return this.#podServer.port;
  }

  /** The one that is open, or that was last. */
  get tunnel(): TunnelClient {
    return this.#tunnel;
  }

  /** Pulls the plug: no word to the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#heartbeat?.cancel();
    this.#abort.abort();
    await this.#tunnel.close();
    await this.#following;
    this.#transport.close();
    await this.kubelet.close();
    await this.#podServer.close();
  }

  /** Opens the tunnel again a while after it ended, as agents do. */
  async #keepTunnel(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      await this.#tunnel.ended;
      await this.#options.clock.sleep(RECONNECT_MS, signal).catch(() => {});
      if (signal.aborted) return;
      const opened = await this.#openTunnel().catch(() => undefined);
      if (opened === undefined) continue;
      this.#tunnel = opened;
      if (signal.aborted) await opened.close();
    }
  }

  async #register(): Promise<void> {
    const { nodeName: name } = this.#options;
    const labels = {
      ...this.#labels,
      'kubernetes.io/hostname': name,
      'kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'amd64',
    };
    try {
      await this.#client.get(nodes, { name });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // As a kubelet with an external cloud provider registers, and as an agent then tells its addresses.
      const annotations = { 'k3s.io/hostname': name, 'k3s.io/internal-ip': this.#options.nodeIp };
      const taints = [{ key: 'node.cloudprovider.kubernetes.io/uninitialized', value: 'true', effect: 'NoSchedule' }];
      await this.#client.create(nodes, { metadata: { name, labels, annotations }, spec: { taints } });
    }
    await this.#report();
  }

  async #report(): Promise<void> {
    const { nodeName: name, nodeIp, clock } = this.#options;
    const nowText = toSeconds(clock);
    const capacity = { cpu: '2', memory: '4Gi', pods: '110', 'ephemeral-storage': '10Gi' };
    const status: Node['status'] = {
      capacity,
      allocatable: capacity,
      addresses: [
        { type: 'InternalIP', address: nodeIp },
        { type: 'Hostname', address: name },
      ],
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
          lastHeartbeatTime: nowText,
        },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: KUBELET_PORT } },
    };
    await this.#client.patch(nodes, { name }, { status }, { type: 'strategic', subresource: 'status' });
    await this.#renew();
  }

  /** The sign of life that counts, as kubelets give it. */
  async #renew(): Promise<void> {
    const { nodeName: name, clock } = this.#options;
    const key = { namespace: 'kube-node-lease', name };
    const renewTime = `${new Date(clock.nowMs()).toISOString().slice(0, -1)}000Z`;
    const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime };
    try {
      await this.#client.patch(leases, key, { spec }, { type: 'merge' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const { metadata } = await this.#client.get(nodes, { name });
      const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name, uid: metadata.uid ?? '' }];
      await this.#client.create(leases, { metadata: { ...key, ownerReferences }, spec });
    }
  }

  /** Watches as kubelets do: only what is bound here, from the list on. */
  async #followPods(): Promise<void> {
    const { signal } = this.#abort;
    const fieldSelector = `spec.nodeName=${this.#options.nodeName}`;
    while (!signal.aborted) {
      try {
        const { items, metadata } = await this.#client.list(pods, { fieldSelector, signal });
        for (const pod of items) await this.#settle(pod);
        const { resourceVersion } = metadata;
        for await (const { type, object } of this.#client.watch(pods, { fieldSelector, resourceVersion, signal })) {
          if (type === 'ADDED' || type === 'MODIFIED') await this.#settle(object);
        }
      } catch (error) {
        if (!signal.aborted) await this.#options.clock.sleep(200, signal).catch(() => error);
      }
    }
  }

  async #settle(pod: Pod): Promise<void> {
    const { name, namespace, deletionTimestamp, uid } = pod.metadata;
    const key = { namespace, name: name ?? '' };
    if (deletionTimestamp !== undefined) {
      await this.#client.delete(pods, key, { gracePeriodSeconds: 0, preconditions: { uid } });
      return;
    }
    if (isSettled(pod)) return;
    const status = podStatus(pod, { podIp: this.#addressOf(uid ?? ''), nowText: toSeconds(this.#options.clock) });
    await this.#client.patch(pods, key, { status }, { type: 'strategic', subresource: 'status' });
  }

  /** Lets a pod end that was run for somebody who has left; others stay. */
  async #end(key: { readonly namespace: string; readonly name: string }): Promise<void> {
    const pod = await this.#client.get(pods, key);
    if (pod.spec?.restartPolicy === 'Always') return;
    const nowText = toSeconds(this.#options.clock);
    const status = podStatus(pod, { podIp: pod.status?.podIP ?? '', nowText, exitCode: 0 });
    await this.#client.patch(pods, key, { status }, { type: 'strategic', subresource: 'status' });
  }

  #addressOf(uid: string): string {
    const known = this.#addresses.get(uid) ?? `10.42.0.${this.#addresses.size + 2}`;
    this.#addresses.set(uid, known);
    return known;
  }
}

function toSeconds(clock: Clock): string {
  return `${new Date(clock.nowMs()).toISOString().slice(0, 19)}Z`;
}

interface PodServer {
  readonly port: number;
  close(): Promise<void>;
}

/** What every port of every pod answers: the address that was asked for. */
async function openPodServer(port: number | undefined): Promise<PodServer> {
  if (port !== undefined) return { port, close: async () => {} };
  const server = createServer((request, response) =>
    response.end(`hello from ${request.headers.host}${request.url}\n`),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
