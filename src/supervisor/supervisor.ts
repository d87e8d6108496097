import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client } from '../client/client.ts';
import type { EventRecorder } from '../client/events.ts';
import { configmaps, nodes } from '../generated/resource-types.ts';
import { isNotFound, StatusError } from '../machinery/errors/status-error.ts';
import type { Pki } from '../pki/bundle.ts';
import { issueCertificate, type Subject } from '../pki/certificate.ts';
import { parseCertificateRequest } from '../pki/certificate-request.ts';
import { DENIED_MACHINES, type DeniedMachines, isDenied, isNodeDenied } from '../pki/denied-machines.ts';
import { canonicalAddress } from '../std/canonical-address.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { TunnelServer } from '../tunnel/tunnel-server.ts';
import { type AgentConfigOptions, toAgentConfig } from './agent-config.ts';
import { Refusal, readBody, refuse, refuseUpgrade, sendJson, sendText, TurnedAway } from './answers.ts';
import { type Caller, callerOfCertificate, identify, type JoinTokens } from './caller.ts';
import { InFlight } from './in-flight.ts';
import { admitNode, NodeRefusedError } from './node-admission.ts';
import { NodePasswordError, NodePasswords } from './node-password.ts';
import { ReturningMachines } from './returning-machines.ts';
import { createServerRoutes, type EncryptionState, type Route } from './server-routes.ts';

export interface SupervisorOptions {
  readonly pki: Pki;
  readonly tokens: JoinTokens;
  readonly tunnels: TunnelServer;
  /** Reads and writes node passwords; absent until the API serves. */
  client(): Client | undefined;
  /** Tells the tenant's users what happened to a node; absent until the API serves. */
  events?(): Pick<EventRecorder, 'event'> | undefined;
  /**
   * Makes another password the one of the cluster's token. Left out: the token cannot be changed here.
   * @param password - Empty: a new one is made.
   */
  rotateToken?(password: string): Promise<void>;
  /** How Secrets are kept. Left out: as they are. */
  encryption?(): EncryptionState;
  /** How many nodes the cluster may have; absent: any number. */
  readonly maxNodes?: number | undefined;
  /** Names and addresses of the servers themselves, which no node may have. */
  readonly serverNames?: readonly string[] | undefined;
  ready(): boolean;
  /** `host:port` of every server, as agents shall dial them. */
  readonly serverAddresses: readonly string[];
  readonly agentConfig: AgentConfigOptions;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The k3s API for agents, in front of the Kubernetes API on the same port. */
export interface Supervisor {
  /** Answers where the path is the supervisor's. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
}

/** Who may do what servers do. Source: k3s `pkg/server/handlers/router.go`. */
const SERVER_GROUPS = ['k3s:server'];
/** Groups that an agent may be in. Source: k3s `pkg/server/handlers/router.go`. */
const AGENT_GROUPS = ['k3s:agent', 'system:nodes', 'system:bootstrappers'];
const NODE_GROUP = 'system:nodes';
const NODE_PREFIX = 'system:node:';
const CONNECT_PATH = '/v1-k3s/connect';
export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { pki, logger } = options;
  const passwords = new NodePasswords();
  const returning = new ReturningMachines(options);
  const open: Readonly<Record<string, (response: ServerResponse) => void>> = {
    '/cacerts': (response) => sendText(response, 200, pki.server.certPem, 'text/plain'),
    '/ping': (response) => sendText(response, 200, 'pong'),
  };
  const routes: Readonly<Record<string, Route>> = {
    '/v1-k3s/config': (_request, response) => sendJson(response, toAgentConfig(options.agentConfig)),
    '/v1-k3s/client-ca.crt': (_request, response) => sendText(response, 200, pki.client.certPem, 'text/plain'),
    '/v1-k3s/server-ca.crt': (_request, response) => sendText(response, 200, pki.server.certPem, 'text/plain'),
    '/v1-k3s/apiservers': (_request, response) => {
      // Agents wait for ever on an empty list, while an error lets them keep the address by which they came.
      if (options.serverAddresses.length === 0) throw new Refusal(404, 'no address is published');
      sendJson(response, options.serverAddresses);
    },
    '/v1-k3s/readyz': (_request, response) => {
      if (!options.ready()) throw new Refusal(503, 'runtime core not ready');
      sendText(response, 200, 'ok');
    },
    '/v1-k3s/serving-kubelet.crt': async (request, response, caller) => {
      const nodeName = await checkNode(request, caller, { options, passwords, returning });
      const given = nodeIps(request);
      // A certificate for the servers' own addresses would let a node pass for one of them.
      const addresses = given.filter((address) => !isServers(options, address));
      const names = [...new Set([nodeName, 'localhost', '127.0.0.1', '::1', ...addresses])];
      await issue(options, request, response, 'server', {
        commonName: nodeName,
        organizations: [],
        usages: ['server'],
        names,
      });
    },
    '/v1-k3s/client-kubelet.crt': async (request, response, caller) => {
      const nodeName = await checkNode(request, caller, { options, passwords, returning });
      await issue(options, request, response, 'client', {
        commonName: `system:node:${nodeName}`,
        organizations: [NODE_GROUP],
        usages: ['client'],
      });
    },
    '/v1-k3s/client-kube-proxy.crt': (request, response) =>
      issue(options, request, response, 'client', {
        commonName: 'system:kube-proxy',
        organizations: [],
        usages: ['client'],
      }),
    '/v1-k3s/client-k3s-controller.crt': (request, response) =>
      issue(options, request, response, 'client', {
        commonName: 'system:k3s-controller',
        organizations: [],
        usages: ['client'],
      }),
  };
  const serverRoutes = createServerRoutes(options);
  const inFlight = new InFlight(logger);

