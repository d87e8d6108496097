import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { bootstrapTokenAuthenticator } from '../apiserver/authn/bootstrap-tokens.ts';
import type { ObjectReader } from '../apiserver/object-reader.ts';
import type { Client } from '../client/client.ts';
import { createEventRecorder, type EventRecorder } from '../client/events.ts';
import type { Lister } from '../client/informer.ts';
import { type ControlPlane, startControlPlane } from '../controlplane/control-plane.ts';
import type { Backend } from '../datastore/backend.ts';
import { type Endpoint, openBackend, parseEndpoint } from '../datastore/endpoint.ts';
import type { Node, Pod } from '../generated/api/core/v1.ts';
import { nodes, pods } from '../generated/resource-types.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import { adminKubeconfig } from '../pki/kubeconfig.ts';
import type { Clock } from '../std/clock.ts';
import type { JoinTokens } from '../supervisor/caller.ts';
import { labelJoinedNodes } from '../supervisor/node-admission.ts';
import { removeNodeLeftovers } from '../supervisor/node-leftovers.ts';
import { releaseNodePasswords } from '../supervisor/node-passwords-controller.ts';
import { admitOlderAgents, ensureAgentRbac } from '../supervisor/rbac.ts';
import { createSupervisor } from '../supervisor/supervisor.ts';
import type { Logger } from '../telemetry/logger.ts';
import { TunnelServer } from '../tunnel/tunnel-server.ts';
import { createAgentFiles } from './agent-files.ts';
import { createBackupEndpoint } from './backup-endpoint.ts';
import { readComponentOptions } from './component-options.ts';
import { addressAt, pathsOf, type TenantConfig } from './config.ts';
import { encryptionConfigPath, followEncryptionRules, readEncryptionRules } from './encryption.ts';
import { encryptionStateOf } from './encryption-state.ts';
import { type EndpointFile, followEndpointFile, readEndpointFile } from './endpoint-file.ts';
import { leaseEndpoints } from './endpoint-leases.ts';
import { loadIdentity, loadServing, loadTokens, writePrivate } from './identity.ts';
import { type EgressOptions, reachOf } from './node-reach.ts';
import type { Replicas } from './replicas.ts';
import { shareIdentity } from './shared-identity.ts';
import { RotatingTokens } from './token-rotation.ts';

export interface Tenant {
  /** URL of the first advertised address. */
  readonly url: string;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfigPath: string;
  /** The join token in full form. */
  readonly token: string;
  /** Drains requests, stops the controllers and closes the datastore. */
  close(): Promise<void>;
}

/** The user under whom the supervisor keeps node passwords. Source: k3s (client-supervisor). */
const SUPERVISOR_USER = 'system:k3s-supervisor';
/** The source of its events. */
const SUPERVISOR_NAME = 'k3s-supervisor';

/** How often a server that runs for long looks whether its certificate nears its end. */
const RENEWAL_PERIOD_MS = 12 * 3600 * 1000;

/** Machines that look for the server at a port of before learn there where it is now; where one is taken, they do not. */
async function openFormerPorts({ listener }: ControlPlane, ports: readonly number[], logger: Logger): Promise<void> {
  for (const port of ports) {
    try {
      await listener.listenToo(port);
    } catch (error) {
      logger.warn('a former port is not open', { port, error });
    }
  }
}

