import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import type { Duplex } from 'node:stream';
import type { PluginSelection } from '../apiserver/admission/plugins/index.ts';
import { Aggregation } from '../apiserver/aggregation/aggregation.ts';
import { type ApiServer, createApiServer, serverUser } from '../apiserver/api-server.ts';
import type { AuditLogSettings } from '../apiserver/audit/audit-log.ts';
import type { AuditPolicy } from '../apiserver/audit/audit-policy.ts';
import type { Auditor } from '../apiserver/audit/auditor.ts';
import { createAuthenticator } from '../apiserver/authn/authenticator.ts';
import { createOpenIdDocuments } from '../apiserver/authn/openid.ts';
import { secretTokenUse } from '../apiserver/authn/secret-token-use.ts';
import { createTokenSigner } from '../apiserver/authn/token-signer.ts';
import { withoutDenied } from '../apiserver/authn/without-denied.ts';
import type { Authorizer, User } from '../apiserver/call.ts';
import { createDiscoveryPaths } from '../apiserver/discovery/discovery.ts';
import { createHealthPaths } from '../apiserver/health/health.ts';
import { HealthMetrics } from '../apiserver/health/health-metrics.ts';
import { createMetricsPaths } from '../apiserver/health/metrics-path.ts';
import { serverChecks } from '../apiserver/health/server-checks.ts';
import { createVersionPath, versionInfo } from '../apiserver/health/version.ts';
import { type Listener, openListener, type ServingCertificate } from '../apiserver/listener/https.ts';
import { createCredentialsReader } from '../apiserver/listener/peer-certificates.ts';
import { collectAggregationMetrics } from '../apiserver/metrics/aggregation-metrics.ts';
import { createApiServerMetrics } from '../apiserver/metrics/api-server-metrics.ts';
import { addBuildMetrics } from '../apiserver/metrics/build-metrics.ts';
import type { ObjectReader } from '../apiserver/object-reader.ts';
import { createOpenApiPaths } from '../apiserver/openapi/openapi.ts';
import { createPolicies } from '../apiserver/policies/policies.ts';
import { createConnectors } from '../apiserver/proxy/connectors.ts';
import { KubeletConnector } from '../apiserver/proxy/kubelet.ts';
import type { NodeDialer } from '../apiserver/proxy/node-dialer.ts';
import type { OtherPaths, ServerSeams } from '../apiserver/server-options.ts';
import type { WebhookCaller } from '../apiserver/webhooks/webhook-caller.ts';
import { createWebhooks } from '../apiserver/webhooks/webhooks.ts';
import type { WorkloadNetwork } from '../apiserver/workloads/workload-network.ts';
import { Client } from '../client/client.ts';
import { createEventRecorder } from '../client/events.ts';
import { Informers } from '../client/informers.ts';
import type { ControllerFlags } from '../controllers/flags.ts';
import type { Backend } from '../datastore/backend.ts';
import { startCompaction } from '../datastore/compaction.ts';
import { expireLeases } from '../datastore/lease.ts';
import type { Pki } from '../pki/bundle.ts';
import { issueCertificate } from '../pki/certificate.ts';
import { parseCertificateRequest } from '../pki/certificate-request.ts';
import { QueueMetrics } from '../reconcile/queue-metrics.ts';
import { builtinResources } from '../resources/index.ts';
import type { SchedulerConfiguration } from '../scheduler/configuration.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { MetricsRegistry } from '../telemetry/metrics/metrics-registry.ts';
import { collectProcessMetrics } from '../telemetry/metrics/process-metrics.ts';
import { DeniedConnections } from './denied-connections.ts';
import { kubeletIdentity } from './kubelet-identity.ts';

/** Which requests are told of, and where. */
export interface AuditSettings {
  readonly policy: AuditPolicy;
  readonly log: AuditLogSettings;
}

