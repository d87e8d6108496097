import type { Client } from '../client/client.ts';
import type { Backend } from '../datastore/backend.ts';
import { endpoints, services } from '../generated/resource-types.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import type { ResourceDefinition } from '../machinery/object/resource-definition.ts';
import { builtinShape } from '../machinery/schema/builtin.ts';
import type { Clock } from '../std/clock.ts';
import type { AuthenticatedCall, Authenticator, Authorizer, Handler } from './call.ts';
import { crdHooks } from './crds/crd-hooks.ts';
import { withCrdRules } from './crds/crd-strategy.ts';
import type { ObjectReader } from './object-reader.ts';
import { withConnectAdmission } from './proxy/connect-admission.ts';
import { namespaceHooks } from './registry/namespace-hooks.ts';
import type { ResourceStore } from './registry/store.ts';
import type { ResourceExtras, ResourcesBuilder } from './resources-builder.ts';
import type { ServedResource, SubresourceHandlers } from './served-resource.ts';
import { createOnlyHandler, partHandlers, type StoredParts } from './served-verbs.ts';
import { decodeStored } from './stored-values.ts';
import { NodePorts, parsePortRange } from './subresources/allocators/node-ports.ts';
import { PortRecord } from './subresources/allocators/port-record.ts';
import { serviceHooks } from './subresources/allocators/service-hooks.ts';
import type { ServiceIps } from './subresources/allocators/service-ips.ts';
import { bindingCreater } from './subresources/binding.ts';
import type { Creater } from './subresources/creater.ts';
import { evictionCreater } from './subresources/eviction.ts';
import { ephemeralContainersRules, resizeRules } from './subresources/pod-parts.ts';
import { approvalRules, finalizeRules } from './subresources/rules.ts';
import { scaleColumns } from './subresources/scale-columns.ts';
import { defaultTokenRequest, type TokenIssuer, tokenCreater } from './subresources/token.ts';
import {
  localSubjectAccessReviewCreater,
  selfSubjectAccessReviewCreater,
  subjectAccessReviewCreater,
} from './virtual/access-reviews.ts';
import { selfSubjectRulesReviewCreater } from './virtual/rules-review.ts';
import { selfSubjectReviewCreater } from './virtual/self-subject-review.ts';
import { tokenReviewCreater } from './virtual/token-review.ts';

export interface BuiltinDeps {
  readonly builder: ResourcesBuilder;
  readonly clock: Clock;
  readonly reader: ObjectReader;
  /** The server's own client. */
  readonly client: Client;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly tokenIssuer: TokenIssuer;
  readonly serviceIps: ServiceIps;
  readonly nodePorts: string;
  /** Where it is kept which node ports are taken. */
  readonly backend: Backend;
  readonly connectors: Readonly<Record<string, Handler<AuthenticatedCall>>>;
}

const CRDS = 'apiextensions.k8s.io/customresourcedefinitions';

/** All built-in kinds, ready to answer: the stored ones, and those that only act. */
export function buildBuiltinResources(
  definitions: readonly ResourceDefinition[],
  deps: BuiltinDeps,
): readonly ServedResource[] {
  const stores = new Map<string, ResourceStore>();
  const virtual = virtualCreaters(deps, stores);
  return definitions.map((record) => {
    const path = `${record.group}/${record.plural}`;
    const definition = path === CRDS ? withCrdRules(record) : record;
    const creater = virtual[path];
    if (creater !== undefined) return deps.builder.virtual(definition, creater);
    const siblings = definitions.filter((other) => other.storagePrefix === definition.storagePrefix);
    const resource = deps.builder.stored(definition, siblings, extrasOf(path, deps));
    stores.set(path, resource.store);
    const deprecation = deprecations[path];
    return deprecation === undefined ? resource : { ...resource, deprecation };
  });
}

/** Source: the lifecycle marks of `k8s.io/api/core/v1/types.go`. */
const deprecations: Readonly<Record<string, string>> = {
  '/endpoints': 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  '/componentstatuses': 'v1 ComponentStatus is deprecated in v1.19+',
};

function virtualCreaters(
  deps: BuiltinDeps,
  stores: ReadonlyMap<string, ResourceStore>,
): Readonly<Record<string, Creater>> {
  return {
    '/bindings': lazy(() => bindingCreater({ pods: requireStore(stores, '/pods'), clock: deps.clock })),
    'authentication.k8s.io/tokenreviews': tokenReviewCreater(deps),
    'authentication.k8s.io/selfsubjectreviews': selfSubjectReviewCreater(deps),
    'authorization.k8s.io/subjectaccessreviews': subjectAccessReviewCreater(deps),
    'authorization.k8s.io/localsubjectaccessreviews': localSubjectAccessReviewCreater(deps),
    'authorization.k8s.io/selfsubjectaccessreviews': selfSubjectAccessReviewCreater(deps),
    'authorization.k8s.io/selfsubjectrulesreviews': selfSubjectRulesReviewCreater(deps),
  };
}

/** Stores know each other only once all are made. */
function lazy(make: () => Creater): Creater {
  let made: Creater | undefined;
  return {
    create(object, request) {
      made ??= make();
      return made.create(object, request);
    },
  };
}

function requireStore(stores: ReadonlyMap<string, ResourceStore>, path: string): ResourceStore {
  const store = stores.get(path);
  if (store === undefined) throw new Error(`${path} is not served`);
  return store;
}

function extrasOf(path: string, deps: BuiltinDeps): ResourceExtras {
  const connected = connectorsOf(path, deps.connectors);
  const own = subresourcesOf(path, deps);
  return {
    hooks: hooksOf(path, deps),
    subresources: (parts) => ({ ...admitted(connected, parts), ...own?.(parts) }),
  };
}