/** Starts one tenant: API server, controllers and scheduler, the supervisor API for agents and their tunnels. */
export async function startTenant(config: TenantConfig, deps: { clock: Clock; logger: Logger }): Promise<Tenant> {
  const { clock, logger } = deps;
  const nowMs = clock.nowMs();
  const endpoint = config.endpointFile === undefined ? undefined : readEndpointFile(config.endpointFile);
  const defaultPath = pathsOf(config).database;
  const { engine } = parseEndpoint(config.datastoreEndpoint, defaultPath);
  const isShared = engine === 'postgres';
  const { tlsFiles } = config;
  const store = await openBackend(config.datastoreEndpoint, { defaultPath, tlsFiles, clock, logger });
  const before = isShared ? await store.currentRevision() : 0n;
  const { pki, files, secrets, rules } = await readIdentity(config, store, { engine, clock }).catch(async (error) => {
    await store.close();
    throw error;
  });
  const ruleSource = { current: rules };
  // Few encrypt: the others do not load what it takes.
  const backend =
    rules.length === 0
      ? store
      : (await import('../datastore/encryption/encrypted-backend.ts')).encrypted(store, ruleSource);
  const stopRules =
    config.reloadsEncryption === true && config.encryptionConfigFile !== undefined
      ? followEncryptionRules(config.encryptionConfigFile, deps, (next) => {
          ruleSource.current = next;
        })
      : () => {};
  const reach = { current: toReach(config, endpoint) };
  const serving = loadServing(config, pki, reach.current.names, nowMs);
  const state: { client?: Client; events?: EventRecorder; nodes?: Lister<Node>; pods?: Lister<Pod>; ready: boolean } = {
    ready: false,
  };
  const ready = Promise.withResolvers<void>();
  const ending = new AbortController();
  const egress: EgressOptions = {
    mode: config.egressMode,
    clusterCidrs: config.clusterCidrs,
    pods: () => state.pods?.list() ?? [],
  };
  const tunnels = new TunnelServer({
    clock,
    logger,
    reachOf: (nodeName) => reachOf(state.nodes?.get(nodeName), egress),
  });
  const { advertised } = reach.current;
  const [first = '30000', last = '32767'] = config.nodePorts.split('-');
  const rotating = new RotatingTokens({ config, backend, pki, tokens: secrets, clock, logger });
  const stopTokens = isShared ? rotating.follow(before) : () => {};
  const tokens: JoinTokens = {
    get agent() {
      return rotating.current.agent;
    },
    get server() {
      return rotating.current.server;
    },
    verifyBootstrap: async (token) => {
      if (state.client === undefined) return undefined;
      const authenticator = bootstrapTokenAuthenticator(toReader(state.client), clock);
      // A token that names a group it may not have is no token. Source: upstream's authenticator.
      return (await authenticator.authenticateToken(token, [], neverAborted).catch(() => undefined))?.user;
    },
  };
  const supervisor = createSupervisor({
    pki,
    tokens,
    tunnels,
    client: () => state.client,
    events: () => state.events,
    rotateToken: (password) => rotating.rotate(password),
    encryption: () => encryptionStateOf(encryptionConfigPath(config)),
    get serverNames() {
      return reach.current.names;
    },
    get maxNodes() {
      return reach.current.maxNodes;
    },
    ready: () => state.ready,
    get serverAddresses() {
      return reach.current.published.map((address) => toHostPort(address, config.port));
    },
    agentConfig: {
      port: config.port,
      clusterCidrs: config.clusterCidrs,
      serviceCidrs: config.serviceCidrs,
      nodePorts: { first: Number(first), last: Number(last) },
      clusterDns: config.clusterDns,
      clusterDomain: config.clusterDomain,
      flannelBackend: config.flannelBackend,
      egressMode: config.egressMode,
      systemDefaultRegistry: config.systemDefaultRegistry,
      get advertiseAddress() {
        return reach.current.advertised;
      },
      get sans() {
        return reach.current.names;
      },
      disabled: config.disabled,
    },
    clock,
    logger,
  });
  const agentFiles = createAgentFiles({
    folder: config.agentFiles,
    registries: config.agentRegistries,
    tokens,
    client: () => state.client,
  });
  const backups = createBackupEndpoint({ config, files, token: () => rotating.current.full, clock, logger });
  const started: {
    controlPlane?: ControlPlane;
    leave?: () => Promise<void>;
    changed?: () => void;
    replicas?: Replicas;
  } = {};
  try {
    const controlPlane = await startControlPlane({
      backend,
      pki,
      serviceAccountKeyPem: files['service.key'] ?? '',
      host: config.bindAddress,
      port: config.port,
      externalAddress: toHostPort(advertised, config.port),
      serving,
      clusterCidrs: config.clusterCidrs,
      serviceCidrs: config.serviceCidrs,
      nodePorts: config.nodePorts,
      clusterDomain: config.clusterDomain,
      ...(await readComponentOptions(config)),
      dialer: { dial: (...args) => (started.replicas ?? tunnels).dial(...args) },
      kubeletClientName: 'system:apiserver',
      first: (request, response) =>
        backups(request, response) || agentFiles(request, response) || supervisor.handle(request, response),
      upgradeFirst: (request, socket, head) => supervisor.upgrade(request, socket, head),
      besideControllers: async ({ clientFor, informers }, signal) => {
        const { runAddons } = await import('../addons/index.ts');
        const addonClient = clientFor(SUPERVISOR_USER, ['system:masters']);
        const { clusterDns, clusterDomain, localStoragePath, proxyEnv } = config;
        const options = {
          disabled: config.disabled,
          manifestsFolder: pathsOf(config).manifests,
          settings: {
            clusterDns,
            clusterDomain,
            localStoragePath,
            registry: config.systemDefaultRegistry,
          },
          helm: { image: config.helmJobImage, apiHost: advertised, apiPort: config.port, proxyEnv },
        };
        await runAddons({ client: addonClient, informers, clock, logger }, options, signal);
      },
      loopsAfter: ready.promise,
      leaderIdentity: isShared ? `${hostname()}_${randomUUID()}` : undefined,
      clock,
      logger,
    });
    started.controlPlane = controlPlane;
    await openFormerPorts(controlPlane, config.formerPorts ?? [], logger);
    const client = controlPlane.clientFor(SUPERVISOR_USER, ['system:masters']);
    const publish = (addresses: readonly string[]): Promise<void> =>
      controlPlane.server.publishEndpoints(addresses, config.port);
    await Promise.all([ensureAgentRbac(client), isShared ? undefined : publish(reach.current.published)]);
    const addresses = (): readonly string[] => reach.current.published;
    if (isShared) Object.assign(started, await leaseEndpoints({ backend, addresses, publish, clock, logger }));
    if (isShared) {
      const { joinReplicas } = await import('./replicas.ts');
      const { bindAddress, peerAddress: address, peerPort: port } = config;
      started.replicas = await joinReplicas({ backend, pki, tunnels, bindAddress, address, port, clock, logger });
    }
    state.client = client;
    state.events = createEventRecorder({ client, component: SUPERVISOR_NAME, clock, logger, signal: ending.signal });
    state.nodes = controlPlane.informers.for(nodes);
    if (config.egressMode === 'pod') state.pods = controlPlane.informers.for(pods);
    state.ready = true;
    const stopRights = admitOlderAgents(client, controlPlane.informers.for(nodes), logger);
    const { informers } = controlPlane;
    const stopPasswords = releaseNodePasswords({ client, informers, clock, logger });
    const stopLabels = labelJoinedNodes({ client, informers, clock, logger });
    const stopLeftovers = removeNodeLeftovers({ client, informers, clock, logger });
    ready.resolve();
    const url = `https://${toHostPort(advertised, config.port)}`;
    const kubeconfigPath = writeKubeconfigs(config, pki, nowMs);
    const renew = (): void => {
      try {
        controlPlane.listener.setCertificate(loadServing(config, pki, reach.current.names, clock.nowMs()));
      } catch (error) {
        logger.error('the serving certificate was not renewed', { error });
      }
    };
    const renewal = clock.every(RENEWAL_PERIOD_MS, renew);
    const stopFollowing =
      config.endpointFile === undefined
        ? undefined
        : followEndpointFile(config.endpointFile, deps, (next) => {
            reach.current = toReach(config, next);
            logger.info('the server is reached elsewhere', { addresses: next.addresses });
            renew();
            if (started.changed !== undefined) started.changed();
            else
              publish(reach.current.published).catch((error) =>
                logger.error('the endpoints of the cluster are not up to date', { error }),
              );
          });
    return {
      url,
      kubeconfigPath,
      get token() {
        return rotating.current.full;
      },
      async close() {
        state.ready = false;
        stopTokens();
        stopRules();
        ending.abort();
        renewal.cancel();
        stopFollowing?.();
        stopPasswords();
        stopLabels();
        stopLeftovers();
        stopRights();
        await started.leave?.();
        await started.replicas?.leave();
        tunnels.close();
        await controlPlane.close();
        await backend.close();
      },
    };
  } catch (error) {
    stopTokens();
    stopRules();
    tunnels.close();
    await started.leave?.();
    await started.replicas?.leave();
    await started.controlPlane?.close();
    await backend.close();
    throw error;
  }
}