export interface ControlPlaneOptions {
  readonly backend: Backend;
  readonly pki: Pki;
  /** PEM of the token-signing key. */
  readonly serviceAccountKeyPem: string;
  readonly host: string;
  readonly port: number;
  /** `host:port` under which clients are told to find the server. Default: where it listens. */
  readonly externalAddress?: string | undefined;
  readonly serving: ServingCertificate;
  readonly clusterCidrs: readonly string[];
  readonly serviceCidrs: readonly string[];
  readonly nodePorts: string;
  readonly clusterDomain: string;
  /** Settings of controllers against their defaults. */
  readonly controllerSettings?: ControllerFlags['config'] | undefined;
  /** Controllers that do not run here. */
  readonly disabledControllers?: readonly string[] | undefined;
  /** Admission plugins that are on or off against upstream's default, and what they are told. */
  readonly admissionPlugins?: PluginSelection | undefined;
  /** Whether who brings no credentials may ask for more than health, as `system:anonymous`. Default true, as upstream's. */
  readonly anonymous?: boolean | undefined;
  /** Whether tokens of pods live on for clients that never read them again. Default true. */
  readonly extendsTokens?: boolean | undefined;
  /** Profiles of the scheduler. Default: one, as upstream's. */
  readonly schedulerConfiguration?: SchedulerConfiguration | undefined;
  /** Default: requests are told of nowhere. */
  readonly audit?: AuditSettings | undefined;
  /** How nodes are reached. */
  readonly dialer: NodeDialer;
  /** Identity that kubelets see when the server calls them. */
  readonly kubeletClientName: string;
  /** Judges `Basic` credentials, such as join tokens. */
  readonly basic?: ((user: string, password: string) => Promise<User | undefined>) | undefined;
  /** Takes requests before the API does. */
  readonly first?: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  readonly upgradeFirst?: ((request: IncomingMessage, socket: Duplex, head: Buffer) => boolean) | undefined;
  /** Runs with the controllers, where these run, until aborted. */
  readonly besideControllers?: ((seams: LoopSeams, signal: AbortSignal) => Promise<void>) | undefined;
  /** Who this server is among several of one cluster: controllers run in one of them. Undefined: it is the only one. */
  readonly leaderIdentity?: string | undefined;
  /** Controllers and scheduler begin after it: they read every object once, which would hold up the rest of a start. */
  readonly loopsAfter?: Promise<void> | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the kubelet that runs this server's pod asks for, without credentials. */
const PROBED_PATHS = ['/healthz', '/livez', '/readyz'];

/** Common name of front proxies, the server's own among them; k3s has the same. */
const PROXY_NAME = 'system:auth-proxy';

/**
 * A server that dies is followed by another within some 12 s: the lease's end, a try, and the controllers' start.
 * Upstream's times (15 s, 10 s, 2 s) would make it up to 18.
 */
const LEASE_TIMES = { leaseDurationMs: 10_000, renewDeadlineMs: 7_000, retryPeriodMs: 1_500 };

/** What loops beside the controllers are given. */
export type LoopSeams = Pick<ControlPlane, 'informers' | 'clientFor'>;

/** A running control plane: API, controllers and scheduler of one cluster in this process. */
export interface ControlPlane {
  readonly server: ApiServer;
  readonly listener: Listener;
  readonly informers: Informers;
  /** A client in this process under an identity. */
  clientFor(userName: string, groups?: readonly string[]): Client;
  /** Ends everything in order; the datastore stays open. */
  close(): Promise<void>;
}

/** Starts a control plane. It serves and is ready when the promise resolves. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { backend, pki, clock, logger, port } = options;
  const abort = new AbortController();
  const issuer = `https://kubernetes.default.svc.${options.clusterDomain}`;
  const signer = createTokenSigner({
    privateKeyPem: options.serviceAccountKeyPem,
    issuer,
    audiences: [issuer, 'k3s'],
    extendsTokens: options.extendsTokens,
    clock,
  });
  const metrics = createApiServerMetrics(clock);
  const { registry } = metrics;
  const audit = options.audit === undefined ? undefined : await openAudit(options.audit, { registry, clock, logger });
  const kubeletTls = kubeletIdentity(pki, options.kubeletClientName, clock);
  const healthMetrics = new HealthMetrics();
  const queueMetrics = new QueueMetrics(registry, clock);
  collectProcessMetrics(registry, clock);
  addBuildMetrics(registry, versionInfo());
  const denied = new DeniedConnections();
  const holder: { server?: ApiServer; aggregation?: Aggregation; conversions?: Promise<WebhookCaller> } = {};
  const lateAuthorizer: Authorizer = {
    authorize: async (user, attributes, signal) =>
      await (holder.server as ApiServer).authorizer.authorize(user, attributes, signal),
  };
  const aggregationFor = (seams: ServerSeams): Aggregation => {
    holder.aggregation ??= new Aggregation({
      ...seams,
      network: () => networkFor(seams.reader),
      identity: () => issueProxyIdentity(pki, clock),
      onUnavailable: collectAggregationMetrics(registry, seams.reader),
      clock,
      logger,
    });
    return holder.aggregation;
  };
  const networkFor = async (reader: ObjectReader): Promise<WorkloadNetwork> => {
    const { WorkloadNetwork } = await import('../apiserver/workloads/workload-network.ts');
    return new WorkloadNetwork({
      reader,
      dialer: options.dialer,
      kubelets: new KubeletConnector({ reader, dialer: options.dialer, tls: kubeletTls }),
      clusterCidrs: options.clusterCidrs,
      clusterDomain: options.clusterDomain,
    });
  };
  const openConversions = async (reader: ObjectReader): Promise<WebhookCaller> => {
    const { WebhookCaller } = await import('../apiserver/webhooks/webhook-caller.ts');
    const caller = new WebhookCaller({ network: await networkFor(reader), clock });
    abort.signal.addEventListener('abort', () => caller.close(), { once: true });
    return caller;
  };
  const server = await createApiServer({
    backend,
    clock,
    logger,
    definitions: builtinResources(),
    serviceCidrs: options.serviceCidrs,
    nodePorts: options.nodePorts,
    advertisedPort: port,
    tokenIssuer: signer,
    readRequestSubject: (pem) => {
      const { commonName, organizations } = parseCertificateRequest(Buffer.from(pem));
      return { commonName, organizations };
    },
    admissionPlugins: options.admissionPlugins,
    metrics,
    auditor: audit?.auditor,
    credentialsOf: createCredentialsReader(),
    authenticator: ({ reader }) =>
      withoutDenied(
        createAuthenticator({
          clientCaPem: pki.client.certPem,
          requestHeader: { caPem: pki.requestHeader.certPem, allowedNames: [PROXY_NAME] },
          serviceAccounts: {
            keys: [signer.key],
            issuers: [issuer],
            audiences: [issuer, 'k3s'],
            onLegacyTokenUsed: secretTokenUse({
              client: () => holder.server && new Client(holder.server.transportFor(serverUser, 'kube-apiserver')),
              clock,
              logger,
            }),
          },
          reader,
          clock,
          basic: options.basic,
          // RBAC lets them see health and version, and nothing else.
          anonymous: options.anonymous === false ? { paths: PROBED_PATHS } : true,
          onCertificate: metrics.access.certificateUsed,
        }),
        reader,
        (connection, nodeName) => denied.notePod(connection, nodeName),
      ),
    connectors: ({ reader }) =>
      createConnectors({
        reader,
        dialer: options.dialer,
        authorizer: lateAuthorizer,
        kubeletTls,
      }),
    aggregated: async (seams) => {
      const aggregation = aggregationFor(seams);
      await aggregation.follow();
      return aggregation;
    },
    admission: (seams) => {
      const webhooks = createWebhooks({
        ...seams,
        network: () => networkFor(seams.reader),
        authorizer: lateAuthorizer,
        clock,
        logger,
        metrics: metrics.admission,
      });
      abort.signal.addEventListener('abort', () => webhooks.close(), { once: true });
      const policies = createPolicies({ ...seams, authorizer: lateAuthorizer, metrics: metrics.admission });
      return [policies.mutating, webhooks.mutating, policies.validating, webhooks.validating];
    },
    conversions: ({ reader }) => {
      holder.conversions ??= openConversions(reader);
      return holder.conversions;
    },
    otherPaths: (seams) => {
      const { catalog, reader } = seams;
      const aggregation = aggregationFor(seams);
      const { externalAddress = `${options.host}:${port}` } = options;
      const paths: OtherPaths[] = [
        createHealthPaths({
          ...serverChecks({
            started: () => holder.server?.ready() === true,
            askDatastore: () => backend.currentRevision(),
          }),
          onResult: healthMetrics.record,
        }),
        createVersionPath(),
        createMetricsPaths({ '/metrics': registry, '/metrics/slis': healthMetrics.registry }),
        createDiscoveryPaths({ catalog, serverAddress: externalAddress, remote: aggregation }),
        createOpenIdDocuments({ issuer, externalAddress, keys: [signer.key] }),
        createOpenApiPaths({ catalog, reader, remote: aggregation }),
      ];
      return (call) => {
        for (const path of paths) {
          const answer = path(call);
          if (answer !== undefined) return answer;
        }
        return undefined;
      };
    },
    extensionAuthentication: {
      clientCa: pki.client.certPem,
      requestHeaderCa: pki.requestHeader.certPem,
      allowedNames: [PROXY_NAME],
    },
  });
  holder.server = server;
  const handshakeErrors = registry.counter({
    name: 'apiserver_tls_handshake_errors_total',
    help: 'TLS handshakes that failed.',
    stability: 'ALPHA',
  });
  const listener = await openListener({
    host: options.host,
    port,
    tls: { ...options.serving, clientCaPem: pki.client.certPem },
    handle: server.handle,
    first: options.first,
    upgradeFirst: options.upgradeFirst,
    onHandshakeError: () => handshakeErrors.add(0),
    logger,
    clock,
  });
  try {
    await server.start(abort.signal);
    await denied.follow(server.seams.feed, listener);
    holder.aggregation?.start(new Client(server.transportFor(serverUser, 'kube-aggregator')), abort.signal);
  } catch (error) {
    await listener.close({ graceMs: 0 });
    throw error;
  }

  const clientFor = (userName: string, groups: readonly string[] = groupsOf(userName)): Client =>
    new Client(server.transportFor({ name: userName, groups: [...groups, 'system:authenticated'] }));
  const informers = new Informers({
    client: clientFor('system:kube-controller-manager', ['system:masters']),
    clock,
    logger,
    signal: abort.signal,
  });
  const work = runWhileLeading(runLoops);
  const leases = await expireLeases(backend, { clock, logger });
  const stopCompaction = startCompaction(backend, { clock, logger });

  return {
    server,
    listener,
    informers,
    clientFor,
    async close() {
      stopCompaction();
      leases.stop();
      abort.abort(new Error('the control plane stops'));
      await work;
      await informers.ended();
      server.close();
      await listener.close();
      audit?.close();
    },
  };

  async function runWhileLeading(loops: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { leaderIdentity: identity, loopsAfter } = options;
    if (loopsAfter !== undefined) await Promise.race([loopsAfter, once(abort.signal, 'abort')]);
    if (abort.signal.aborted) return;
    if (identity === undefined) {
      await loops(abort.signal);
      return;
    }
    const leads = tellLeader(registry);
    const { runAsLeader } = await import('../client/leases.ts');
    const lease = { namespace: 'kube-system', name: 'kube-controller-manager' };
    const client = clientFor('system:kube-controller-manager', ['system:masters']);
    await runAsLeader({ client, lease, identity, ...LEASE_TIMES, clock, logger }, leads(loops), abort.signal);
  }

  /** Controllers and scheduler are loaded after the server answers: a tenant is ready before they are needed. */
  async function runLoops(signal: AbortSignal): Promise<void> {
    const { runControllers } = await import('../controllers/index.ts');
    const { ControllerCounts } = await import('../controllers/controller-counts.ts');
    const { runScheduler, SCHEDULER_USER } = await import('../scheduler/scheduler.ts');
    const events = (component: string, client: Client) =>
      createEventRecorder({ client, component, clock, logger, signal });
    const schedulerClient = clientFor(SCHEDULER_USER);
    await Promise.all([
      options.besideControllers?.({ informers, clientFor }, signal),
      runControllers(
        {
          clientFor: (userName) =>
            userName === serverUser.name
              ? new Client(server.transportFor(serverUser, 'kube-apiserver'))
              : clientFor(userName),
          metrics: queueMetrics,
          counts: new ControllerCounts(registry),
          informers,
          clock,
          logger,
          events,
          config: {
            ...options.controllerSettings,
            clusterCIDRs: options.clusterCidrs,
            serviceCIDRs: options.serviceCidrs,
            rootCA: pki.server.certPem,
            authorities: { client: pki.client, server: pki.server },
            issueSecretToken: signer.issueLegacyToken,
          },
          random: Math.random,
        },
        { disabled: options.disabledControllers },
        signal,
      ),
      runScheduler(
        {
          client: schedulerClient,
          informers,
          host: hostname(),
          configuration: options.schedulerConfiguration,
          metrics: registry,
          clock,
          logger,
          random: Math.random,
        },
        signal,
      ),
    ]);
  }
}