  return {
    handle(request, response) {
      const path = pathOf(request);
      const answer = open[path];
      if (answer !== undefined) {
        answer(response);
        return true;
      }
      const route = routes[path];
      const serverRoute = serverRoutes[path];
      if (route === undefined && serverRoute === undefined && path !== CONNECT_PATH) return false;
      const work =
        route !== undefined
          ? inFlight.run(() => serve(route, request, response, AGENT_GROUPS))
          : serverRoute !== undefined
            ? serve(serverRoute, request, response, SERVER_GROUPS)
            : refuseWithoutUpgrade(request);
      work.catch((error: unknown) => refuse(response, error, { path, logger }));
      return true;
    },
    upgrade(request, socket, head) {
      if (pathOf(request) !== CONNECT_PATH) return false;
      // From here on nobody else listens: a client that leaves meanwhile is no fault of the server's.
      socket.on('error', () => socket.destroy());
      identifyNode(request)
        .then((caller) => options.tunnels.handleUpgrade(request, socket, head, nodeNameOf(caller).toLowerCase()))
        .catch((error: unknown) => {
          if (!(error instanceof Refusal)) logger.error('a tunnel could not be opened', { error });
          refuseUpgrade(socket, error, CONNECT_PATH);
        });
      return true;
    },
  };

  async function serve(
    route: Route,
    request: IncomingMessage,
    response: ServerResponse,
    groups: readonly string[],
  ): Promise<void> {
    await route(request, response, await authorize(request, groups));
  }

  /** A tunnel belongs to a node, and only a certificate says which: a token beside it does not matter. */
  async function identifyNode(request: IncomingMessage): Promise<Caller> {
    const caller = callerOfCertificate(request);
    const node = caller?.groups.includes(NODE_GROUP)
      ? await demandAllowed(caller)
      : await authorize(request, [NODE_GROUP]);
    // Source: k3s `pkg/daemons/control/tunnel.go` (authorizer): the group alone is no node.
    if (!node.name.startsWith(NODE_PREFIX)) throw new Refusal(401, 'failed authentication');
    return node;
  }

  async function refuseWithoutUpgrade(request: IncomingMessage): Promise<void> {
    await identifyNode(request);
    throw new Refusal(400, 'websocket: the client is not using the websocket protocol');
  }

  async function authorize(request: IncomingMessage, groups: readonly string[]): Promise<Caller> {
    const caller = await identify(request, options.tokens);
    if (caller === 'refused') {
      const back = groups === AGENT_GROUPS ? await returning.identify(request, pathOf(request)) : undefined;
      if (back === undefined) throw new Refusal(401, 'not authorized');
      return back;
    }
    if (caller === undefined || !groups.some((group) => caller.groups.includes(group)))
      throw new Refusal(403, 'forbidden');
    return await demandAllowed(caller);
  }