function connectorsOf(
  path: string,
  connectors: BuiltinDeps['connectors'],
): Readonly<Record<string, Handler<AuthenticatedCall>>> {
  const prefix = path.startsWith('/') ? `${path.slice(1)}/` : `${path}/`;
  const found: Record<string, Handler<AuthenticatedCall>> = {};
  for (const [name, handler] of Object.entries(connectors)) {
    if (name.startsWith(prefix)) found[name.slice(prefix.length)] = handler;
  }
  return found;
}

function admitted(
  connected: Readonly<Record<string, Handler<AuthenticatedCall>>>,
  { definition, deps }: StoredParts,
): Readonly<Record<string, SubresourceHandlers>> {
  return Object.fromEntries(
    Object.entries(connected).map(([subresource, handler]) => {
      const admitting = withConnectAdmission(handler, { definition, subresource }, deps.admission);
      return [subresource, Object.fromEntries(connectMethods(subresource).map((method) => [method, admitting]))];
    }),
  );
}

/** Source: `ConnectMethods` in `pkg/registry/core/pod/rest`; logs are read, as any resource. */
function connectMethods(subresource: string): readonly string[] {
  if (subresource === 'proxy') return ['*'];
  return subresource === 'log' ? ['GET'] : ['GET', 'POST'];
}

function hooksOf(path: string, deps: BuiltinDeps): ResourceExtras['hooks'] {
  switch (path) {
    case '/namespaces':
      return namespaceHooks;
    case CRDS:
      return crdHooks;
    case '/services':
      return serviceHooks({
        ips: deps.serviceIps,
        ports: nodePortsOf(deps),
        async deleteEndpoints(namespace, name) {
          try {
            await deps.client.delete(endpoints, { namespace, name });
          } catch (error) {
            if (!isNotFound(error)) throw error;
          }
        },
      });
    default:
      return undefined;
  }
}

function nodePortsOf({ backend, nodePorts, reader, clock }: BuiltinDeps): NodePorts {
  const range = parsePortRange(nodePorts);
  const record = new PortRecord(backend, range, decodeStored);
  return new NodePorts({ range, record, stored: () => reader.list(services), clock });
}

type MakeSubresources = (parts: StoredParts) => Readonly<Record<string, SubresourceHandlers>>;

function subresourcesOf(path: string, deps: BuiltinDeps): MakeSubresources | undefined {
  switch (path) {
    case '/pods':
      return (parts) => podSubresources(parts, deps);
    case '/namespaces':
      return (parts) => ({ finalize: only('PUT', partHandlers(parts, 'finalize', finalizeRules())) });
    case '/serviceaccounts':
      return (parts) => ({
        token: actionHandlers(parts, 'token', tokenRequest, tokenCreater({ ...deps, issuer: deps.tokenIssuer }), {
          keepsSystemFields: true,
        }),
      });
    case 'certificates.k8s.io/certificatesigningrequests':
      return (parts) => ({ approval: partHandlers(parts, 'approval', approvalRules) });
    default:
      return undefined;
  }
}

function podSubresources(parts: StoredParts, deps: BuiltinDeps): Readonly<Record<string, SubresourceHandlers>> {
  const pods = parts.store;
  const eviction = evictionCreater({ ...deps, pods });
  return {
    binding: actionHandlers(parts, 'binding', binding, bindingCreater({ pods, clock: deps.clock }), {
      keepsSystemFields: true,
    }),
    eviction: actionHandlers(parts, 'eviction', podEviction, eviction),
    ephemeralcontainers: partHandlers(parts, 'ephemeralcontainers', ephemeralContainersRules),
    resize: partHandlers(parts, 'resize', resizeRules),
  };
}

/** A subresource that takes POST alone, with a kind of its own. */
function actionHandlers(
  parts: StoredParts,
  subresource: string,
  bodyDefinition: ResourceDefinition,
  creater: Creater,
  options: { keepsSystemFields?: boolean } = {},
): SubresourceHandlers {
  const scope = { definition: parts.definition, bodyDefinition, subresource, deps: parts.deps };
  return { POST: createOnlyHandler(scope, creater, options) };
}

function only(method: string, handlers: SubresourceHandlers): SubresourceHandlers {
  return Object.fromEntries(Object.entries(handlers).filter(([name]) => name === method));
}

/** The record of a kind that only travels in subresources. */
function bodyRecord(
  group: string,
  version: string,
  kind: string,
  typeName: string,
  { columns = [], strategy = {} }: Partial<Pick<ResourceDefinition, 'columns' | 'strategy'>> = {},
): ResourceDefinition {
  return {
    group,
    version,
    kind,
    plural: kind.toLowerCase(),
    namespaced: true,
    listKind: `${kind}List`,
    singular: kind.toLowerCase(),
    shortNames: [],
    categories: [],
    verbs: [],
    origin: 'builtin',
    get schema() {
      return builtinShape(typeName);
    },
    storagePrefix: '',
    storageVersion: version,
    hasStatus: false,
    columns,
    selectableFields: {},
    generation: 'none',
    allowCreateOnUpdate: false,
    allowUnconditionalUpdate: true,
    defaultPropagation: 'Background',
    strategy,
  };
}

export const scaleRecord = bodyRecord('autoscaling', 'v1', 'Scale', 'autoscaling/v1.Scale', { columns: scaleColumns });
const binding = bodyRecord('', 'v1', 'Binding', 'core/v1.Binding');
const podEviction = bodyRecord('policy', 'v1', 'Eviction', 'policy/v1.Eviction');
const tokenRequest = bodyRecord('authentication.k8s.io', 'v1', 'TokenRequest', 'authentication/v1.TokenRequest', {
  strategy: { applyDefaults: defaultTokenRequest },
});
