import { createHash, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Client } from '../../client/client.ts';
import { createHttpTransport, type HttpTransport } from '../../client/http-transport.ts';
import type { Node, Pod } from '../../generated/api/core/v1.ts';
import { nodes, pods } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { createCertificateRequest } from '../../pki/certificate-request.ts';
import type { Clock, Timer } from '../../std/clock.ts';
import { type KubeletDouble, openKubeletDouble } from './kubelet.ts';
import { TunnelClient, type TunnelGeneration } from './tunnel-client.ts';

const KUBELET_PORT = 10250;
const HEARTBEAT_MS = 10_000;

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
}

interface Credentials {
  readonly certPem: string;
  readonly keyPem: string;
}

/**
 * A machine that joins as `k3s agent` does and runs no container: it asks for its certificates with a token, registers
 * its Node, keeps the tunnel open, and says of each pod bound to it that it runs. Its kubelet is behind the tunnel only.
 */
export class AgentDouble implements AsyncDisposable {
  readonly nodePassword: string;
  readonly kubelet: KubeletDouble;
  readonly tunnel: TunnelClient;
  readonly #options: AgentOptions;
  readonly #transport: HttpTransport;
  readonly #client: Client;
  readonly #abort = new AbortController();
  readonly #addresses = new Map<string, string>();
  #heartbeat: Timer | undefined;
  #following: Promise<void> | undefined;

  private constructor(
    options: AgentOptions,
    parts: { nodePassword: string; kubelet: KubeletDouble; tunnel: TunnelClient; transport: HttpTransport },
  ) {
    this.#options = options;
    this.nodePassword = parts.nodePassword;
    this.kubelet = parts.kubelet;
    this.tunnel = parts.tunnel;
    this.#transport = parts.transport;
    this.#client = new Client(parts.transport);
  }

  /**
   * Joins; the node is registered and ready, and the tunnel open, when the promise resolves.
   * @throws Error where the pinned authority is not the server's, or with what the server answered.
   */
  static async join(options: AgentOptions): Promise<AgentDouble> {
    const { url, nodeName, generation, clock } = options;
    const { hash, authorization } = readToken(options.token);
    const ca = (await ask(`${url}/cacerts`, { insecure: true })).toString();
    if (createHash('sha256').update(ca).digest('hex') !== hash)
      throw new Error(`token CA hash does not match the Cluster CA certificate hash: ${url}`);
    const nodePassword = options.nodePassword ?? randomBytes(16).toString('hex');
    const headers = {
      authorization,
      'k3s-node-name': nodeName,
      'k3s-node-password': nodePassword,
      'k3s-node-ip': options.nodeIp,
    };
    await ask(`${url}/v1-k3s/config`, { ca, headers: { authorization } });
    const certify = (name: string): Promise<Credentials> =>
      requestCertificate(`${url}/v1-k3s/${name}.crt`, { ca, headers, generation });
    const [serving, client] = [await certify('serving-kubelet'), await certify('client-kubelet')];
    const clientCa = (await ask(`${url}/v1-k3s/client-ca.crt`, { ca, headers })).toString();

    const kubelet = await openKubeletDouble({ ...serving, clientCaPem: clientCa });
    const tunnel = await TunnelClient.open({
      url: `${url.replace(/^https/, 'wss')}/v1-k3s/connect`,
      tls: { ca, cert: client.certPem, key: client.keyPem },
      generation,
      portFor: (port) => (port === KUBELET_PORT ? kubelet.port : undefined),
      clock,
    });
    const transport = createHttpTransport({ server: url, ca, clientCert: client.certPem, clientKey: client.keyPem });
    const agent = new AgentDouble(options, { nodePassword, kubelet, tunnel, transport });
    await agent.#register();
    agent.#heartbeat = clock.every(HEARTBEAT_MS, () => void agent.#report().catch(() => {}));
    agent.#following = agent.#followPods();
    return agent;
  }

  /** Pulls the plug: no word to the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#heartbeat?.cancel();
    this.#abort.abort();
    await this.tunnel.close();
    await this.#following;
    this.#transport.close();
    await this.kubelet.close();
  }

  async #register(): Promise<void> {
    const { nodeName: name } = this.#options;
    const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' };
    try {
      await this.#client.get(nodes, { name });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await this.#client.create(nodes, { metadata: { name, labels }, spec: {} });
    }
    await this.#report();
  }

  async #report(): Promise<void> {
    const { nodeName: name, nodeIp, clock } = this.#options;
    const nowText = `${new Date(clock.nowMs()).toISOString().slice(0, 19)}Z`;
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
    if (pod.status?.phase === 'Running') return;
    const containers = pod.spec?.containers ?? [];
    const startedAt = `${new Date(this.#options.clock.nowMs()).toISOString().slice(0, 19)}Z`;
    const status = {
      phase: 'Running',
      podIP: this.#addressOf(uid ?? ''),
      startTime: startedAt,
      conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({ type, status: 'True' })),
      containerStatuses: containers.map(({ name: container, image }) => ({
        name: container,
        image: image ?? '',
        imageID: '',
        ready: true,
        started: true,
        restartCount: 0,
        state: { running: { startedAt } },
      })),
    };
    await this.#client.patch(pods, key, { status }, { type: 'strategic', subresource: 'status' });
  }

  #addressOf(uid: string): string {
    const known = this.#addresses.get(uid) ?? `10.42.0.${this.#addresses.size + 2}`;
    this.#addresses.set(uid, known);
    return known;
  }
}

/** Source: k3s `pkg/clientaccess/token.go`. */
function readToken(token: string): { hash: string; authorization: string } {
  const [, hash, credentials] = /^K10([0-9a-f]{64})::(.+)$/.exec(token) ?? [];
  if (hash === undefined || credentials === undefined) throw new Error(`not a full token: ${token}`);
  return { hash, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

interface AskOptions {
  readonly ca?: string;
  readonly insecure?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

async function ask(url: string, { ca, insecure, headers, body }: AskOptions): Promise<Buffer> {
  const outgoing = httpsRequest(url, {
    method: body === undefined ? 'GET' : 'POST',
    rejectUnauthorized: insecure !== true,
    agent: false,
    ...(ca === undefined ? {} : { ca }),
    ...(headers === undefined ? {} : { headers }),
  });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const answer = Buffer.concat(chunks);
  if (response.statusCode !== 200) throw new Error(`${url}: ${response.statusCode} ${answer.toString()}`.trim());
  return answer;
}

async function requestCertificate(
  url: string,
  { generation, ...options }: AskOptions & { generation: TunnelGeneration },
): Promise<Credentials> {
  if (generation === '2021') {
    const pem = (await ask(url, options)).toString();
    const at = pem.indexOf('-----BEGIN EC PRIVATE KEY-----');
    if (at < 0) throw new Error(`${url} gave no key`);
    return { certPem: pem.slice(0, at), keyPem: pem.slice(at) };
  }
  const { privateKey }: { privateKey: KeyObject } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const body = createCertificateRequest(privateKey, { commonName: '', organizations: [] });
  const certPem = (await ask(url, { ...options, body })).toString();
  return { certPem, keyPem: privateKey.export({ type: 'sec1', format: 'pem' }).toString() };
}