  /** @throws Refusal 401 for machines and certificates that are shut out, as the API answers them */
  async function demandAllowed(caller: Caller): Promise<Caller> {
    if (caller.fingerprint === undefined) return caller;
    const denied = await readDenied(options.client());
    if (isDenied(denied, caller.name, caller.fingerprint)) throw new Refusal(401, 'not authorized');
    return caller;
  }
}

/**
 * The node that a request speaks for, once it has shown the node's password.
 *
 * Source: k3s `pkg/server/auth` and `pkg/server/handlers/cert.go`.
 */
async function checkNode(
  request: IncomingMessage,
  caller: Caller,
  {
    options,
    passwords,
    returning,
  }: { options: SupervisorOptions; passwords: NodePasswords; returning: ReturningMachines },
): Promise<string> {
  const nodeName = headerOf(request, 'k3s-node-name').toLowerCase();
  const password = headerOf(request, 'k3s-node-password');
  if (nodeName === '') throw new Refusal(400, 'node name not set');
  if (password === '') throw new Refusal(400, 'node password not set');
  if (isServers(options, nodeName)) throw new TurnedAway(`node name ${nodeName} is a name of the server`, 400);
  const client = options.client();
  if (client === undefined) throw new Refusal(503, 'runtime core not ready');
  if (isNodeDenied(await readDenied(client), nodeName)) {
    const { namespace, name } = DENIED_MACHINES;
    throw new TurnedAway(`node '${nodeName}' is shut out by the ConfigMap ${namespace}/${name}`);
  }
  if (caller.groups.includes(NODE_GROUP)) await checkIdentity(client, caller, nodeName);
  const { returnsBy, bootstrapToken } = caller;
  if (returnsBy !== undefined && !(await returning.hasCome(client, nodeName, returnsBy)))
    throw new Refusal(401, 'not authorized');
  try {
    if (returnsBy === undefined) await admitNode(client, { caller, nodeName, maxNodes: options.maxNodes });
    await passwords.ensure(client, nodeName, password);
    if (returnsBy !== undefined) returning.prove(returnsBy, request);
    if (bootstrapToken !== undefined) await returning.record(client, nodeName, bootstrapToken);
  } catch (error) {
    if (error instanceof NodeRefusedError) throw new TurnedAway(error.message);
    if (error instanceof NodePasswordError) {
      tellOfStranger(options, nodeName, request, error);
      throw new Refusal(403, error.message);
    }
    // A name that no Secret can have.
    if (error instanceof StatusError && (error.code === 400 || error.code === 422)) throw new TurnedAway(error.message);
    throw error;
  }
  return nodeName;
}

/**
 * A certificate alone, without a token, speaks for its own node only, and only while that is in the cluster. Agents take
 * the 401 as a request to come back with their token.
 */
async function checkIdentity(client: Client, caller: Caller, nodeName: string): Promise<void> {
  if (nodeNameOf(caller) !== nodeName) throw new Refusal(400, 'header node name does not match auth node name');
  try {
    await client.get(nodes, { name: nodeName });
  } catch (error) {
    throw isNotFound(error) ? new Refusal(401, `unable to verify node identity: nodes "${nodeName}" not found`) : error;
  }
}

/** The list of those that are shut out; empty where there is none, or nobody can be asked yet. */
export async function readDenied(client: Client | undefined): Promise<DeniedMachines> {
  try {
    return (await client?.get(configmaps, DENIED_MACHINES))?.data ?? {};
  } catch (error) {
    if (isNotFound(error)) return {};
    throw error;
  }
}

/** Says at the Node that a machine was turned away, and what to do where it is the same machine, wiped. */
function tellOfStranger(
  { events }: SupervisorOptions,
  nodeName: string,
  request: IncomingMessage,
  { message }: NodePasswordError,
): void {
  const from = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? 'an unknown address';
  // As kubelets refer to nodes in events. Source: k3s `pkg/nodepassword/validate.go`.
  events?.()?.event(
    { kind: 'Node', name: nodeName, uid: nodeName },
    'Warning',
    'NodePasswordValidationFailed',
    `A machine at ${from} wants to join under the name of this node: ${message}. Where it is the same machine, wiped, free the name: kubectl delete node ${nodeName}`,
  );
}

function isServers({ serverNames = [] }: SupervisorOptions, name: string): boolean {
  if (name === '127.0.0.1' || name === '::1') return false;
  const wanted = canonicalAddress(name) ?? name;
  return serverNames.some((each) => (canonicalAddress(each) ?? each.toLowerCase()) === wanted);
}

const nodeNameOf = (caller: Caller): string => caller.name.replace(/^system:node:/, '');

function nodeIps(request: IncomingMessage): string[] {
  const header = headerOf(request, 'k3s-node-ip');
  const addresses = header === '' ? [] : header.split(',');
  for (const address of addresses) if (isIP(address) === 0) throw new Refusal(500, 'invalid node IP address <nil>');
  return addresses;
}

/** Answers with leaf and authority; without a request of its own the caller gets a key as well, as older agents need. */
async function issue(
  { pki, clock }: SupervisorOptions,
  request: IncomingMessage,
  response: ServerResponse,
  authority: 'client' | 'server',
  subject: Subject,
): Promise<void> {
  const publicKey = request.method === 'POST' ? readPublicKey(await readBody(request)) : undefined;
  const { chainPem, keyPem = '' } = issueCertificate(pki[authority], subject, { nowMs: clock.nowMs(), publicKey });
  sendText(response, 200, chainPem + keyPem);
}

/** The key of a posted request; undefined where there is none that can be read, as k3s treats it. */
function readPublicKey(body: Buffer) {
  if (body.length === 0) return undefined;
  try {
    return parseCertificateRequest(body).publicKey;
  } catch {
    return undefined;
  }
}

function pathOf(request: IncomingMessage): string {
  const { url = '/' } = request;
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

function headerOf(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? '';
}
