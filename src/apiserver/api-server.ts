import { Client } from '../client/client.ts';
import type { Transport } from '../client/transport.ts';
import { writeBigIntsAsNumbers } from '../machinery/codecs/json/exact-numbers.ts';
import type { ResourceType } from '../machinery/object/object.ts';
import type { ResourceDefinition } from '../machinery/object/resource-definition.ts';
import { type AdmissionChain, type AdmissionPlugin, createAdmissionChain } from './admission/admission.ts';
import { builtinPlugins } from './admission/plugins/index.ts';
import { rbacEscalation } from './admission/plugins/rbac-escalation.ts';
import { createAuthorization } from './authz/authorizer.ts';
import { bootstrap, readRecorded } from './bootstrap/bootstrap.ts';
import { ensureKubernetesService, publishEndpoints } from './bootstrap/kubernetes-service.ts';
import { buildBuiltinResources, scaleRecord } from './builtin-resources.ts';
import type { Authorizer, Call, Credentials, Handler, User, WireAnswer } from './call.ts';
import { Catalog } from './catalog.ts';
import { createChain } from './chain.ts';
import { ApiServices } from './crds/api-services.ts';
import type { ConversionCaller } from './crds/conversion-webhook.ts';
import { CrdController } from './crds/crd-controller.ts';
import { CustomResources } from './crds/custom-resources.ts';
import { createDispatcher } from './dispatch.ts';
import { withAuthorization } from './filters/authorization.ts';
import { FlowControl } from './flowcontrol/flow-control.ts';
import { FlowSchemaStatuses } from './flowcontrol/flow-schema-statuses.ts';
import { keepStandardConfigs } from './flowcontrol/standard-objects.ts';
import { InProcessTransport } from './in-process/transport.ts';
import { userAgentOf } from './in-process/user-agent.ts';
import { createApiServerMetrics } from './metrics/api-server-metrics.ts';
import { collectCacheMetrics } from './metrics/cache-metrics.ts';
import { countInside } from './metrics/count-inside.ts';
import { createResourceNames } from './metrics/storage-metrics.ts';
import type { ObjectReader } from './object-reader.ts';
import { CacheReader, type ReadableResource } from './registry/cache-reader.ts';
import { indexFor } from './registry/cache-storage.ts';
import type { Freshness } from './registry/cached-collection.ts';
import { VersionView } from './registry/version-view.ts';
import { ResourcesBuilder } from './resources-builder.ts';
import type { ResourceCatalog } from './served-resources.ts';
import type { ApiServerOptions, Part, ServerSeams } from './server-options.ts';
import { Storage } from './storage/storage.ts';
import { decodeStored } from './stored-values.ts';
import { firstAddress, parseIpRange } from './subresources/allocators/ip-range.ts';
import { ServiceIps } from './subresources/allocators/service-ips.ts';

/** One Kubernetes API server, blind to what it is part of and to the network. */
export interface ApiServer {
  /** Serves a call from outside: the whole chain. */
  readonly handle: Handler<Call, WireAnswer>;
  readonly catalog: ResourceCatalog;
  readonly reader: ObjectReader;
  readonly seams: ServerSeams;
  readonly authorizer: Authorizer;
  /** Calls the server from this process under an identity. @param userAgent - Default: the program that the user is. */
  transportFor(user: User, userAgent?: string): Transport;
  /** Writes what every cluster has, serves the custom kinds that exist, and keeps both up until the signal aborts. */
  start(signal: AbortSignal): Promise<void>;
  /** Whether {@link start} has finished. */
  ready(): boolean;
  /** Tells the cluster where this server is: Service, Endpoints and EndpointSlice `default/kubernetes`. */
  publishEndpoints(addresses: readonly string[], port: number): Promise<void>;
  /** Ends watches. The datastore stays open: it is the caller's. */
  close(): void;
}

const DEFAULT_SERVICE_CIDR = '10.43.0.0/16';
const DEFAULT_NODE_PORTS = '30000-32767';
const DEFAULT_PORT = 6443;
const KUBERNETES_SERVICE_TRIES = 10;
const KUBERNETES_SERVICE_PAUSE_MS = 300;

/** The server itself, when it calls itself. Source: apiserver `pkg/authentication/user` (APIServerUser). */
export const serverUser: User = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] };