type Loops = (signal: AbortSignal) => Promise<void>;

/** Says whose controllers and scheduler work, where there are several servers. */
function tellLeader(registry: MetricsRegistry): (loops: Loops) => Loops {
  const gauge = registry.gauge({
    name: 'leader_election_master_status',
    help: '1 where this process holds the lease.',
    stability: 'ALPHA',
    labels: ['name'],
  });
  const names = ['kube-controller-manager', 'kube-scheduler'];
  const tell = (value: number): void => {
    for (const name of names) gauge.set(gauge.series(name), value);
  };
  tell(0);
  return (loops) => async (signal) => {
    tell(1);
    try {
      await loops(signal);
    } finally {
      tell(0);
    }
  };
}

interface OpenAudit {
  readonly auditor: Auditor;
  close(): void;
}

/** Loaded where somebody wants it. @throws Error where the log cannot be written. */
async function openAudit(
  { policy, log: settings }: AuditSettings,
  { registry, clock, logger }: { registry: MetricsRegistry; clock: Clock; logger: Logger },
): Promise<OpenAudit> {
  const [{ Auditor }, { AuditLog }] = await Promise.all([
    import('../apiserver/audit/auditor.ts'),
    import('../apiserver/audit/audit-log.ts'),
  ]);
  const log = new AuditLog(settings, clock, logger);
  return { auditor: new Auditor({ policy, sink: log, clock, registry }), close: () => log.close() };
}

/** Who the server is to extension servers, whom it tells for whom it asks. */
function issueProxyIdentity({ requestHeader }: Pki, clock: Clock): { certPem: string; keyPem: string } {
  const subject = { commonName: PROXY_NAME, organizations: [], usages: ['client'] as const };
  const { chainPem, keyPem = '' } = issueCertificate(requestHeader, subject, { nowMs: clock.nowMs() });
  return { certPem: chainPem, keyPem };
}

/** A service account is in the groups of its namespace. */
function groupsOf(userName: string): readonly string[] {
  const [system, kind, namespace] = userName.split(':');
  if (system === 'system' && kind === 'serviceaccount')
    return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  return system === 'system' && kind === 'node' ? ['system:nodes'] : [];
}