/** Authorities and tokens, the same in the data folder and in the datastore. */
async function readIdentity(
  config: TenantConfig,
  backend: Backend,
  { engine, clock }: { engine: Endpoint['engine']; clock: Clock },
): Promise<
  Awaited<ReturnType<typeof loadIdentity>> & {
    secrets: ReturnType<typeof loadTokens>;
    rules: Awaited<ReturnType<typeof readEncryptionRules>>;
  }
> {
  if (engine !== 'memory') await shareIdentity(config, backend, { isOwn: engine === 'sqlite', clock });
  const identity = await loadIdentity(config, clock.nowMs());
  return { ...identity, secrets: loadTokens(config, identity.pki), rules: await readEncryptionRules(config) };
}

/** Looking a token up takes one read from memory: there is nothing to abort. */
const neverAborted = new AbortController().signal;

/** Reads single objects through a client, as authenticators want it. */
function toReader(client: Client): Pick<ObjectReader, 'get'> {
  return {
    get: (type, key) =>
      client.get(type, key).catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      }),
  };
}

/** An address that means another machine to whoever reads it; the API refuses it as an endpoint, as upstream's. */
function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** Under which addresses and names a server is found. */
function toReach(config: TenantConfig, endpoint: EndpointFile | undefined) {
  const addresses = endpoint?.addresses ?? config.advertiseAddresses;
  const [advertised = '127.0.0.1'] = addresses;
  return {
    advertised,
    published: addresses.filter((address) => !isLoopback(address)),
    maxNodes: endpoint?.maxNodes,
    names: servingNames(config, [...addresses, ...config.tlsSans, ...(endpoint?.names ?? [])]),
  };
}

/** Names that the serving certificate holds. 127.0.0.1 is where agents' own load balancers listen. */
function servingNames(config: TenantConfig, own: readonly string[]): string[] {
  const [serviceCidr = ''] = config.serviceCidrs;
  return [
    ...new Set([
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      `kubernetes.default.svc.${config.clusterDomain}`,
      'localhost',
      '127.0.0.1',
      addressAt(serviceCidr, 1n),
      ...own,
    ]),
  ];
}

function writeKubeconfigs(config: TenantConfig, pki: Parameters<typeof adminKubeconfig>[0], nowMs: number): string {
  const { adminKubeconfig: own } = pathsOf(config);
  const local = adminKubeconfig(pki, { server: `https://127.0.0.1:${config.port}`, nowMs });
  writePrivate(own, local);
  if (config.kubeconfigPath === undefined) return own;
  writePrivate(config.kubeconfigPath, local, config.kubeconfigMode);
  return config.kubeconfigPath;
}

function toHostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