/** Composes a server; it answers at once, and is ready after {@link ApiServer.start}. */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { backend, clock, logger, definitions } = options;
  writeBigIntsAsNumbers();
  const serviceCidrs = options.serviceCidrs ?? [DEFAULT_SERVICE_CIDR];
  const metrics = options.metrics ?? createApiServerMetrics(clock);
  const resourceOf = createResourceNames(definitions);
  const storage = new Storage({
    backend,
    backendFor: (prefix) => metrics.datastore.meter(backend, resourceOf(prefix)),
    clock,
    logger,
    decodeStored,
  });
  const prefixes = new Set(definitions.filter(({ verbs }) => verbs.includes('get')).map((each) => each.storagePrefix));
  collectCacheMetrics(metrics.registry, {
    backend,
    clock,
    prefixes: () => new Set([...prefixes, ...storage.prefixes()]),
    cacheOf: (prefix) => storage.existing(prefix),
    resourceOf,
    revision: () => storage.revision,
  });
  await storage.start();
  const freshness: Freshness = {
    get revision() {
      return storage.revision;
    },
    seen: (revision) => storage.seen(revision),
    newest: () => backend.currentRevision(),
  };
  const catalog = new Catalog();
  const reader = new CacheReader(findReadable(definitions, storage));
  const seams: ServerSeams = { reader, feed: reader, catalog };
  const { authorizer, plugins: authorizationPlugins, close: closeAuthorization } = await makeAuthorizer(options, seams);
  const authenticator = await make(options.authenticator, seams);
  const admission = delayed<AdmissionChain>('admission');
  const builder = new ResourcesBuilder({
    storage,
    freshness,
    clock,
    verbs: {
      admission: { mutate: (a) => admission.get().mutate(a), validate: (a) => admission.get().validate(a) },
      authorizer,
      clock,
    },
    scaleDefinition: scaleRecord,
  });
  const dispatch = createDispatcher({
    resources: catalog,
    other: await options.otherPaths?.(seams),
    aggregated: options.aggregated === undefined ? undefined : await make(options.aggregated, seams),
  });
  const serveInside = countInside(
    {
      ...metrics,
      clock,
      auditor: options.auditor,
      host: `127.0.0.1:${options.advertisedPort ?? DEFAULT_PORT}`,
    },
    withAuthorization(metrics.access.authorizer(authorizer), dispatch),
  );
  const transportFor = (user: User, userAgent = userAgentOf(user.name)): Transport =>
    new InProcessTransport({ serve: serveInside, user, userAgent, clock });
  const client = new Client(transportFor(serverUser, 'kube-apiserver'));
  const serviceIps = new ServiceIps({ client, reader, cidrs: serviceCidrs, clock });
  catalog.setBuiltin(
    buildBuiltinResources(definitions, {
      builder,
      clock,
      reader,
      client,
      authenticator,
      authorizer,
      tokenIssuer: options.tokenIssuer,
      serviceIps,
      nodePorts: options.nodePorts ?? DEFAULT_NODE_PORTS,
      backend,
      connectors: options.connectors === undefined ? {} : await make(options.connectors, seams),
    }),
  );
  admission.set(
    createAdmissionChain(
      await builtinPlugins(
        {
          ...seams,
          client,
          clock,
          authorizer,
          readSubject: options.readRequestSubject,
          podSecurityMetrics: metrics.podSecurity,
          configured: [
            ...(options.admission === undefined ? [] : await make(options.admission, seams)),
            ...authorizationPlugins,
          ],
        },
        options.admissionPlugins,
      ),
      metrics.admission,
    ),
  );
  const flowControl = new FlowControl({ feed: seams.feed, clock, seats: options.seats });
  const handle = createChain({
    logger,
    clock,
    authenticator,
    authorizer,
    auditor: options.auditor,
    flowControl,
    metrics,
    credentialsOf: options.credentialsOf ?? headersOnly,
    dispatch,
  });
  const deps = { client, reader };
  let ready = false;

  return {
    handle,
    catalog,
    reader,
    seams,
    authorizer,
    transportFor,
    ready: () => ready,
    async start(signal) {
      const custom = new CustomResources({
        builder,
        catalog,
        storage,
        logger,
        openCaller: () => openConversions(options, seams),
      });
      const controller = new CrdController({ client, clock, logger, publish: (crds) => custom.publish(crds) });
      const apiServices = new ApiServices({ ...deps, clock });
      const { extensionAuthentication } = options;
      await bootstrap({ ...deps, serviceCidrs, extensionAuthentication });
      await Promise.all([
        serviceIps.repair().then(() => startKubernetesService()),
        controller.start(signal),
        flowControl.start(signal),
        apiServices.sync(versionsOf(catalog)),
      ]);
      const subscription = catalog.onResourcesChange(() => {
        apiServices
          .sync(versionsOf(catalog))
          .catch((error) => logger.warn('APIServices are not up to date', { error }));
      });
      signal.addEventListener('abort', () => subscription.close(), { once: true });
      ready = true;
      const statuses = new FlowSchemaStatuses({ client, feed: seams.feed, clock, logger });
      keepStandardConfigs({ ...deps, clock, logger }, readRecorded, signal);
      void statuses.start(signal).catch((error) => logger.warn('flow schemas have no status', { error }));
    },
    publishEndpoints: async (addresses, port) => {
      await startKubernetesService(port);
      await publishEndpoints(deps, addresses, port);
    },
    close() {
      closeAuthorization();
      storage.close();
    },
  };

  async function startKubernetesService(port?: number): Promise<void> {
    const [primary] = serviceCidrs;
    if (primary === undefined) return;
    const ip = firstAddress(parseIpRange(primary));
    for (let tries = 1; ; tries++) {
      try {
        await ensureKubernetesService(deps, ip, port ?? options.advertisedPort ?? DEFAULT_PORT);
        return;
      } catch (error) {
        // Another server that starts at the same moment is about to make it.
        if (tries === KUBERNETES_SERVICE_TRIES) throw error;
        await clock.sleep(KUBERNETES_SERVICE_PAUSE_MS);
      }
    }
  }
}

async function openConversions({ conversions }: ApiServerOptions, seams: ServerSeams): Promise<ConversionCaller> {
  if (conversions === undefined) throw new Error('this server reaches no webhooks');
  return await make(conversions, seams);
}

async function make<T>(part: Part<T>, seams: ServerSeams): Promise<T> {
  return typeof part === 'function' ? await (part as (seams: ServerSeams) => T | Promise<T>)(seams) : part;
}

interface MadeAuthorizer {
  readonly authorizer: Authorizer;
  readonly plugins: readonly AdmissionPlugin[];
  close(): void;
}

async function makeAuthorizer(options: ApiServerOptions, seams: ServerSeams): Promise<MadeAuthorizer> {
  if (options.authorizer !== undefined) {
    return { authorizer: await make(options.authorizer, seams), plugins: [], close: () => {} };
  }
  const { authorizer, rbac, close } = await createAuthorization(seams.feed, options.metrics?.access.decided);
  return { authorizer, plugins: [rbacEscalation({ rbac, authorizer })], close };
}

/** A part that others refer to before it can be made. */
function delayed<T>(name: string): { get(): T; set(value: T): void } {
  let value: T | undefined;
  return {
    get() {
      if (value === undefined) throw new Error(`${name} is not there yet`);
      return value;
    },
    set(made) {
      value = made;
    },
  };
}

function headersOnly(call: Call): Credentials {
  return { header: (name) => call.header(name), certificates: [], query: call.query };
}

/** The caches of built-in kinds, made when first asked for. */
function findReadable(
  definitions: readonly ResourceDefinition[],
  storage: Storage,
): (type: ResourceType) => ReadableResource | undefined {
  const found = new Map<string, ReadableResource>();
  return ({ group, version, plural }) => {
    const path = `${group}/${version}/${plural}`;
    const known = found.get(path);
    if (known !== undefined) return known;
    const definition = definitions.find(
      (item) => item.group === group && item.version === version && item.plural === plural,
    );
    if (definition === undefined) return undefined;
    const { storagePrefix } = definition;
    const siblings = definitions.filter((item) => item.storagePrefix === storagePrefix);
    const cache = storage.cache(storagePrefix, indexFor(siblings));
    const readable = { cache, view: new VersionView(definition), storagePrefix };
    found.set(path, readable);
    return readable;
  };
}

function versionsOf(catalog: Catalog): { group: string; version: string; origin: 'builtin' | 'custom' }[] {
  return catalog.resourcesSnapshot().groups.flatMap(({ group, versions }) =>
    versions.map(({ version, resources }) => ({
      group,
      version,
      origin: resources.some(({ definition }) => definition.origin === 'builtin') ? 'builtin' : 'custom',
    })),
  );
}
